"""The access log: each attempt once in the files, whatever happens between two steps."""

import contextlib
import json
import os
import threading
from pathlib import Path

import pytest

from hybridgw.core import Outcome
from hybridgw.ledger import log_cursor
from hybridgw.ledger.access_log import FileLog, StreamLog
from hybridgw.ledger.batches import JournalReader
from hybridgw.ledger.consumer import Consumer, Waker
from hybridgw.ledger.cursor import Attempt
from hybridgw.ledger.log_line import json_line, text_line
from tests.support.faults import Killed, every_fault
from tests.support.journal_writer import JournalWriter, killed_writer
from tests.support.waiting import until


def live() -> set[int]:
    return {1}


def consumer_of(folder: Path, *, most: int = 1 << 20, kept: int = 50) -> Consumer:
    """A fresh consumer with a file log, as a process that has just started has it."""
    sink = FileLog(folder / "log" / "access.log", folder / "log.cursor", json_line, most=most, kept=kept)
    return Consumer(sink, JournalReader(folder / "journal", live), live)


def run(consumer: Consumer) -> None:
    while consumer.turn(last=True):
        pass


def lines(folder: Path) -> list[str]:
    """Ids in all files of the log, oldest first."""
    files = sorted(
        (folder / "log").glob("access.log*"), key=lambda path: int(path.suffix[1:].replace("log", "0"))
    )
    text = b"".join(path.read_bytes() for path in reversed(files))
    return [json.loads(line)["id"] for line in text.splitlines()]


def test_each_attempt_has_a_line_with_what_is_known(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.end(writer.begin(), tokens=(12, 5), cost="0.001")
    writer.end(writer.begin(), Outcome.STALLED)
    run(consumer_of(tmp_path))
    first, second = map(json.loads, (tmp_path / "log" / "access.log").read_text().splitlines())
    assert first == {
        "time": 1000001.0, "id": first["id"], "attempt": 1, "route": "chat", "model": "m",
        "deployment": "local/a", "tier": "local", "level": "public", "ceiling": "external", "stream": False,
        "estimated_tokens": first["estimated_tokens"], "outcome": "success", "status": 200,
        "prompt_tokens": 12, "completion_tokens": 5, "cached_tokens": 0, "cache_write_tokens": 0,
            "reasoning_tokens": 0,
        "usage_reported": True, "fallback": False, "bytes_sent": 10, "duration_ms": 500.0,
        "cost_nano_usd": 1_000_000,
    }  # fmt: skip
    assert second["outcome"] == "stalled"
    assert "cost_nano_usd" not in second


def test_a_line_for_a_person() -> None:
    start = {
        "wall_ns": 0, "id": "i", "attempt": 0, "route": "chat", "model": "a b\x1b[31m\n",
        "level": "regulated", "deployment_name": "local/a",
    }  # fmt: skip
    (line,) = text_line(Attempt(start, None)).decode().splitlines()
    assert line.endswith(" chat a?b?[31m? -> local/a lost regulated i/1")
    assert "\x1b" not in line


def test_a_kill_at_any_step_loses_and_doubles_no_line(tmp_path: Path) -> None:
    for fault in every_fault():
        folder = tmp_path / str(fault.number)
        folder.mkdir()
        writer = JournalWriter(folder, size=1 << 20)
        expected = writer.attempts(4)
        pending = writer.begin()

        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(Killed))
            stack.enter_context(fault.into(os, "write"))
            stack.enter_context(fault.into(os, "open"))
            stack.enter_context(fault.into(os, "ftruncate"))
            stack.enter_context(fault.into(Path, "replace"))
            stack.enter_context(fault.into(log_cursor, "write_private"))
            consumer = consumer_of(folder, most=1000, kept=4)
            run(consumer)
            expected += writer.attempts(3)
            run(consumer)
        if not fault.struck:
            break
        expected += [writer.end(pending)]
        run(consumer_of(folder, most=1000, kept=4))
        assert lines(folder) == expected, f"fault {fault.number}"
    else:
        raise AssertionError("the faults never ended")
    assert fault.number > 40


def test_a_full_disk_stalls_and_leaves_no_part_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JournalWriter(tmp_path)
    expected = writer.attempts(3)
    consumer = consumer_of(tmp_path)
    real = os.write
    room = [500]

    def write(descriptor: int, data: bytes) -> int:
        if room[0] == 0:
            raise OSError(28, "No space left on device")
        taken = min(room[0], len(data))
        room[0] -= taken
        return real(descriptor, bytes(data)[:taken])

    monkeypatch.setattr(os, "write", write)
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            run(consumer)
    room[0] = 1 << 20
    run(consumer)
    assert lines(tmp_path) == expected


def test_files_are_rotated_by_size_and_the_oldest_goes(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    consumer = consumer_of(tmp_path, most=1000, kept=2)
    expected = []
    for _ in range(6):
        expected += writer.attempts(2)
        run(consumer)
    names = sorted(path.name for path in (tmp_path / "log").iterdir())
    assert names == ["access.log", "access.log.1", "access.log.2"]
    assert lines(tmp_path) == expected[-6:]


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    consumer = consumer_of(tmp_path)
    first = writer.attempts(2)
    run(consumer)
    (tmp_path / "log" / "access.log").rename(tmp_path / "log" / "access.log.7")
    second = writer.attempts(1)
    run(consumer)
    run(consumer_of(tmp_path))
    assert lines(tmp_path) == first + second
    assert len((tmp_path / "log" / "access.log").read_bytes().splitlines()) == 1


def test_the_first_run_begins_with_the_gateways_that_live(tmp_path: Path) -> None:
    before = JournalWriter(tmp_path, 5, start=10)
    before.attempts(2)
    before.close()
    writer = JournalWriter(tmp_path, 1)
    expected = writer.attempts(2)
    run(consumer_of(tmp_path))
    assert lines(tmp_path) == expected


def test_a_damaged_cursor_is_named_and_nothing_is_written_twice(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    expected = writer.attempts(2)
    run(consumer_of(tmp_path))
    (tmp_path / "log.cursor").write_bytes(b"\x93garbage")
    with pytest.raises(ValueError, match=r"log\.cursor is damaged; remove it"):
        run(consumer_of(tmp_path))
    assert lines(tmp_path) == expected


def test_an_attempt_of_a_dead_worker_has_one_line(tmp_path: Path) -> None:
    JournalWriter(tmp_path, 1)
    # Its gateway lives and its slot has a new owner.
    settled, lost = killed_writer(tmp_path, 2, 2)
    sink = FileLog(tmp_path / "log" / "access.log", tmp_path / "log.cursor", json_line, most=1 << 20, kept=5)
    alive = {1, 2}
    consumer = Consumer(sink, JournalReader(tmp_path / "journal", lambda: alive), lambda: alive)
    run(consumer)
    alive.discard(2)
    run(Consumer(sink, JournalReader(tmp_path / "journal", lambda: alive), lambda: alive))
    assert lines(tmp_path) == [*settled, lost]
    assert b'"outcome":"lost"' in (tmp_path / "log" / "access.log").read_bytes()


def test_a_stream_gets_each_attempt_at_least_once(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    expected = writer.attempts(30)
    reading, writing = os.pipe()
    sink = StreamLog(writing, tmp_path / "log.cursor", json_line)
    with open(reading, "rb") as stream:
        run(Consumer(sink, JournalReader(tmp_path / "journal", live), live))
        expected += writer.attempts(1)
        run(Consumer(sink, JournalReader(tmp_path / "journal", live), live))
        os.close(writing)
        assert [json.loads(line)["id"] for line in stream] == expected


def test_a_blocked_stream_stalls_its_consumer_and_no_other(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, size=1 << 20)
    reading, writing = os.pipe()
    reader = JournalReader(tmp_path / "journal", live)
    blocked = Consumer(StreamLog(writing, tmp_path / "stream.cursor", json_line), reader, live)
    other = consumer_of(tmp_path)
    waker = Waker()
    threads = [threading.Thread(target=one.run, args=(waker,), daemon=True) for one in (blocked, other)]
    for thread in threads:
        thread.start()
    expected = writer.attempts(1000)  # more than a pipe takes
    waker.wake()
    until(lambda: other.progress().attempts == 1000)
    assert blocked.progress().attempts < 1000
    more = writer.attempts(5)
    waker.wake()
    until(lambda: other.progress().attempts == 1005)
    assert lines(tmp_path) == expected + more
    assert blocked.progress().lag_bytes > 0
    with open(reading, "rb") as stream:
        waker.stop()
        got = [json.loads(stream.readline())["id"] for _ in range(1005)]
    for thread in threads:
        thread.join(5)
    os.close(writing)
    assert got == expected + more
