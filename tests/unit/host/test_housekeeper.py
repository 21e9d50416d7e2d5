"""What wakes an idle housekeeper: a few beats, and nothing else that was not asked for."""

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hybridgw.config.load import load
from hybridgw.config.schema import Settings
from hybridgw.host import bell, journal_care, publication
from hybridgw.host.housekeeper import Duty, Housekeeper
from hybridgw.host.runtime import RuntimeInfo, ask_again
from hybridgw.native import Journal, StateFile
from tests.support.host_info import make_run

FILE = "health: {enabled: false}\nretry: {max_attempts: %d}\n"


class Scene:
    """A run with a housekeeper in this process, and a journal that rings for it."""

    def __init__(self, folder: Path, *, pipe: bool = True) -> None:
        self.file = folder / "conf" / "hybridgw.yaml"
        self.file.parent.mkdir()
        self.file.write_text(FILE % 3)
        self.info: RuntimeInfo
        self.state: StateFile
        self.info, self.state = make_run(folder, config_path=str(self.file))
        if pipe:
            bell.make(Path(self.info.run_dir))
        settings: Settings = load(str(self.file), {})
        publication.publish(self.info, self.state, publication.effective(self.info, settings))
        path = bell.path(self.info.run_dir)
        self.journal = Journal(
            self.info.journal_dir,
            self.info.instance,
            0,
            1,
            1 << 16,
            None if path is None else (self.state, path),
        )
        self.keeper = Housekeeper(self.info)
        self.duty = {one.name: one for one in self.keeper.duties}
        self.rest()

    def rest(self) -> None:
        """Let every duty come to rest: what was written becomes old, and two looks see the same."""
        past = 1_000_000_000
        for path in (Path(self.info.journal_dir), Path(self.journal.path())):
            os.utime(path, ns=(past, past))
        for _ in range(4):
            for one in self.keeper.duties:
                one.run(100.0)

    def pauses(self) -> dict[str, float]:
        return {one.name: one.due - 100.0 for one in self.keeper.duties}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    found = Scene(tmp_path)
    yield found
    found.keeper.wakeups.close()


def test_an_idle_housekeeper_has_these_beats_and_no_others(scene: Scene) -> None:
    assert scene.pauses() == {
        "sweep": 1.0,
        "life": 1.0,
        "sync": math.inf,
        "reload": 5.0,
        "probe": 1.0,
        "forget": 10.0,
        "learn": math.inf,
        "load": math.inf,
        "tidy": 10.0,
    }
    assert scene.keeper.wakeups.wait(0.0) == ([], set())


def test_beats_of_a_second_and_more_wake_up_together() -> None:
    def answering(pause: float) -> Callable[[], float]:
        return lambda: pause

    for pause, due in ((1.0, 8.0), (5.0, 12.0), (10.0, 17.0), (0.25, 7.55), (math.inf, math.inf)):
        duty = Duty("x", 99.0, answering(pause))
        duty.run(7.3)
        assert duty.due == pytest.approx(due)


def test_a_duty_that_fails_is_due_after_its_interval(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> float:
        raise OSError("no disk")

    duty = Duty("sync", 0.05, fail)
    duty.run(7.0)
    assert duty.due == pytest.approx(7.05)
    assert "sync: OSError: no disk" in capfd.readouterr().err


def test_writing_at_rest_rings_and_is_flushed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the state says what a writer asks; that records ring is the native side's test."""
    flushed: list[str] = []
    monkeypatch.setattr(journal_care, "_flush", lambda path: flushed.append(path.name))
    name = Path(scene.journal.path()).name
    os.unlink(scene.journal.path())
    assert scene.journal.prepare(), "it writes its records again, and rings"
    _, ready = scene.keeper.wakeups.wait(10.0)
    assert ready
    for one in scene.keeper.duties:
        one.due = math.inf
    # Only the duties that the ring asks for have a turn.
    scene.duty["life"].due = 0.0
    assert scene.keeper.turn()
    assert {one.name for one in scene.keeper.duties if one.due == 0.0} == {"sync", "probe", "learn"}
    scene.duty["sync"].run(100.0)
    assert flushed == [Path(scene.journal.path()).name] != [name]
    assert scene.pauses()["sync"] == pytest.approx(0.05), "it looks again until nothing was written"


def test_what_is_written_while_it_goes_to_rest_is_found_by_the_last_look(scene: Scene) -> None:
    syncer = scene.keeper._syncer
    looks: list[int] = []

    def sync() -> int:
        looks.append(1)
        # The first look saw nothing; the record came between it and the word that says that it rests.
        return int(len(looks) == 2)

    syncer.sync = sync  # type: ignore[method-assign]
    scene.duty["sync"].run(100.0)
    assert scene.pauses()["sync"] == pytest.approx(0.05)
    scene.duty["sync"].run(100.0)
    assert scene.pauses()["sync"] == math.inf
    assert len(looks) == 4


def test_a_disk_that_fails_at_the_last_look_is_tried_again(scene: Scene) -> None:
    looks: list[int] = []

    def sync() -> int:
        looks.append(1)
        if len(looks) == 2:
            raise OSError("no disk")
        return 0

    scene.keeper._syncer.sync = sync  # type: ignore[method-assign]
    scene.duty["sync"].run(100.0)
    assert scene.pauses()["sync"] == pytest.approx(0.05)


def test_breakers_are_looked_at_as_long_as_something_is_written(scene: Scene) -> None:
    scene.keeper._flushing = True
    scene.duty["probe"].run(100.0)
    assert scene.pauses()["probe"] == pytest.approx(0.1)


def test_a_changed_file_is_an_event(scene: Scene) -> None:
    scene.file.with_suffix(".new").write_text(FILE % 5)
    scene.file.with_suffix(".new").rename(scene.file)
    for one in scene.keeper.duties:
        one.due = math.inf
    scene.duty["life"].due = 0.0
    assert scene.keeper.turn()
    assert scene.duty["reload"].due == 0.0
    scene.duty["reload"].run(100.0)
    assert scene.pauses()["reload"] == pytest.approx(0.25), "it might be half written"
    scene.duty["reload"].run(100.0)
    assert publication.read_published(scene.info, scene.state).settings.retry.max_attempts == 5


def test_asking_again_rings(scene: Scene) -> None:
    ask_again(scene.info)
    assert scene.keeper.wakeups.wait(10.0)[1]


def test_without_a_bell_nothing_that_needs_one_rests(tmp_path: Path) -> None:
    scene = Scene(tmp_path, pipe=False)
    assert bell.path(scene.info.run_dir) is None
    pauses = scene.pauses()
    assert pauses["sync"] == pytest.approx(0.05)
    assert pauses["probe"] == pytest.approx(0.1)
    assert pauses["learn"] == pytest.approx(0.25)
    scene.keeper.wakeups.close()


def test_a_ring_while_the_housekeeper_is_dead_waits_for_its_successor(tmp_path: Path) -> None:
    bell.make(tmp_path)
    dead = bell.listen(str(tmp_path))
    assert dead is not None
    os.close(dead)
    holder = bell.listen(str(tmp_path))  # a worker has it open, as long as there is one
    assert holder is not None
    bell.ring(str(tmp_path))
    again = bell.listen(str(tmp_path))
    assert again is not None
    assert bell.silence(again)
    assert not bell.silence(again)
    os.close(holder)
    os.close(again)
