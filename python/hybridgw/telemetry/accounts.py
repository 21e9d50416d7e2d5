"""The part of `/metrics` about journal and ledger: how far each consumer is, and what to alarm on."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Consumer(Protocol):
    """What is shown of one consumer; `ledger.standing.Progress` is one."""

    @property
    def lag_bytes(self) -> int: ...
    @property
    def lag_records(self) -> int: ...
    @property
    def behind(self) -> bool: ...
    @property
    def failures(self) -> int: ...
    @property
    def missed_segments(self) -> int: ...
    @property
    def damaged_segments(self) -> int: ...


class Accounts(NamedTuple):
    """How journal and ledger do."""

    ledger: bool
    """Whether a ledger process lives."""
    consumers: Mapping[str, Consumer]
    size: int
    """Bytes of the journal."""
    held: int
    """Bytes beyond the maximum, kept for the ledger."""
    alarm: bool
    """Half of the hard maximum is reached."""
    dropped: int
    """Segments dropped uncounted."""


class AccountsCollector(Collector):
    """One scrape."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def collect(self) -> Iterable[Metric]:
        """All families, in a stable order."""
        all_ = self._accounts
        yield GaugeMetricFamily("hybridgw_journal_bytes", "Bytes of the journal.", all_.size)
        yield GaugeMetricFamily(
            "hybridgw_journal_held_bytes",
            "Bytes beyond journal_max, not counted by the ledger yet.",
            all_.held,
        )
        yield GaugeMetricFamily(
            "hybridgw_journal_alarm", "1 while the journal is over half of journal_hard_max.", all_.alarm
        )
        yield CounterMetricFamily(
            "hybridgw_journal_dropped_segments",
            "Segments dropped before the ledger counted them.",
            all_.dropped,
        )
        yield GaugeMetricFamily("hybridgw_ledger_up", "1 while a ledger process lives.", all_.ledger)
        for name, text in (
            ("lag_bytes", "Bytes of the journal that a consumer has not read."),
            ("lag_records", "The same in records, about."),
            ("behind", "1 while a consumer has not read to the end for a minute."),
        ):
            gauge = GaugeMetricFamily(f"hybridgw_ledger_{name}", text, labels=["consumer"])
            for consumer, progress in all_.consumers.items():
                gauge.add_metric([consumer], float(getattr(progress, name)))
            yield gauge
        for name, text in (
            ("failures", "Turns of a consumer that failed and were begun again."),
            ("missed_segments", "Segments that were removed before a consumer had read them."),
            ("damaged_segments", "Segments with damage behind which nothing can be read."),
        ):
            counter = CounterMetricFamily(f"hybridgw_ledger_{name}", text, labels=["consumer"])
            for consumer, progress in all_.consumers.items():
                counter.add_metric([consumer], float(getattr(progress, name)))
            yield counter
