"""A worker that is there and does nothing; a state folder that somebody removed."""

import os
import shutil
import signal

from tests.support.gateway import Gateway
from tests.support.player import Player, whole
from tests.support.waiting import until

ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}'
ASK = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


def config(upstream: Player) -> dict[str, object]:
    return {
        "deployments": [upstream.deployment()],
        "models": [{"name": "m", "deployments": ["local/m"]}],
    }


def test_readiness_tells_of_a_worker_that_hangs() -> None:
    with Player() as upstream, Gateway(config(upstream), workers=2) as gateway:
        until(lambda: gateway.get("/health/readiness").json["status"] == "healthy")
        victim = gateway.pids()[0]
        os.kill(victim, signal.SIGSTOP)
        try:

            def degraded() -> bool:
                # The kernel may give a connection to the one that hangs: then nobody answers it.
                connection = gateway.connect(0.5)
                try:
                    connection.request("GET", "/health/readiness")
                    answer = connection.getresponse()
                    return b'"workers_missing":1' in answer.read()
                finally:
                    connection.close()

            until(degraded)
            until(lambda: f"worker (pid {victim}) has shown no life" in gateway.log())
        finally:
            os.kill(victim, signal.SIGCONT)
        until(lambda: gateway.get("/health/readiness").json["status"] == "healthy")


def test_a_state_folder_that_was_removed_is_made_again() -> None:
    with Player() as upstream, Gateway(config(upstream)) as gateway:
        for _ in range(3):
            upstream.plays(whole(ANSWER))
        assert gateway.post("/v1/chat/completions", ASK).status == 200

        def removed() -> bool:
            # The gateway may put something back while it is removed; then once more.
            try:
                shutil.rmtree(gateway.state_dir)
            except OSError:
                return False
            return True

        until(removed)
        assert gateway.post("/v1/chat/completions", ASK).status == 200
        until(lambda: (gateway.state_dir / "journal").is_dir())
        assert gateway.post("/v1/chat/completions", ASK).status == 200
        assert len(gateway.journal()) == 3, "those from before are still in memory"
        assert oct(gateway.state_dir.stat().st_mode)[-3:] == "700"
