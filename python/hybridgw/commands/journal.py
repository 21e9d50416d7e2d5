"""`hybridgw journal`: attempts, newest last, as a table or as JSON lines."""

import sys
import time
from datetime import datetime
from pathlib import Path

import msgspec

from hybridgw.config.errors import ConfigError
from hybridgw.host.configure import resolve, state_folder
from hybridgw.ledger.journal import Entry, Record, Tail, attempts

_POLL = 0.25


def run(state_dir: Path | None, *, last: int, as_json: bool, follow: bool) -> int:
    """Show the journal of a state folder, by default the one that `serve` would use."""
    if state_dir is None:
        try:
            state_dir = state_folder(resolve(None, allow_cloud=False))
        except ConfigError as error:
            print(error, file=sys.stderr)
            return 2
    tail = Tail(state_dir / "journal")
    records = list(tail.records())
    entries = list(attempts(records))
    if as_json:
        _print_json(entries)
    else:
        _print_table(entries[-last:], state_dir)
    if follow:
        _follow(tail, records, as_json)
    return 0


def _follow(tail: Tail, before: list[Record], as_json: bool) -> None:
    """Print attempts as they settle. Starts without an end are carried until it comes."""
    waiting = _open(before)
    try:
        while True:
            time.sleep(_POLL)
            waiting += tail.records()
            done = [entry for entry in attempts(waiting) if entry.outcome is not None]
            if not done:
                continue
            waiting = _open(waiting)
            if as_json:
                _print_json(done)
            else:
                for entry in done:
                    print("  ".join(_row(entry)))
    except KeyboardInterrupt:
        pass


def _open(records: list[Record]) -> list[Record]:
    """Start records whose settlement has not come."""
    settled = {(record["id"], record["attempt"]) for record in records if record["kind"] != "start"}
    return [
        record
        for record in records
        if record["kind"] == "start" and (record["id"], record["attempt"]) not in settled
    ]


def _print_json(entries: list[Entry]) -> None:
    for entry in entries:
        print(msgspec.json.encode(entry).decode())
    sys.stdout.flush()


_COLUMNS = (
    "time", "id", "try", "route", "model", "deployment", "outcome", "tokens in", "out", "first", "total"
)  # fmt: skip


def _print_table(entries: list[Entry], state_dir: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    if not entries:
        print(f"nothing was attempted yet (journal in {state_dir})", file=sys.stderr)
        return
    table = Table(*_COLUMNS, box=None, header_style="bold")
    for entry in entries:
        table.add_row(*_row(entry))
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
        f"{entry.first_token_ms:.0f} ms" if entry.first_token_ms else "-",
        f"{entry.duration_ms:.0f} ms" if entry.outcome else "-",
    )
