import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hybridgw.host import runtime, worker
from hybridgw.host.housekeeper import Duty
from tests.support.host_info import make_run

Sent = list[dict[str, Any]]


def run_lifespan(tmp_path: Path, application: Any, stop_after: Callable[[Sent], bool]) -> Sent:
    """Drive an application through its guarded lifespan; what it sent."""
    info, _ = make_run(tmp_path)
    sent: Sent = []

    async def scenario() -> None:
        stop = asyncio.Event()

        async def receive() -> dict[str, Any]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)
            if stop_after(sent):
                stop.set()

        entry = worker._with_lifespan(info, application, stop)
        await asyncio.wait_for(entry({"type": "lifespan"}, receive, send), 5)

    asyncio.run(scenario())
    return sent


def test_an_exception_in_start_up_is_a_failed_start_up(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise LookupError("nothing there")

    assert run_lifespan(tmp_path, application, lambda _: False) == [{"type": "lifespan.startup.failed"}]
    assert "LookupError: nothing there" in capfd.readouterr().err


def test_what_the_system_refuses_is_said_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise OSError("No space left on device")

    assert run_lifespan(tmp_path, application, lambda _: False) == [{"type": "lifespan.startup.failed"}]
    assert capfd.readouterr().err.endswith("error: start-up failed: No space left on device\n")


def test_shutdown_follows_the_signal_and_not_the_last_request(tmp_path: Path) -> None:
    received: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        received.append((await receive())["type"])
        await send({"type": "lifespan.startup.complete"})
        received.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    sent = run_lifespan(tmp_path, application, lambda sent: len(sent) == 1)
    assert received == ["lifespan.startup", "lifespan.shutdown"]
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert (tmp_path / "run-1" / "ready").exists()


def test_a_failure_after_the_start_is_not_a_failed_start(tmp_path: Path) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise LookupError("later")

    with pytest.raises(LookupError, match="later"):
        run_lifespan(tmp_path, application, lambda _: False)


def test_requests_go_straight_through(tmp_path: Path) -> None:
    info, _ = make_run(tmp_path)
    calls: list[str] = []

    def application(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        calls.append(scope["type"])
        return asyncio.sleep(0)

    async def scenario() -> None:
        await worker._with_lifespan(info, application, asyncio.Event())({"type": "http"}, None, None)  # type: ignore[arg-type]

    asyncio.run(scenario())
    assert calls == ["http"]


def test_the_application_is_found_by_name_alone() -> None:
    found: object = worker.import_application("hybridgw.host.runtime:read_info")
    assert found is runtime.read_info
    with pytest.raises(ModuleNotFoundError):
        worker.import_application("no_such_module:app")
    with pytest.raises(AttributeError):
        worker.import_application("hybridgw.host.runtime:nothing")


def test_a_duty_that_fails_is_reported_once_and_tried_again(capfd: pytest.CaptureFixture[str]) -> None:
    def act() -> None:
        raise OSError("disk full")

    duty = Duty("sync", 0.5, act)
    for turn in range(5):
        duty.run(100.0 + turn)
        assert duty.due == 100.5 + turn
    assert capfd.readouterr().err.count("sync: OSError: disk full") == 1
    duty.run(200.0)
    assert capfd.readouterr().err.count("disk full") == 1


def test_a_duty_never_turns_into_a_busy_loop() -> None:
    duty = Duty("sync", 0.0, lambda: None)
    duty.run(1.0)
    assert duty.due > 1.0
