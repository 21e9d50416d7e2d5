"""The tables of the ledger database, in SQLAlchemy's words, for SQLite and PostgreSQL alike.

Migrations bring a database to this shape (`migrations/versions`); a test compares the two. Times are
nanoseconds since the Unix epoch, money is in billionths of a US dollar, the number of a key is written as 16
hex digits, because it has 64 bits and the integers of databases have a sign. There is no text of any request.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

HEAD = "0001"
"""The newest migration: what this version of the program reads and writes."""

metadata = MetaData()

attempt = Table(
    "attempt",
    metadata,
    Column("request_id", String, primary_key=True),
    Column("attempt", SmallInteger, primary_key=True),  # From 0.
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),  # Of a lost attempt: its start.
    Column("route", String, nullable=False),
    Column("model", String, nullable=False),  # As the client named it; empty if the start was lost.
    Column("deployment", String, nullable=False),
    Column("deployment_id", String(16), nullable=False),
    Column("key", String(16), nullable=False),
    Column("level", String, nullable=False),
    Column("ceiling", String, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("estimated_tokens", BigInteger, nullable=False),
    Column("outcome", String, nullable=False),  # `lost` where its worker died.
    Column("status", SmallInteger, nullable=False),  # The upstream's; 0 if there was none.
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("usage_reported", Boolean, nullable=False),
    Column("content_sent", Boolean, nullable=False),
    Column("fallback", Boolean, nullable=False),
    Column("first_token_us", BigInteger, nullable=False),  # 0 if no content came.
    Column("duration_us", BigInteger, nullable=False),
    Column("bytes_sent", BigInteger, nullable=False),
    Column("cost_nanos", BigInteger),  # As the upstream reported it; null if it did not.
    Index("attempt_ended", "ended"),
    sqlite_with_rowid=False,
)

usage = Table(
    "usage",
    metadata,
    Column("period", Integer, primary_key=True),  # Seconds: 3600 or 86400.
    Column("begin", BigInteger, primary_key=True),  # Unix seconds, a multiple of the period.
    Column("model", String, primary_key=True),
    Column("deployment", String, primary_key=True),
    Column("key", String(16), primary_key=True),
    Column("outcome", String, primary_key=True),
    Column("attempts", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("bytes_sent", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("first_token_us", BigInteger, nullable=False),  # Sum over those with content.
    Column("with_content", BigInteger, nullable=False),  # Attempts that had a first token.
    Column("cost_nanos", BigInteger, nullable=False),  # Sum of the known ones.
    Column("with_cost", BigInteger, nullable=False),  # Attempts whose cost is known.
    sqlite_with_rowid=False,
)
USAGE_KEY = ("period", "begin", "model", "deployment", "key", "outcome")
USAGE_SUMS = tuple(column.name for column in usage.columns if column.name not in USAGE_KEY)

audit = Table(
    "audit",
    metadata,
    Column("source", String, primary_key=True),  # What says so: `request id/attempt/kind`.
    Column("time", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("actor", String, nullable=False),  # Number of the key, or who changed something; or empty.
    Column("subject", String, nullable=False),  # What it was about: a model, a setting.
    Column("level", String, nullable=False),
    Column("detail", Text, nullable=False),  # A JSON object.
    Index("audit_time", "time"),
    sqlite_with_rowid=False,
)

cursor = Table(
    "cursor",
    metadata,
    Column("consumer", String, primary_key=True),
    Column("segment", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("finished", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

open_start = Table(
    "open_start",
    metadata,
    Column("consumer", String, primary_key=True),
    Column("request_id", String, primary_key=True),
    Column("attempt", SmallInteger, primary_key=True),
    Column("record", Text, nullable=False),  # The start record as JSON.
    sqlite_with_rowid=False,
)
