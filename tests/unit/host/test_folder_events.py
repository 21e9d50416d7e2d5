"""Which changes of a file's names are seen, and that an idle folder costs nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridgw.host.folder_events import FolderEvents, places


@pytest.fixture
def events() -> Iterator[FolderEvents]:
    found = FolderEvents()
    assert found.descriptor is not None, "this system has no inotify"
    yield found
    found.close()


def test_a_plain_file_has_one_place(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    assert places(str(file)) == {(str(tmp_path), "a.yaml")}
    file.touch()
    assert places(str(file)) == {(str(tmp_path), "a.yaml")}


def test_every_link_on_the_way_has_a_place(tmp_path: Path) -> None:
    real = tmp_path / "real" / "deep"
    real.mkdir(parents=True)
    (real / "a.yaml").touch()
    (tmp_path / "link").symlink_to("real/../real")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "link" / "deep" / "a.yaml")
    assert places(str(tmp_path / "b.yaml")) == {
        (str(tmp_path), "b.yaml"),
        (str(tmp_path), "link"),
        (str(real), "a.yaml"),
    }


def test_what_does_not_exist_is_expected_where_it_would_appear(tmp_path: Path) -> None:
    assert places(str(tmp_path / "none" / "a.yaml")) == {(str(tmp_path), "none")}


def test_a_ring_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert places(str(tmp_path / "a")) == {(str(tmp_path), "a"), (str(tmp_path), "b")}


def test_writing_replacing_and_removing_are_seen(events: FolderEvents, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    assert events.watch(places(str(file)))
    assert not events.take()
    file.write_text("2")
    assert events.take()
    (tmp_path / ".a.swp").write_text("3")
    assert not events.take(), "another name"
    (tmp_path / ".a.swp").rename(file)
    assert events.take()
    file.chmod(0o600)
    assert events.take()
    file.unlink()
    assert events.take()
    file.write_text("4")
    assert events.take()
    assert not events.take()


def test_kubernetes_swaps_a_link_beside_the_file(events: FolderEvents, tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(version)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert events.watch(places(str(tmp_path / "a.yaml")))
    (tmp_path / "..new").symlink_to("v2")
    assert not events.take()
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert events.take()
    assert events.watch(places(str(tmp_path / "a.yaml")))
    (tmp_path / "v1" / "a.yaml").write_text("old")
    assert not events.take(), "the former folder is still watched"
    (tmp_path / "v2" / "a.yaml").write_text("new")
    assert events.take()


def test_a_folder_that_goes_and_comes_back_is_watched_again(events: FolderEvents, tmp_path: Path) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    file = folder / "a.yaml"
    file.touch()
    assert events.watch(places(str(file)))
    folder.rename(tmp_path / "former")
    assert events.take()
    assert events.watch(places(str(file)))
    folder.mkdir()
    assert events.take()
    assert events.watch(places(str(file)))
    file.touch()
    assert events.take()


def test_what_cannot_be_watched_is_said(events: FolderEvents, tmp_path: Path) -> None:
    assert not events.watch({(str(tmp_path), "a"), (str(tmp_path / "none"), "b")})
    (tmp_path / "a").touch()
    assert events.take(), "the other one is watched all the same"


def test_without_inotify_nothing_is_watched_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    events = FolderEvents()
    events.close()
    assert events.descriptor is None
    assert not events.watch({(str(tmp_path), "a")})
    assert not events.take()


def test_a_full_queue_counts_as_a_change(events: FolderEvents, tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("the queue of this system is too long for a test")
    assert events.watch({(str(tmp_path), "never")})
    for _ in range(limit // 2 + 2):
        for name in ("a", "b"):
            os.close(os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT))
    assert events.take()
