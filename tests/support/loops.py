"""Run a coroutine on a chosen event loop, strictly.

Tests are plain functions that call `run`. A fresh loop in debug mode per test; whatever the loop
reports to its exception handler (exceptions never retrieved, callbacks that raised, destroyed pending
tasks) fails the test, because in a server these are the faults that nobody sees until they add up.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

LOOPS: dict[str, LoopFactory] = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


class LoopComplaint(AssertionError):
    """The event loop reported errors that no code handled."""


def run(
    main: Coroutine[Any, Any, T],
    factory: LoopFactory = asyncio.SelectorEventLoop,
    seconds: float = 20.0,
    forgive: str | None = None,
) -> T:
    """The result of `main`; fails after `seconds` and on anything the loop complained about.

    `forgive` is the beginning of a complaint that the test provokes on purpose.
    """
    complaints: list[str] = []

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message = str(context.get("message"))
        if forgive is None or not message.startswith(forgive):
            complaints.append(f"{message}: {context.get('exception')!r} {context.get('task', '')}")

    with asyncio.Runner(debug=True, loop_factory=factory) as runner:
        loop = runner.get_loop()
        loop.slow_callback_duration = 5.0
        loop.set_exception_handler(complain)

        async def bounded() -> T:
            async with asyncio.timeout(seconds):
                return await main

        # Exceptions never retrieved are reported when their future is collected, so collect; what was
        # there before is frozen, since walking it would take longer than most tests.
        gc.freeze()
        try:
            result = runner.run(bounded())
            gc.collect()
            runner.run(asyncio.sleep(0))
        finally:
            gc.unfreeze()
    if complaints:
        raise LoopComplaint("\n".join(complaints))
    return result
