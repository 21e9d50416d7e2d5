"""Bringing a ledger database to the shape that this version knows, and saying which shape one has.

All steps run in one transaction under a lock: two processes that start together migrate once, and one that
is killed in the middle leaves what was there. A database that a newer version has migrated is left alone.
Shapes change by adding first and removing in a later version, so that an older program can still write
while a newer one starts.

Alembic is imported only by a process that migrates. The ledger process has this done by a child
(`python -m hybridgw.ledger.database.migrate`, the URL on its standard input), because what Alembic loads
would stay in its memory for months.
"""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, inspect, make_url, text

from hybridgw.ledger.database.engine import connect, lock_for_migration, make_schema
from hybridgw.ledger.database.tables import HEAD

_LIMIT = 600.0
"""Seconds that a migration may take."""


class WrongVersion(Exception):
    """The database has a shape that this program does not know."""


def version(connection: Connection) -> str | None:
    """The migration that a database is at; None where there are no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def ensure(engine: Engine, url: URL) -> None:
    """Migrate if need be. WrongVersion, or what the database says."""
    with engine.connect() as connection:
        found = version(connection)
    if found == HEAD:
        return
    _refuse_newer(found)
    command = [sys.executable, "-P", "-m", "hybridgw.ledger.database.migrate"]
    done = subprocess.run(
        command,
        input=url.render_as_string(hide_password=False).encode(),
        stderr=subprocess.PIPE,
        timeout=_LIMIT,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(f"the migration failed: {lines[-1] if lines else done.returncode}")


def upgrade(url: URL) -> bool:
    """Migrate here and now; whether there was anything to do."""
    from alembic import command
    from alembic.config import Config

    engine = connect(url)
    try:
        with engine.begin() as connection:
            lock_for_migration(connection)
            make_schema(connection)
            before = version(connection)
            if before == HEAD:
                return False
            _refuse_newer(before)
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
            return True
    finally:
        engine.dispose()


def _refuse_newer(found: str | None) -> None:
    # Migrations are numbered in the order in which they follow each other.
    if found is not None and found > HEAD:
        raise WrongVersion(
            f"the ledger database is at version {found}, this program knows {HEAD}: use the newer program, "
            "or restore a backup from before"
        )


if __name__ == "__main__":
    try:
        upgrade(make_url(sys.stdin.read()))
    except Exception as error:
        # The first line says what is wrong; the rest would be a statement with its values.
        sys.exit(f"{type(error).__name__}: {error}".splitlines()[0])
