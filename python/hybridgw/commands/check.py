"""`hybridgw check`: what a configuration means, before anything runs on it."""

import socket
import sys

import msgspec

from hybridgw.config.check import Report, check
from hybridgw.config.errors import ConfigError
from hybridgw.host.configure import resolve as settings_of


def run(file: str, *, as_json: bool, resolve: bool) -> int:
    """Print the report; 2 with the reason when the file cannot be used at all."""
    try:
        settings = settings_of(file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    report = check(settings, _addresses if resolve else None)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        _print(report)
    return 0


def _addresses(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _print(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        # In a file or a pipe nobody can widen the window.
        console = Console(width=160)
    table = Table(box=None, header_style="bold", title=f"{report.path} ({report.kind})", title_justify="left")
    for column in ("deployment", "models", "tier", "boundary", "may see", "provider", "address", "state"):
        table.add_column(column, overflow="fold")
    for row in report.rows:
        resolved = (
            f" ({', '.join(row.resolved)})" if row.resolved and row.resolved[0] not in row.address else ""
        )
        state = "usable" if row.usable and not row.why else row.why
        table.add_row(
            row.name,
            ", ".join(row.models),
            row.tier,
            row.boundary,
            ", ".join(row.sees),
            row.provider,
            row.address + resolved,
            state,
        )
    console.print(table)
    if report.locked:
        console.print(f"\nNobody can be let in: {report.locked}", markup=False)
    if report.problems:
        console.print("\nNot working until something outside changes:", markup=False)
        for problem in report.problems:
            console.print(f"  {problem.where}: {problem.key}: {problem.message}", markup=False)
    if report.notices:
        console.print("\nAccepted, but worth knowing:", markup=False)
        for notice in report.notices:
            console.print(f"  {notice.where}: {notice.key}: {notice.message}", markup=False)
