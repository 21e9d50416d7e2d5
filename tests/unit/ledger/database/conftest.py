"""Both databases: each test that asks for `url` runs once with SQLite and once with PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from hybridgw.ledger.database.engine import url_of
from tests.support.postgresql import MISSING, PostgreSQL


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    if MISSING:
        pytest.skip(MISSING)
    with PostgreSQL() as running:
        yield running


@pytest.fixture
def postgresql(server: PostgreSQL) -> PostgreSQL:
    """The server, without tables of ours."""
    engine = create_engine(url_of(server.url, Path()))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS hybridgw CASCADE"))
    engine.dispose()
    return server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """An empty ledger database."""
    if request.param == "sqlite":
        return url_of(None, tmp_path)
    return url_of(request.getfixturevalue("postgresql").url, tmp_path)
