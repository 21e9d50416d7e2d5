"""The consumer `attempts`: a row for each attempt, and sums by hour and day. Money is counted from here.

Sums are kept beside the rows because they outlive them: rows go after a while (`keep`), sums stay much
longer and are what a question about months is answered from. An attempt counts in the hour in which it ended.
"""

from typing import Any

from sqlalchemy import URL, Connection, delete, func, select

from hybridgw.ledger.cursor import Attempt, Step
from hybridgw.ledger.database.sink import DatabaseSink, Row, add_new, execute_many, insert_into
from hybridgw.ledger.database.tables import USAGE_KEY, USAGE_SUMS, attempt, usage
from hybridgw.ledger.log_line import LOST

_HOUR, _DAY = 3600, 86400
_AT_ONCE = 2000
"""Old rows that are removed in one transaction."""

_NO_START: dict[str, Any] = {
    "route": "", "model": "", "deployment_name": "", "deployment": "", "key": 0, "level": "", "ceiling": "",
    "stream": False, "estimated_prompt_tokens": 0,
}  # fmt: skip
_NO_END: dict[str, Any] = {
    "outcome": LOST, "status": 0, "prompt_tokens": 0, "completion_tokens": 0, "cached_tokens": 0,
    "reasoning_tokens": 0, "usage_reported": False, "content_sent": False, "fallback": False, "ttft_us": 0,
    "duration_us": 0, "bytes_sent": 0, "cost_nanos": None,
}  # fmt: skip


class AttemptsSink(DatabaseSink):
    """See the module. `keep` and `keep_usage` are seconds."""

    name = "attempts"

    def __init__(self, url: URL, *, keep: float, keep_usage: float) -> None:
        super().__init__(url)
        self._keep = keep
        self._keep_usage = keep_usage

    def rows(self, connection: Connection, step: Step) -> None:
        """See `DatabaseSink`."""
        new = add_new(connection, attempt, ("request_id", "attempt"), [_row(one) for one in step.attempts])
        sums = _sums(new)
        if sums:
            insert = insert_into(connection, usage)
            adding = insert.on_conflict_do_update(
                index_elements=list(USAGE_KEY),
                set_={name: usage.c[name] + insert.excluded[name] for name in USAGE_SUMS},
            )
            execute_many(connection, adding, sums)

    def remove_old(self, connection: Connection, now: float) -> bool:
        """See `DatabaseSink`."""
        limit = int((now - self._keep) * 1e9)
        # Up to the time of one of the oldest rows: a LIMIT in a DELETE is not for every database.
        oldest = select(attempt.c.ended).where(attempt.c.ended < limit).order_by(attempt.c.ended)
        until = connection.execute(select(func.max(oldest.limit(_AT_ONCE).subquery().c.ended))).scalar()
        if until is not None:
            connection.execute(delete(attempt).where(attempt.c.ended <= until))
        begin = int(now - self._keep_usage)
        connection.execute(delete(usage).where(usage.c.begin + usage.c.period < begin))
        return until is None


def _row(one: Attempt) -> Row:
    known = one.start if one.start is not None else one.end
    assert known is not None, "an attempt has a start or an end"
    start = one.start if one.start is not None else _NO_START
    end = one.end if one.end is not None else _NO_END
    return {
        "request_id": known["id"],
        "attempt": known["attempt"],
        "started": known["wall_ns"],
        "ended": known["wall_ns"] if one.end is None else one.end["wall_ns"],
        "route": start["route"],
        "model": start["model"],
        "deployment": start["deployment_name"],
        "deployment_id": start["deployment"],
        "key": f"{start['key']:016x}" if start is not _NO_START else "",
        "level": start["level"],
        "ceiling": start["ceiling"],
        "stream": start["stream"],
        "estimated_tokens": start["estimated_prompt_tokens"],
        "outcome": end["outcome"].lower(),
        "status": end["status"],
        "prompt_tokens": end["prompt_tokens"],
        "completion_tokens": end["completion_tokens"],
        "cached_tokens": end["cached_tokens"],
        "reasoning_tokens": end["reasoning_tokens"],
        "usage_reported": end["usage_reported"],
        "content_sent": end["content_sent"],
        "fallback": end["fallback"],
        "first_token_us": end["ttft_us"],
        "duration_us": end["duration_us"],
        "bytes_sent": end["bytes_sent"],
        "cost_nanos": end["cost_nanos"],
    }


def _sums(rows: list[Row]) -> list[Row]:
    """Rows added up by hour and by day."""
    hours: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        hour = row["ended"] // (_HOUR * 1_000_000_000) * _HOUR
        key = (hour, row["model"], row["deployment"], row["key"], row["outcome"])
        cost = row["cost_nanos"]
        sums = hours.get(key)
        if sums is None:
            sums = hours[key] = [0] * len(USAGE_SUMS)
        # In the order of the table's columns.
        sums[0] += 1
        sums[1] += row["prompt_tokens"]
        sums[2] += row["completion_tokens"]
        sums[3] += row["cached_tokens"]
        sums[4] += row["reasoning_tokens"]
        sums[5] += row["bytes_sent"]
        sums[6] += row["duration_us"]
        if row["first_token_us"]:
            sums[7] += row["first_token_us"]
            sums[8] += 1
        if cost is not None:
            sums[9] += cost
            sums[10] += 1
    added: dict[tuple[Any, ...], list[int]] = {}
    for (hour, *rest), sums in hours.items():
        added[(_HOUR, hour, *rest)] = sums
        day = (_DAY, hour // _DAY * _DAY, *rest)
        added[day] = [a + b for a, b in zip(added[day], sums, strict=True)] if day in added else sums
    return [dict(zip((*USAGE_KEY, *USAGE_SUMS), (*key, *sums), strict=True)) for key, sums in added.items()]
