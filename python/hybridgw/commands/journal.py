"""`hybridgw journal`: the last attempts as a table, or all of them as JSON lines.

The table is sorted by start. JSON lines come in the order of the segments, so that of a
journal of any size only the attempts whose end was not read yet are in memory.
"""

import sys
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from hybridgw.config.errors import ConfigError
from hybridgw.host.configure import resolve, state_folder
from hybridgw.host.lock import live_instances
from hybridgw.ledger.batches import JournalReader, Record
from hybridgw.ledger.cursor import Walk
from hybridgw.ledger.journal import Attempts, Entry, Tail, entry_of
from hybridgw.ledger.log_line import LOST
from hybridgw.ledger.records import End, Start

_POLL = 0.25
_AT_ONCE = 2000


def run(state_dir: Path | None, *, last: int, as_json: bool, follow: bool) -> int:
    """Show the journal of a state folder, by default the one that `serve` would use."""
    if state_dir is None:
        try:
            state_dir = state_folder(resolve(None, allow_cloud=False))
        except ConfigError as error:
            print(error, file=sys.stderr)
            return 2
    elif not (state_dir / "journal").is_dir():
        print(f"{state_dir}: no journal here; give the state folder of a gateway", file=sys.stderr)
        return 2
    tail, attempts = Tail(state_dir / "journal"), Attempts()
    if as_json:
        _print_json(filter(None, map(attempts.add, tail.records())))
        if not follow:
            _print_json(attempts.open())
    else:
        _print_table(tail.newest(attempts, last), state_dir)
    if follow:
        return 0 if _follow(tail, attempts, state_dir, as_json) else 1
    _say_damage(tail.damaged, set())
    return 1 if tail.damaged else 0


def _follow(tail: Tail, attempts: Attempts, state_dir: Path, as_json: bool) -> bool:
    """Print attempts as they end, read as the ledger reads them; whether everything could be read."""
    reader = JournalReader(state_dir / "journal", lambda: live_instances(state_dir))
    walk = Walk(reader, tail.cursor(attempts))
    said = _say_damage(tail.damaged, set())
    try:
        while True:
            while walk.advance(_AT_ONCE):
                _print_step(walk, as_json)
            _print_step(walk, as_json)
            said = _say_damage(walk.unreadable, said)
            time.sleep(_POLL)
    except KeyboardInterrupt:
        return not said


def _print_step(walk: Walk, as_json: bool) -> None:
    # Of an attempt that began before all that is still there, nothing is known but its end.
    done = [_entry(start, end) for start, end in walk.step.attempts if start is not None]
    walk.written()
    if as_json:
        _print_json(done)
        return
    for entry in done:
        print("  ".join(_row(entry)), flush=True)


def _entry(start: Record, end: Record | None) -> Entry:
    begun = Start(**start)
    return replace(entry_of(begun, None), outcome=LOST) if end is None else entry_of(begun, End(**end))


def _say_damage(damaged: Mapping[Path, str], said: set[Path]) -> set[Path]:
    """Name segments that cannot be read, each once; those named so far."""
    for path in sorted(damaged.keys() - said):
        print(f"{path}: {damaged[path]}", file=sys.stderr)
    return said | damaged.keys()


def _print_json(entries: Iterable[Entry]) -> None:
    for entry in entries:
        print(msgspec.json.encode(entry).decode())
    sys.stdout.flush()


_COLUMNS = (
    "time", "id", "try", "route", "model", "deployment", "outcome", "tokens in", "out", "cost", "first",
    "total",
)  # fmt: skip


def _print_table(entries: list[Entry], state_dir: Path) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not entries:
        print(f"nothing was attempted yet (journal in {state_dir})", file=sys.stderr)
        return
    table = Table(*_COLUMNS, box=None, header_style="bold")
    for entry in entries:
        # As plain text: in a name of the operator's, brackets are no markup.
        table.add_row(*map(Text, _row(entry)))
    # Wide enough for its columns wherever it goes: into a file or a pipe nobody can scroll sideways.
    console = Console()
    Console(width=max(console.width, 160)).print(table)


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        datetime.fromtimestamp(entry.time).strftime("%m-%d %H:%M:%S"),
        entry.id,
        str(entry.attempt),
        entry.route + (" stream" if entry.stream else ""),
        entry.model,
        entry.deployment,
        entry.outcome or "open",
        str(entry.prompt_tokens),
        str(entry.completion_tokens),
        dollars(entry.cost_nano_usd),
        f"{entry.first_token_ms:.0f} ms" if entry.first_token_ms else "-",
        f"{entry.duration_ms:.0f} ms" if entry.outcome else "-",
    )


def dollars(nanos: int | None) -> str:
    """As much of it as the upstream said: answers cost fractions of a cent."""
    if nanos is None:
        return "-"
    whole, rest = divmod(nanos, 1_000_000_000)
    return f"${whole}.{f'{rest:09}'.rstrip('0') or '0'}"
