"""The consumer `audit`: what was refused by policy, and who changed what, kept for as long as an audit asks.

Of refusals the journal holds two kinds: requests that no deployment may see, and attempts that were stopped
because their address lay farther than the request may go. Changes of keys and configuration have no records
yet. A row names numbers, models and levels, never text.
"""

import time
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, delete

from hybridgw.ledger.batches import Record
from hybridgw.ledger.cursor import Attempt, Step
from hybridgw.ledger.database.sink import DatabaseSink, Row, add_new
from hybridgw.ledger.database.tables import audit

_BY_POLICY = frozenset({"boundary_refused"})
"""Outcomes that are a refusal of ours, for the sake of what was in the request."""

_DENIED = "policy_denied"
"""The cause of a refusal that no attempt came before."""


class AuditSink(DatabaseSink):
    """See the module. `keep` is seconds."""

    name = "audit"

    def __init__(self, url: URL, *, keep: float) -> None:
        super().__init__(url)
        self._keep = keep

    def rows(self, connection: Connection, step: Step) -> None:
        """See `DatabaseSink`."""
        rows = [_refused(one) for one in step.attempts if _is_refusal(one)]
        rows += [_denied(record) for record in step.others if record.get("cause") == _DENIED]
        rows += [_missed(name) for name in step.missed]
        add_new(connection, audit, ("source",), rows)

    def remove_old(self, connection: Connection, now: float) -> bool:
        """See `DatabaseSink`."""
        connection.execute(delete(audit).where(audit.c.time < int((now - self._keep) * 1e9)))
        return True


def _is_refusal(one: Attempt) -> bool:
    return one.end is not None and one.end["outcome"].lower() in _BY_POLICY


def _refused(one: Attempt) -> Row:
    start, end = one
    assert end is not None
    known: Record = {} if start is None else start
    detail: dict[str, Any] = {"outcome": end["outcome"].lower()}
    detail |= {name: known[name] for name in ("route", "deployment_name", "ceiling") if name in known}
    return {
        "source": f"{end['id']}/{end['attempt']}/refusal",
        "time": end["wall_ns"],
        "kind": "refusal",
        "actor": f"{known['key']:016x}" if "key" in known else "",
        "subject": known.get("model", ""),
        "level": known.get("level", ""),
        "detail": msgspec.json.encode(detail).decode(),
    }


def _denied(record: Record) -> Row:
    """A request that no deployment may see."""
    detail = {name: record[name] for name in ("route", "ceiling", "status", "config", "model")}
    return {
        "source": f"{record['id']}/{record['wall_ns']}/denied",
        "time": record["wall_ns"],
        "kind": "refusal",
        "actor": f"{record['key']:016x}",
        "subject": "",
        "level": record["level"],
        "detail": msgspec.json.encode({"outcome": _DENIED, **detail}).decode(),
    }


def _missed(segment: str) -> Row:
    """A segment was removed before it was read: what it held is missing here."""
    return {
        "source": f"{segment}/missed",
        "time": time.time_ns(),
        "kind": "journal_lost",
        "actor": "",
        "subject": segment,
        "level": "",
        "detail": "{}",
    }
