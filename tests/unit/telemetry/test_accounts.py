"""Journal and ledger on the page of metrics."""

from prometheus_client import CollectorRegistry, generate_latest

from hybridgw.ledger.standing import Progress
from hybridgw.telemetry.accounts import Accounts, AccountsCollector


def test_every_consumer_has_its_lag_and_its_alarm() -> None:
    consumers = {
        "attempts": Progress(2_000_000, 9000, True, 4, "database is locked", 1, 2, 100),
        "log": Progress(0, 0, False, 0, None, 0, 0, 100),
    }
    registry = CollectorRegistry(auto_describe=False)
    registry.register(AccountsCollector(Accounts(True, consumers, 10, 5, True, 3)))
    page = generate_latest(registry).decode().splitlines()
    for line in (
        "hybridgw_ledger_up 1.0",
        "hybridgw_journal_bytes 10.0",
        "hybridgw_journal_held_bytes 5.0",
        "hybridgw_journal_alarm 1.0",
        "hybridgw_journal_dropped_segments_total 3.0",
        'hybridgw_ledger_behind{consumer="attempts"} 1.0',
        'hybridgw_ledger_behind{consumer="log"} 0.0',
        'hybridgw_ledger_lag_bytes{consumer="attempts"} 2e+06',
        'hybridgw_ledger_lag_records{consumer="attempts"} 9000.0',
        'hybridgw_ledger_failures_total{consumer="attempts"} 4.0',
        'hybridgw_ledger_missed_segments_total{consumer="attempts"} 1.0',
        'hybridgw_ledger_damaged_segments_total{consumer="attempts"} 2.0',
    ):
        assert line in page
