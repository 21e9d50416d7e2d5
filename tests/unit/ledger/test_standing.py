"""What the ledger process says of itself: too little where it is not known, and one process by lock."""

import os
from pathlib import Path

from hybridgw.ledger import standing
from hybridgw.ledger.standing import Progress


def test_what_is_not_known_is_not_counted(tmp_path: Path) -> None:
    assert standing.read_by_all(tmp_path) == set()
    standing.publish_read(tmp_path, {"b", "a"})
    assert standing.read_by_all(tmp_path) == {"a", "b"}
    (tmp_path / "ledger" / "read.json").write_bytes(b'["a"')
    assert standing.read_by_all(tmp_path) == set()
    standing.publish_read(tmp_path, {"a"})
    standing.forget_read(tmp_path)
    assert standing.read_by_all(tmp_path) == set()


def test_progress_is_read_as_it_was_written(tmp_path: Path) -> None:
    progress = {"log": Progress(10, 1, False, 2, "No space left on device", 0, 0, 7)}
    assert standing.status(tmp_path) == {}
    standing.publish_status(tmp_path, progress)
    assert standing.status(tmp_path) == progress


def test_one_process_has_the_lock(tmp_path: Path) -> None:
    assert not standing.running(tmp_path)
    held = standing.take_lock(tmp_path)
    assert held is not None
    assert standing.running(tmp_path)
    assert standing.take_lock(tmp_path) is None
    os.close(held)
    assert not standing.running(tmp_path)
    again = standing.take_lock(tmp_path)
    assert again is not None
    os.close(again)
