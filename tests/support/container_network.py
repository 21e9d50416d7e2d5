"""Run inside namespaces of its own: an engine on a container network, and a gateway beside it.

    unshare --user --map-root-user --net --mount python -m tests.support.container_network CONFIG MODEL

The name `ollama` leads to an address of a bridge's network that is not this host's own, as it does
between two containers. The gateway is started with the file, then again with the line that its start
named. Prints one JSON object: what was said, and what became of a sensitive request each time.
"""

import json
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.gateway import Gateway
from tests.support.waiting import until

HOST = "172.30.77.5"
SENSITIVE = {
    "model": "near",
    "messages": [{"role": "user", "content": "My SSN is 536-22-8145, file my taxes."}],
}
ANSWER = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": True, "done_reason": "stop",
          "message": {"role": "assistant", "content": "from the own engine"}}  # fmt: skip


class Engine(BaseHTTPRequestHandler):
    """As much of Ollama as one chat needs."""

    def do_POST(self) -> None:
        """One answer."""
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(ANSWER).encode() if self.path == "/api/chat" else b"{}"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def build() -> None:
    """The bridge's network, and the name."""
    for command in (
        "ip link set lo up",
        "ip tuntap add br-test mode tap",
        "ip addr add 172.30.77.1/24 dev br-test",
        "ip link set br-test up",
        # Reached here and yet no address of an interface of this host, as another container's.
        "ip route add local 172.30.77.4/30 dev lo",
    ):
        subprocess.run(command.split(), check=True)
    with tempfile.NamedTemporaryFile("w") as hosts:
        hosts.write(f"127.0.0.1 localhost\n{HOST} ollama\n")
        hosts.flush()
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)


def ask(text: str, key: str) -> tuple[str, Any]:
    """The log of the start, and the answer to a sensitive request."""
    with Gateway(text) as gateway:
        until(lambda: "listening on" in gateway.log())
        body = {"model": sys.argv[2], **SENSITIVE}
        answer = gateway.post("/v1/chat/completions", body, {"authorization": f"Bearer {key}"})
        return gateway.log(), [answer.status, answer.json]


def main() -> None:
    """See the module."""
    text = Path(sys.argv[1]).read_text()
    build()
    server = ThreadingHTTPServer((HOST, 11434), Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key = "sk-your-proxy-master-key"
    before, refused = ask(text, key)
    (said,) = [line for line in before.splitlines() if "ollama is " in line]
    line = said.rpartition(", write ")[2].strip()
    _, answered = ask(f"{text}\n{line}\n", key)
    sys.stdout.write(json.dumps({"line": line, "refused": refused, "answered": answered}))


if __name__ == "__main__":
    main()
