"""Stored responses: whose they are, how long and how many, and what is left of them afterwards."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hybridgw.errors import Refused
from hybridgw.ledger.response_store import FILE, Bounds, ResponseStore, Stored, forget

NOW = 1_795_132_800.0
ANNA, BERT = 2**64 - 1, 7
WIDE = Bounds(ttl=60.0, max_entries=100, max_bytes=1_000_000)
SECRET = b"a sentence that nobody else has"

Make = Callable[..., ResponseStore]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Stores in one folder, as several workers have them."""
    made: list[ResponseStore] = []

    def store(bounds: Bounds = WIDE) -> ResponseStore:
        made.append(ResponseStore(tmp_path, bounds))
        return made[-1]

    yield store
    for each in made:
        each.close()


def row(id_: str = "resp_1", text: bytes = b"[]", level: int = 0) -> Stored:
    return Stored(id_, level, "m", text, b'{"id":"x"}')


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob(FILE + "*"))


def anywhere(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in files(folder))


def test_a_response_belongs_to_its_key(make: Make) -> None:
    store, other = make(), make()
    assert store.save(ANNA, row(level=2), NOW)
    assert other.find(ANNA, "resp_1", NOW) == row(level=2)
    assert other.find(BERT, "resp_1", NOW) is None
    assert not other.delete(BERT, "resp_1", NOW)
    assert other.save(BERT, row(text=b"[1]"), NOW), "ids of backends may repeat"
    assert store.find(ANNA, "resp_1", NOW) == row(level=2)
    assert store.delete(ANNA, "resp_1", NOW)
    assert not store.delete(ANNA, "resp_1", NOW)
    assert store.find(ANNA, "resp_1", NOW) is None
    assert store.find(BERT, "resp_1", NOW) == row(text=b"[1]")


def test_one_of_the_same_id_takes_its_place(make: Make) -> None:
    store = make(Bounds(60.0, 2, 1_000_000))
    for text in (b"[1]", b"[2]", b"[3]"):
        store.save(ANNA, row(text=text), NOW)
    store.save(ANNA, row("resp_2"), NOW)
    assert store.find(ANNA, "resp_1", NOW) == row(text=b"[3]")


def test_it_expires(make: Make) -> None:
    store = make()
    store.save(ANNA, row(), NOW)
    assert store.find(ANNA, "resp_1", NOW + 59) is not None
    assert store.find(ANNA, "resp_1", NOW + 60) is None
    assert not store.delete(ANNA, "resp_1", NOW + 60)


def test_what_has_expired_makes_room_first(make: Make) -> None:
    store = make(Bounds(60.0, 2, 1_000_000))
    store.save(ANNA, row("long"), NOW)
    store.bounds = Bounds(1.0, 2, 1_000_000)
    store.save(ANNA, row("short"), NOW)
    store.save(ANNA, row("new"), NOW + 2)
    assert [store.find(ANNA, name, NOW) is not None for name in ("long", "short", "new")] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("bounds", [Bounds(60.0, 3, 1_000_000), Bounds(60.0, 100, 3 * 1010)])
def test_beyond_the_bounds_the_oldest_go(make: Make, bounds: Bounds) -> None:
    store = make(bounds)
    text = b" " * 1000
    for number in range(40):
        # A clock that runs backwards makes nothing older than it is.
        assert store.save(ANNA, row(f"resp_{number}", text), NOW - number)
    kept = [n for n in range(40) if store.find(ANNA, f"resp_{n}", NOW - 50)]
    assert kept == [37, 38, 39]


def test_bounds_that_became_smaller_hold_from_the_next_one_on(make: Make) -> None:
    store = make()
    for number in range(50):
        store.save(ANNA, row(f"resp_{number}"), NOW)
    store.bounds = Bounds(60.0, 1, 1_000_000)
    store.save(ANNA, row("last"), NOW)
    assert [n for n in range(50) if store.find(ANNA, f"resp_{n}", NOW)] == []
    assert store.find(ANNA, "last", NOW)


def test_one_larger_than_all_may_be_is_not_stored_and_pushes_nobody_out(make: Make) -> None:
    store = make(Bounds(60.0, 100, 1000))
    assert store.save(ANNA, row(), NOW)
    assert not store.save(ANNA, row("huge", b" " * 1000), NOW)
    assert store.find(ANNA, "resp_1", NOW)


def test_nobody_else_may_read_the_files(make: Make, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = make()
        store.save(ANNA, row(), NOW)
        assert len(files(tmp_path)) == 3
        for path in files(tmp_path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        (tmp_path / FILE).chmod(0o644)
        make().open()
        assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_link_is_not_followed(make: Make, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    (tmp_path / FILE).symlink_to(elsewhere)
    with pytest.raises(Refused):
        make().save(ANNA, row(), NOW)
    assert elsewhere.read_bytes() == b""


WRITER = """
import sys
from pathlib import Path
from hybridgw.ledger.response_store import Bounds, ResponseStore, Stored
store = ResponseStore(Path(sys.argv[1]), Bounds(60.0, 100, 1_000_000))
for number in range(60):
    store.save(1, Stored(f"{sys.argv[2]}-{number}", 0, "m", b"[]", b"{}"))
    assert store.find(1, f"{sys.argv[2]}-{number}"), number
store.close()
"""


def test_workers_share_one_file_from_its_first_moment_on(make: Make, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = [subprocess.Popen([*command, name], env=environ, stderr=subprocess.PIPE) for name in "abc"]
    for one in running:
        _, said = one.communicate(timeout=40)
        assert one.returncode == 0, said.decode()
    make().open()
    with sqlite3.connect(tmp_path / FILE) as connection:
        (counted,) = connection.execute("SELECT COUNT(*) FROM response").fetchone()
        assert (counted, counted * 4) == connection.execute("SELECT entries, bytes FROM total").fetchone()
    connection.close()
    assert counted == 100


def test_a_store_that_cannot_be_used_says_so_and_is_tried_again(make: Make, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    store = make()
    for act in (store.open, lambda: store.save(ANNA, row(), NOW), lambda: store.find(ANNA, "x", NOW)):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.code == "overloaded"
        assert str(tmp_path) not in caught.value.message
        assert not store.opened
    path.unlink()
    assert store.save(ANNA, row(), NOW)
    assert store.opened


def test_a_file_of_another_version_is_left_alone(make: Make, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Refused, match="another version"):
        make().open()
    assert forget(tmp_path, NOW) == 0


def test_a_removed_file_means_that_all_is_forgotten(make: Make, tmp_path: Path) -> None:
    store, other = make(), make()
    store.save(ANNA, row(), NOW)
    other.open()
    for path in files(tmp_path):
        path.unlink()
    assert store.find(ANNA, "resp_1", NOW) is None
    assert other.save(ANNA, row("resp_2"), NOW)
    assert store.find(ANNA, "resp_2", NOW), "both look at the new file"


def test_of_what_was_removed_no_text_is_left(make: Make, tmp_path: Path) -> None:
    store = make()
    store.save(ANNA, row("old", SECRET * 500), NOW)
    store.save(ANNA, row("new"), NOW + 50)
    assert anywhere(tmp_path, SECRET)
    assert forget(tmp_path, NOW + 59) == 0
    assert forget(tmp_path, NOW + 61) == 1
    assert not anywhere(tmp_path, SECRET)
    assert store.find(ANNA, "new", NOW + 61)
    store.save(ANNA, row("mine", SECRET * 500), NOW)
    store.delete(ANNA, "mine", NOW)
    forget(tmp_path, NOW)
    assert not anywhere(tmp_path, SECRET)


def test_the_housekeeper_makes_no_file_and_waits_for_nobody(make: Make, tmp_path: Path) -> None:
    assert forget(tmp_path, NOW) == 0
    assert files(tmp_path) == []
    make().save(ANNA, row(), NOW)
    writer = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert forget(tmp_path, NOW + 61) == 0
    writer.execute("ROLLBACK")
    writer.close()
    assert forget(tmp_path, NOW + 61) == 1
