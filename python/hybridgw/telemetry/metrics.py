"""`/metrics`: the cells of the state file as Prometheus text.

The cells are counted by the native side where things happen, per worker slot; this page sums over
all slots, so any worker answers for the whole host and a dead worker's counts are not lost.
`prometheus_client` only renders: nothing is registered globally and nothing is counted here.
Labels are bounded by the configuration: deployments by name, outcomes and routes by enumeration.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

import hybridgw
from hybridgw.core import Outcome
from hybridgw.native import StateFile
from hybridgw.routing.plan import Plan
from hybridgw.telemetry.accounts import Accounts, AccountsCollector

CONTENT_TYPE = b"text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
_STATES = ("closed", "open", "half_open", "ramp")


def render(state: StateFile, plan: Plan, mono_ns: int, reloads: tuple[int, int], accounts: Accounts) -> bytes:
    """The whole page. `reloads`: configurations published after the first, and files refused."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(AccountsCollector(accounts))
    registry.register(_Cells(state.snapshot(mono_ns), plan, reloads))
    return generate_latest(registry)


class _Cells(Collector):
    """One scrape."""

    def __init__(self, cells: dict[str, Any], plan: Plan, reloads: tuple[int, int]) -> None:
        self._reloads = reloads
        self._cells = cells
        self._plan = plan

    def collect(self) -> Iterable[Metric]:
        """All families, in a stable order."""
        yield from self._host()
        yield from self._deployments()

    def _host(self) -> Iterator[Metric]:
        cells = self._cells
        info = GaugeMetricFamily("hybridgw_info", "Version and configuration in force.", labels=["version"])
        info.add_metric([hybridgw.__version__], 1)
        yield info
        yield GaugeMetricFamily("hybridgw_config_generation", "Generation in force.", self._plan.generation)
        taken, refused = self._reloads
        yield CounterMetricFamily("hybridgw_config_reloads", "Configurations put in force by reload.", taken)
        yield CounterMetricFamily(
            "hybridgw_config_reload_errors", "Configurations that were refused.", refused
        )
        yield GaugeMetricFamily("hybridgw_requests_active", "Requests in flight.", cells["active"])
        yield GaugeMetricFamily("hybridgw_workers", "Workers alive.", cells["slots_used"])
        requests = CounterMetricFamily(
            "hybridgw_requests", "Finished requests by route and status class.", labels=["route", "status"]
        )
        for (route, status), count in cells["requests"].items():
            requests.add_metric([route, status], count)
        yield requests
        for name, help_text in (
            ("shed", "Requests refused for lack of capacity."),
            ("client_aborts", "Clients that left before their answer was complete."),
            ("journal_records", "Records written to the journal."),
            ("journal_errors", "Records that the journal could not take."),
        ):
            yield CounterMetricFamily(f"hybridgw_{name}", help_text, cells[name])
        refusals = CounterMetricFamily(
            "hybridgw_privacy_refusals",
            "Requests refused by policy, by what was found; one with two kinds counts under both.",
            labels=["kind"],
        )
        for kind, count in cells["refusals"].items():
            refusals.add_metric([kind], count)
        yield refusals
        overhead = HistogramMetricFamily(
            "hybridgw_overhead_seconds",
            "Time inside the gateway per request, of a stream until its first content; "
            "waits for upstreams and clients excluded.",
        )
        _add_histogram(overhead, [], cells["overhead"])
        yield overhead

    def _deployments(self) -> Iterator[Metric]:
        labels = ["deployment", "tier"]
        attempts = CounterMetricFamily(
            "hybridgw_attempts", "Finished attempts by outcome.", labels=[*labels, "outcome"]
        )
        tokens = CounterMetricFamily("hybridgw_tokens", "Tokens by kind.", labels=[*labels, "kind"])
        in_flight = GaugeMetricFamily("hybridgw_attempts_active", "Attempts in flight.", labels=labels)
        ewma = GaugeMetricFamily(
            "hybridgw_first_token_ewma_seconds", "Smoothed time to first token.", labels=labels
        )
        queue = GaugeMetricFamily(
            "hybridgw_deployment_queue_depth",
            "Requests that wait inside the engine, as it tells.",
            labels=labels,
        )
        cache = GaugeMetricFamily(
            "hybridgw_deployment_cache_usage",
            "Share of the engine's memory for contexts that is taken, as it tells.",
            labels=labels,
        )
        breaker = GaugeMetricFamily(
            "hybridgw_breaker_state", "1 for the state the breaker is in.", labels=[*labels, "state"]
        )
        first = HistogramMetricFamily(
            "hybridgw_first_token_seconds", "Time to first token per attempt.", labels=labels
        )
        duration = HistogramMetricFamily(
            "hybridgw_attempt_duration_seconds", "Duration per attempt.", labels=labels
        )
        for upstream in self._plan.upstreams:
            deployment = upstream.deployment
            cells = self._cells["deployments"].get(int(deployment.id, 16))
            if cells is None:
                continue
            where = [deployment.name, deployment.tier]
            for outcome in Outcome:
                count = cells["outcomes"][outcome]
                if count:
                    attempts.add_metric([*where, outcome.name.lower()], count)
            for kind in ("prompt", "completion", "cached"):
                tokens.add_metric([*where, kind], cells[f"{kind}_tokens"])
            in_flight.add_metric(where, cells["in_flight"])
            ewma.add_metric(where, cells["ttft_ewma_us"] / 1e6)
            for family, told in ((queue, cells["waiting"]), (cache, cells["cache"])):
                if told is not None:
                    family.add_metric(where, told)
            for state in _STATES:
                breaker.add_metric([*where, state], float(cells["breaker"] == state))
            _add_histogram(first, where, cells["ttft"])
            _add_histogram(duration, where, cells["duration"])
        yield from (attempts, tokens, in_flight, ewma, queue, cache, breaker, first, duration)


def _add_histogram(family: HistogramMetricFamily, labels: list[str], cells: dict[str, Any]) -> None:
    """Cumulative buckets in seconds from plain counts per bound in milliseconds."""
    total = 0
    buckets = []
    for bound, count in zip([*cells["bounds_ms"], None], cells["counts"], strict=False):
        total += count
        buckets.append(("+Inf" if bound is None else repr(bound / 1000), total))
    family.add_metric(labels, buckets, cells["sum_us"] / 1e6)
