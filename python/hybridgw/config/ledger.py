"""Settings of the ledger that types and bounds cannot check: the database's address, limits that depend on
one another, a log that cannot be where it is wanted."""

from collections.abc import Callable
from importlib.util import find_spec
from urllib.parse import urlsplit

from hybridgw.config.errors import ConfigError
from hybridgw.config.schema import LedgerSettings, StateSettings
from hybridgw.config.tree import Mapping, Node

_SMALLEST_LOG = 4096


def check_ledger(
    ledger: LedgerSettings, state: StateSettings, node: Node | None, file: str, prefix: str = ""
) -> None:
    """ConfigError for the first setting that cannot be used. `node` holds the sections."""

    def refuse(key: str, message: str, fix: str) -> ConfigError:
        place: Node | None = node
        for step in key.split("."):
            place = place.items.get(step) if isinstance(place, Mapping) else None
        return ConfigError(place.where if place else file, f"{prefix}{key}", message, fix)

    if ledger.database_url is not None:
        _check_url(ledger.database_url, refuse)
    if 0 < state.journal_hard_max < 2 * state.journal_max:
        raise refuse(
            "state.journal_hard_max",
            f"({state.journal_hard_max} bytes) is less than twice journal_max ({state.journal_max} bytes)",
            "the alarm comes at half of it: raise it, or remove it for four times journal_max",
        )
    if ledger.log.max_size < _SMALLEST_LOG:
        raise refuse("ledger.log.max_size", "is less than a few lines", "write at least 4KiB, say 100MiB")
    if not ledger.log.path.strip("/") or ledger.log.path.endswith("/") or "\0" in ledger.log.path:
        raise refuse(
            "ledger.log.path", "names no file", "write a file's path, say /var/log/hybridgw/access.log"
        )


def hard_limit(state: StateSettings) -> int:
    """Bytes of journal at which `ledger.full` decides."""
    return state.journal_hard_max or 4 * state.journal_max


def _check_url(url: str, refuse: Callable[[str, str, str], ConfigError]) -> None:
    key = "ledger.database_url"
    example = "write it like postgresql://user:password@host:5432/database"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refuse(key, "is no address of a database", example) from None
    # The address may hold a password: nothing of it is repeated.
    if parts.scheme not in ("postgresql", "postgres"):
        raise refuse(key, "is no address of a PostgreSQL database", f"{example}, or remove it to use SQLite")
    if not parts.path.strip("/") or port == 0:
        raise refuse(key, "names no database", example)
    if find_spec("psycopg") is None:
        raise refuse(key, "needs a driver that is not installed", "pip install 'hybridgw[postgresql]'")
