"""A worker that has nothing to do: one timer, and events for what it would otherwise look for."""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from hybridgw.config.load import load
from hybridgw.config.schema import Settings
from hybridgw.host import publication, runtime
from hybridgw.host.folder_events import FolderEvents
from hybridgw.pipeline.call import Call
from hybridgw.server import lifecycle
from hybridgw.server.lifecycle import Lifecycle
from tests.support.host_info import make_run

FILE = "retry: {max_attempts: %d}\ndeployments:\n  - {name: local/m, provider: ollama, model: 'm:1b'}\n"
OLD = 1_000_000_000


class Scene:
    """One worker's lifecycle on a loop whose timers can be counted."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "hybridgw.yaml"
        self.info, self.state = make_run(folder, config_path=str(self.file))
        self.publish(3)
        runtime.adopt(self.info)
        self.lifecycle = Lifecycle()

    def publish(self, attempts: int) -> None:
        self.file.write_text(FILE % attempts)
        settings: Settings = load(str(self.file), {})
        publication.publish(self.info, self.state, publication.effective(self.info, settings))

    def timers(self) -> int:
        loop = cast(Any, asyncio.get_running_loop())
        return sum(not timer.cancelled() for timer in loop._scheduled)

    async def settle(self) -> None:
        """Let tasks end, then beat until a beat is slow."""
        for task in (self.lifecycle._chores, self.lifecycle._extending):
            if task is not None:
                await task
        self.lifecycle._beat.now()

    async def until(self, question: Callable[[], bool]) -> None:
        while not question():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    async def run(self, act: Callable[[], Awaitable[None]]) -> None:
        self.lifecycle._start()
        try:
            await act()
        finally:
            await self.lifecycle._stop()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    for name in ("collect", "freeze", "set_threshold"):
        monkeypatch.setattr(gc, name, lambda *_: None)
    monkeypatch.setattr(runtime, "_current", None)
    return Scene(tmp_path)


def run(scene: Scene, act: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(scene.run(act))


def test_an_idle_worker_has_one_timer_and_it_is_slow(scene: Scene) -> None:
    async def act() -> None:
        await scene.settle()
        worker, watchdog = scene.lifecycle.worker, cast(Any, scene.lifecycle._watchdog)
        assert (scene.timers(), scene.lifecycle._beat.slow, worker.resting) == (1, True, True)
        assert not watchdog.ticking
        extended = scene.lifecycle._extending
        scene.lifecycle._beat.now()
        assert scene.lifecycle._extending is extended, "an idle beat needs no thread"
        call = cast(Call, object())
        worker.enter(call)
        assert (scene.timers(), scene.lifecycle._beat.slow) == (2, False)
        assert watchdog.ticking
        worker.leave(call)
        watchdog._handle.cancel()
        watchdog._scan()
        await scene.settle()
        assert (scene.timers(), scene.lifecycle._beat.slow, worker.resting) == (1, True, True)

    run(scene, act)


def test_a_publication_is_an_event(scene: Scene) -> None:
    async def act() -> None:
        await scene.settle()
        adopted = asyncio.Event()
        adopt = scene.lifecycle._adopt

        def noted(built: Any) -> None:
            adopt(built)
            adopted.set()

        scene.lifecycle._adopt = noted  # type: ignore[method-assign]
        # No beat will come: only the event can bring the news.
        scene.lifecycle._beat.stop()
        scene.publish(5)
        await adopted.wait()
        assert scene.lifecycle.worker.plan.settings.retry.max_attempts == 5

    run(scene, act)


def test_a_removed_journal_is_an_event(scene: Scene) -> None:
    async def act() -> None:
        await scene.settle()
        before = scene.lifecycle._journal.path()
        scene.lifecycle._beat.stop()
        os.unlink(before)
        await scene.until(lambda: scene.lifecycle._journal.path() != before)
        await scene.settle()
        assert scene.lifecycle._journal_path == scene.lifecycle._journal.path()
        assert scene.lifecycle._told

    run(scene, act)


def test_without_events_the_beat_stays_fast_and_looks_by_itself(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> FolderEvents:
        events = FolderEvents()
        events.close()
        return events

    monkeypatch.setattr(lifecycle, "FolderEvents", none)

    async def act() -> None:
        await scene.settle()
        assert not scene.lifecycle._beat.slow
        scene.publish(5)
        await scene.until(lambda: scene.lifecycle.worker.plan.settings.retry.max_attempts == 5)

    run(scene, act)
