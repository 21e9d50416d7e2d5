import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from hybridgw.host import limits, preparation, runtime
from hybridgw.host.child import Child, describe
from tests.support.host_info import make_run


def test_an_instance_id_is_new_each_time_fits_a_database_and_grows() -> None:
    ids = [runtime.new_instance() for _ in range(64)]
    assert len(set(ids)) == 64
    assert all(2**60 < one < 2**63 for one in ids)
    assert max(one >> 30 for one in ids) - min(one >> 30 for one in ids) <= 1


def test_a_run_folder_is_private_and_in_memory_where_there_is_room(tmp_path: Path) -> None:
    path = runtime.make_run_dir(runtime.new_instance(), tmp_path, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    runtime.remove_run_dir(path)
    assert not path.exists()


def test_without_room_in_memory_it_lies_in_the_state_folder(tmp_path: Path) -> None:
    path = runtime.make_run_dir(0xAB, tmp_path, 2**60)
    assert path == tmp_path / "run-00000000000000ab"
    runtime.remove_run_dir(path)
    assert not path.exists()


@pytest.mark.parametrize(("files", "free", "in_memory"), [(100, 5, False), (100, 90, True), (0, 0, True)])
def test_a_memory_file_system_without_files_to_spare_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, free: int, in_memory: bool
) -> None:
    about = SimpleNamespace(f_bavail=2**20, f_frsize=4096, f_files=files, f_favail=free)
    # A folder in its place: not every machine has the real one.
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(runtime, "_SHM", memory)
    monkeypatch.setattr(os, "statvfs", lambda _: about)
    path = runtime.make_run_dir(runtime.new_instance(), tmp_path, 1)
    assert (path.parent == memory) is in_memory
    runtime.remove_run_dir(path)


def test_a_state_folder_without_room_for_a_journal_is_refused_at_the_start(tmp_path: Path) -> None:
    preparation._check_room(tmp_path, 1)
    with pytest.raises(OSError, match="a journal segment takes"):
        preparation._check_room(tmp_path, 2**62)


def test_only_run_folders_of_ours_are_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    link = tmp_path / "run-link"
    link.symlink_to(precious)
    for path in (precious, link, tmp_path / "run-missing", Path("/")):
        runtime.remove_run_dir(path)
    assert precious.exists()
    assert link.is_symlink()


def test_info_survives_its_file(tmp_path: Path) -> None:
    info, _ = make_run(tmp_path)
    path = runtime.write_info(info)
    assert runtime.read_info(path) == info
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"{}")
    with pytest.raises(msgspec.ValidationError):
        runtime.read_info(path)


def test_ready_workers_are_remembered_in_order(tmp_path: Path) -> None:
    info, _ = make_run(tmp_path)
    assert runtime.ready_workers(info) == []
    runtime.mark_ready(info)
    runtime.mark_ready(info)
    assert runtime.ready_workers(info) == [os.getpid(), os.getpid()]


def test_there_is_no_current_run_outside_a_gateway() -> None:
    script = "from hybridgw.host import runtime; runtime.current()"
    environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environ)
    assert "was not started by a hybridgw supervisor" in done.stderr


@pytest.mark.parametrize(
    ("soft", "expected"), [(256, 96), (1024, 480), (64, 16), (10**7, 65536), (-1, 65536)]
)
def test_connections_follow_from_descriptors(
    monkeypatch: pytest.MonkeyPatch, soft: int, expected: int
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (soft, soft))
    assert limits.connection_limit() == expected


def test_the_descriptor_limit_is_raised_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = [256, 4096]
    monkeypatch.setattr("resource.getrlimit", lambda _: tuple(limit))
    monkeypatch.setattr("resource.setrlimit", lambda _, new: limit.__setitem__(slice(None), new))
    assert limits.raise_descriptor_limit() == 4096

    def refuse(*_: object) -> None:
        raise ValueError("not allowed")

    limit[0] = 256
    monkeypatch.setattr("resource.setrlimit", refuse)
    assert limits.raise_descriptor_limit() == 256


def test_a_child_waits_longer_the_more_often_it_dies_young() -> None:
    child = Child("test", "no.such.module", (), ())
    pauses = []
    for _ in range(8):
        child._born = now = time.monotonic()
        child.reaped(1)
        pauses.append(round(child.due - now, 1))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    child._born -= 60
    child.reaped(0)
    assert child.young_deaths == 0


def test_a_status_in_words() -> None:
    assert describe(-9) == "was killed by SIGKILL"
    assert describe(0) == "ended"
    assert describe(3) == "ended with status 3"


def test_everything_that_ended_is_reaped_also_what_nobody_knows() -> None:
    # In a process of its own: here it would take the children of other tests.
    script = (
        "import os, subprocess, sys, time; from hybridgw.host.child import reap; assert reap() == [];"
        "one = subprocess.Popen([sys.executable, '-c', 'raise SystemExit(3)']);"
        "os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT); ended = reap();"
        "one.returncode = 3; print(ended == [(one.pid, 3)], reap())"
    )
    environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environ)
    assert done.stdout == "True []\n", done.stderr
