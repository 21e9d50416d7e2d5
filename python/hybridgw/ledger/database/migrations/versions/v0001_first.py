"""The first tables: attempts, sums of usage, audit, cursors of the consumers that write here."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    big, small = sa.BigInteger, sa.SmallInteger
    op.create_table(
        "attempt",
        sa.Column("request_id", sa.String, primary_key=True),
        sa.Column("attempt", small, primary_key=True),
        sa.Column("started", big, nullable=False),
        sa.Column("ended", big, nullable=False),
        sa.Column("route", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("deployment", sa.String, nullable=False),
        sa.Column("deployment_id", sa.String(16), nullable=False),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("level", sa.String, nullable=False),
        sa.Column("ceiling", sa.String, nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("estimated_tokens", big, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("status", small, nullable=False),
        sa.Column("prompt_tokens", big, nullable=False),
        sa.Column("completion_tokens", big, nullable=False),
        sa.Column("cached_tokens", big, nullable=False),
        sa.Column("reasoning_tokens", big, nullable=False),
        sa.Column("usage_reported", sa.Boolean, nullable=False),
        sa.Column("content_sent", sa.Boolean, nullable=False),
        sa.Column("fallback", sa.Boolean, nullable=False),
        sa.Column("first_token_us", big, nullable=False),
        sa.Column("duration_us", big, nullable=False),
        sa.Column("bytes_sent", big, nullable=False),
        sa.Column("cost_nanos", big),
        sqlite_with_rowid=False,
    )
    op.create_index("attempt_ended", "attempt", ["ended"])
    op.create_table(
        "usage",
        sa.Column("period", sa.Integer, primary_key=True),
        sa.Column("begin", big, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("deployment", sa.String, primary_key=True),
        sa.Column("key", sa.String(16), primary_key=True),
        sa.Column("outcome", sa.String, primary_key=True),
        *(
            sa.Column(name, big, nullable=False)
            for name in (
                "attempts", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens",
                "bytes_sent", "duration_us", "first_token_us", "with_content", "cost_nanos", "with_cost",
            )
        ),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_table(
        "audit",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("time", big, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("level", sa.String, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("audit_time", "audit", ["time"])
    op.create_table(
        "cursor",
        sa.Column("consumer", sa.String, primary_key=True),
        sa.Column("segment", sa.String, primary_key=True),
        sa.Column("position", big, nullable=False),
        sa.Column("finished", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "open_start",
        sa.Column("consumer", sa.String, primary_key=True),
        sa.Column("request_id", sa.String, primary_key=True),
        sa.Column("attempt", small, primary_key=True),
        sa.Column("record", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """There is nothing before; a backup brings an older state back."""
    raise NotImplementedError("restore a backup: hybridgw db restore FILE")
