"""`hybridgw db`: the ledger database from outside: what it holds, migrations, backup and restore.

All of it works while a gateway runs, except restoring, which needs the ledger to be stopped.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from hybridgw.commands.journal import dollars
from hybridgw.config.errors import ConfigError
from hybridgw.config.schema import Settings
from hybridgw.host.configure import resolve, state_folder
from hybridgw.ledger import standing
from hybridgw.ledger.consumer import told
from hybridgw.ledger.database import copies, migrate
from hybridgw.ledger.database.engine import shown, url_of


class Place(msgspec.Struct):
    """Which database is meant."""

    url: URL
    state_dir: Path


def place(config: str | None, state_dir: Path | None) -> Place:
    """The database of a configuration and a state folder, by default those that `serve` would use. Raises
    ConfigError."""
    settings: Settings = resolve(config)
    folder = state_folder(settings) if state_dir is None else state_dir
    if not folder.is_dir():
        raise ConfigError(str(folder), "--state-dir", "is no folder", "give the state folder of a gateway")
    return Place(url_of(settings.ledger.database_url, folder), folder)


def run(config: str | None, state_dir: Path | None, act: Callable[[Place], int]) -> int:
    """Do something with the database; the exit status. Errors are one line on standard error."""
    try:
        return act(place(config, state_dir))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (copies.NotPossible, migrate.WrongVersion) as error:
        print(error, file=sys.stderr)
        return 1
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:
        print(f"the ledger database cannot be used: {told(error)}", file=sys.stderr)
        return 1


def status(where: Place, as_json: bool) -> int:
    """Print what the database holds and how its consumers do."""
    found: dict[str, Any] = {"database": shown(where.url), **copies.status(where.url)}
    found["ledger_running"] = standing.running(where.state_dir)
    found["consumers"] = msgspec.to_builtins(standing.status(where.state_dir))
    if as_json:
        print(json.dumps(found))
        return 0
    print(f"database   {found['database']}")
    current = found["version"]
    state = (
        "no tables yet" if current is None else "current" if current == found["head"] else "to be upgraded"
    )
    print(f"version    {current or '-'} ({state})")
    if "attempt" in found:
        print(f"attempts   {found['attempt']}, sums {found['usage']}, audited events {found['audit']}")
        print(f"cost       {dollars(found['cost_nanos'])} in all, as upstreams reported it")
    print(f"ledger     {'running' if found['ledger_running'] else 'not running'}")
    for name, progress in found["consumers"].items():
        waits = f"; waits: {progress['error']}" if progress["error"] else ""
        print(f"  {name:<9}{progress['lag_bytes']} bytes behind{waits}")
    return 0


def upgrade(where: Place) -> int:
    """Migrate."""
    changed = migrate.upgrade(where.url)
    print("upgraded" if changed else "nothing to do")
    return 0


def backup(where: Place, target: Path) -> int:
    """Copy the database to a new file."""
    copies.backup(where.url, target)
    print(f"written: {target}")
    return 0


def restore(where: Place, source: Path) -> int:
    """Put a copy in the place of the database."""
    lock = standing.take_lock(where.state_dir)
    if lock is None:
        raise copies.NotPossible("a gateway uses this database; stop it first")
    try:
        # Cursors go back as well: what they have not read must not be removed before the ledger looks.
        standing.forget_read(where.state_dir)
        found = copies.restore(where.url, source)
    finally:
        os.close(lock)
    print(f"restored (version {found}); what came after it is read again from the journal")
    return 0
