"""`hybridgw check`: what a configuration means, before anything runs on it."""

import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from hybridgw.config.check import PatternRow, Report, Row, check
from hybridgw.config.errors import ConfigError
from hybridgw.config.networks import system_resolver
from hybridgw.config.schema import Notice, Problem, Settings
from hybridgw.host.admission import admit
from hybridgw.host.announcement import classifier
from hybridgw.host.configure import resolve as settings_of
from hybridgw.routing.plan import Plan

if TYPE_CHECKING:
    from rich.table import Table


def run(file: str, *, as_json: bool, resolve: bool) -> int:
    """Print the report; 2 with the reason when the file cannot be used at all, 1 when
    nothing of it can answer."""
    try:
        settings = settings_of(file)
        plan = admit(settings)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    report = check(settings, system_resolver if resolve else None, classifier(settings))
    served = _endpoints(settings, plan)
    if as_json:
        whole = {**msgspec.structs.asdict(report), "endpoints": served}
        print(msgspec.json.format(msgspec.json.encode(whole), indent=2).decode())
    else:
        _print(report, served)
    return 0 if any(row.usable for row in report.rows) else 1


def _endpoints(settings: Settings, plan: Plan) -> dict[str, list[str]]:
    """Which usable deployments answer each inference path, in one wire or through a translation."""
    from hybridgw.server.app import INFERENCE, public

    able = [
        upstream
        for upstream, entry in zip(plan.upstreams, settings.deployments, strict=True)
        if not entry.unusable
    ]
    return {
        public(path): [upstream.deployment.name for upstream in able if upstream.exchanges[route]]
        for path, route in INFERENCE.items()
    }


def _print(report: Report, served: dict[str, list[str]]) -> None:
    from rich.console import Console

    # In a file or a pipe nobody can widen the window. Names are shown as they are written.
    width = None if sys.stdout.isatty() else _PIPED
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    narrow = console.width < _TABLE

    def say(text: str, indent: int = 0, style: str | None = None) -> None:
        """Wrapped at words; a word that is longer than the line stays whole."""
        lead = " " * indent
        lines = textwrap.wrap(
            text, max(20, console.width - 1), initial_indent=lead, subsequent_indent=lead + "  ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        for line in lines:
            console.print(line, style=style, overflow="ignore", no_wrap=True)

    title = f"{report.path} ({report.kind})"
    if narrow:
        say(title)
        for row in report.rows:
            _blocks(row, say)
    else:
        console.print(_deployments(report.rows, title))
    console.print("\nWho answers which path (each is found without /v1, too):")
    answers = [(path, ", ".join(names) or "nobody") for path, names in served.items()]
    if narrow:
        for path, names in answers:
            say(f"{path}: {names}", 2)
    else:
        console.print(_table(("path", "deployments"), answers))
    if report.patterns:
        console.print("\nEach pattern costs every request:")
        console.print(_patterns(report.patterns))
    advice = dict.fromkeys(row.advice for row in report.rows if row.advice)
    if advice:
        console.print("\nNot in a listed network:")
        for text in advice:
            said, _, line = text.rpartition("write ")
            say(f"{said}write this line:", 2)
            console.print(f"    {line.strip()}", overflow="ignore", no_wrap=True)
    grave = [notice for notice in report.notices if notice.about]
    if grave:
        console.print("\nAsked for and NOT there:", style="bold red")
        for cause, places in _by_cause(grave, report.path):
            say(cause, 2, "red")
            say("; ".join(places), 4, "red")
    if report.locked:
        console.print(f"\nNobody can be let in: {report.locked}")
    for heading, items in (
        ("Not working until something outside changes:", report.problems),
        ("Accepted, but worth knowing:", [notice for notice in report.notices if not notice.about]),
    ):
        if items:
            console.print(f"\n{heading}")
        for cause, places in _by_cause(items, report.path):
            say(cause, 2)
            say("; ".join(places), 4)
    if not any(row.usable for row in report.rows):
        console.print("\nNothing here can answer a request.", style="bold red")


_PIPED = 160
_TABLE = 120
"""Columns below which a table would break its words."""


def _by_cause(items: Iterable[Notice | Problem], path: str | None) -> list[tuple[str, list[str]]]:
    """What is said, once, with all places of which it is said."""
    causes: dict[str, list[str]] = {}
    for item in items:
        about = getattr(item, "about", None)
        cause = item.message.partition(" (needed by ")[0] + (f" ({about})" if about else "")
        place = item.where.removeprefix(f"{path}:")
        place = f"line {place}" if place.isdigit() else place
        causes.setdefault(cause, []).append(f"{place}: {item.key}" if item.key else place)
    return list(causes.items())


def _blocks(row: Row, say: Callable[..., None]) -> None:
    """A deployment on a narrow screen."""
    state = "usable" if row.usable and not row.why else row.why
    say(f"{row.name}: {state}", 2)
    say(f"{row.provider} at {row.address or 'no address'}, {row.tier}, {row.boundary}", 6)
    say(f"may see: {', '.join(row.sees)}; asked for as: {', '.join(row.models)}", 6)


def _deployments(rows: Iterable[Row], title: str) -> "Table":
    shown = []
    for row in rows:
        resolved = (
            f" ({', '.join(row.resolved)})" if row.resolved and row.resolved[0] not in row.address else ""
        )
        state = "usable" if row.usable and not row.why else row.why
        shown.append(
            (
                row.name,
                ", ".join(row.models),
                row.tier,
                row.boundary,
                ", ".join(row.sees),
                row.provider,
                row.address + resolved,
                state,
            )
        )
    columns = ("deployment", "models", "tier", "boundary", "may see", "provider", "address", "state")
    return _table(columns, shown, title)


def _patterns(rows: Iterable[PatternRow]) -> "Table":
    shown = [
        (row.name, row.level, f"{row.steps_per_kb} steps", f"{-(-row.memory // 1024)} KiB") for row in rows
    ]
    return _table(("pattern", "level", "per KB of text", "memory per process"), shown)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], title: str = "") -> "Table":
    """Everything as plain text: in a name of the operator's, brackets are no markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", title=Text(title) if title else None, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
