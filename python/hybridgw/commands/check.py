"""`hybridgw check`: what a configuration means, before anything runs on it."""

import socket
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from hybridgw.config.check import PatternRow, Report, Row, check
from hybridgw.config.errors import ConfigError
from hybridgw.config.schema import Settings
from hybridgw.host.admission import admit
from hybridgw.host.configure import resolve as settings_of
from hybridgw.routing.plan import Plan

if TYPE_CHECKING:
    from rich.table import Table


def run(file: str, *, as_json: bool, resolve: bool) -> int:
    """Print the report; 2 with the reason when the file cannot be used at all."""
    try:
        settings = settings_of(file)
        plan = admit(settings)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    report = check(settings, _addresses if resolve else None)
    served = _endpoints(settings, plan)
    if as_json:
        whole = {**msgspec.structs.asdict(report), "endpoints": served}
        print(msgspec.json.format(msgspec.json.encode(whole), indent=2).decode())
    else:
        _print(report, served)
    return 0


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


def _addresses(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _print(report: Report, served: dict[str, list[str]]) -> None:
    from rich.console import Console

    # In a file or a pipe nobody can widen the window. Names are shown as they are written.
    width = None if sys.stdout.isatty() else 160
    console = Console(width=width, markup=False, emoji=False)
    console.print(_deployments(report.rows, f"{report.path} ({report.kind})"))
    console.print("\nWho answers which path (each is found without /v1, too):")
    console.print(
        _table(
            ("path", "deployments"), [(path, ", ".join(names) or "nobody") for path, names in served.items()]
        )
    )
    if report.patterns:
        console.print("\nEach pattern costs every request:")
        console.print(_patterns(report.patterns))
    if report.locked:
        console.print(f"\nNobody can be let in: {report.locked}")
    if report.problems:
        console.print("\nNot working until something outside changes:")
        for problem in report.problems:
            console.print(f"  {problem.where}: {problem.key}: {problem.message}")
    if report.notices:
        console.print("\nAccepted, but worth knowing:")
        for notice in report.notices:
            console.print(f"  {notice.where}: {notice.key}: {notice.message}")


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
