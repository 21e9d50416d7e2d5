"""For those who use locust: chat requests, streamed and not, against any OpenAI-compatible server.

    locust -f bench/load/locustfile.py --host http://127.0.0.1:4000 --users 20 --spawn-rate 5

`LOAD_MODEL` names the model (default demo-local), `LOAD_KEY` is sent as a bearer token. Locust is a
closed loop: its percentiles do not show a frozen server in full; `python -m bench.load` does. The time
to the first token is reported as a request of its own, named `first token`.
"""

# Locust is typed in part and may be absent where types are checked; both must pass.
# mypy: disable-error-code="misc,no-untyped-call"

import os
import time

from locust import FastHttpUser, between, events, task

MODEL = os.environ.get("LOAD_MODEL", "demo-local")
KEY = os.environ.get("LOAD_KEY", "")
PATH = "/v1/chat/completions"


class ChatUser(FastHttpUser):
    """Somebody who chats: mostly streams, sometimes not."""

    wait_time = between(0.1, 1.0)

    def on_start(self) -> None:
        """Headers of every request."""
        self.headers = {"content-type": "application/json"}
        if KEY:
            self.headers["authorization"] = f"Bearer {KEY}"

    def _body(self, stream: bool) -> dict[str, object]:
        messages = [{"role": "user", "content": "Say in one sentence what a gateway does."}]
        return {"model": MODEL, "messages": messages, "max_tokens": 64, "stream": stream}

    @task(1)
    def document(self) -> None:
        """One JSON answer."""
        with self.client.post(
            PATH, json=self._body(False), headers=self.headers, name="chat", catch_response=True
        ) as response:
            if response.status_code == 200 and not (response.json() or {}).get("choices"):
                response.failure("no choices in the answer")

    @task(3)
    def streamed(self) -> None:
        """A stream, read to its end."""
        started = time.perf_counter()
        first = 0.0
        last = ""
        with self.client.post(
            PATH,
            json=self._body(True),
            headers=self.headers,
            name="chat stream",
            stream=True,
            catch_response=True,
        ) as response:
            if response.status_code != 200:
                return
            for line in response.iter_lines():
                text = line.decode() if isinstance(line, bytes) else line
                if text.startswith("data:"):
                    last = text
                    if not first and '"content":"' in text and '"content":""' not in text:
                        first = time.perf_counter()
            if not last.startswith("data: [DONE]"):
                response.failure("the stream ended without [DONE]")
        if first:
            events.request.fire(
                request_type="SSE",
                name="first token",
                response_time=(first - started) * 1000,
                response_length=0,
                exception=None,
                context={},
            )
