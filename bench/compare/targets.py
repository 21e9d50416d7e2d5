"""What the figures are held against, and the arithmetic from figures to verdicts."""

from collections.abc import Callable
from typing import Any, NamedTuple

Figures = dict[str, dict[str, Any]]
"""Figures of a run by gateway."""

_DISTURBED = 6
ONE = "hybridgw, 1 worker"
ALL = "hybridgw"


class Target(NamedTuple):
    """A limit and how the value is found; `value` is None where something was not measured."""

    name: str
    limit: float
    at_most: bool
    unit: str
    find: Callable[[Figures], float | None]


def _ratio(above: str, below: str, key: str) -> Callable[[Figures], float | None]:
    def find(figures: Figures) -> float | None:
        a, b = figures.get(above, {}).get(key), figures.get(below, {}).get(key)
        return round(a / b, 2) if a and b else None

    return find


def _plain(gateway: str, key: str) -> Callable[[Figures], float | None]:
    def find(figures: Figures) -> float | None:
        value = figures.get(gateway, {}).get(key)
        return None if value is None else float(value)

    return find


def disturbed(figures: Figures) -> bool:
    """Whether latencies were spoilt by something else on the machine: direct p99 far above direct p50."""
    direct = figures.get("direct", {})
    return bool(direct.get("p50_us")) and direct["p99_us"] > _DISTURBED * direct["p50_us"]


def _added(figures: Figures) -> float | None:
    """(gateway p99 - direct p99) / direct p99 at one connection; medians of the same rounds. No value on a
    disturbed machine, where a huge direct p99 would make any gateway look good."""
    ours = figures.get(ONE, {}).get("added_p99_us")
    direct = figures.get("direct", {}).get("p99_us")
    if disturbed(figures):
        return None
    return round(ours / direct, 2) if ours is not None and direct else None


TARGETS: tuple[Target, ...] = (
    Target("CPU per request, times nginx", 4.3, True, "x", _ratio(ONE, "nginx", "cpu_request_us")),
    Target("CPU per paced stream, times nginx", 2.2, True, "x", _ratio(ONE, "nginx", "cpu_stream_us")),
    Target("CPU per request, LiteLLM over ours", 40, False, "x", _ratio("LiteLLM", ONE, "cpu_request_us")),
    Target(
        "CPU per paced stream, LiteLLM over ours", 15, False, "x", _ratio("LiteLLM", ONE, "cpu_stream_us")
    ),
    Target("added p99 at one connection, times direct p99", 4, True, "x", _added),
    Target("memory of an idle worker (PSS)", 120, True, "MB", _plain(ONE, "idle_largest_mb")),
    Target("memory with 1,500 requests of 150 KB held (PSS)", 1000, True, "MB", _plain(ALL, "loaded_mb")),
    Target("cold start to the first 200", 1.5, True, "s", _plain(ALL, "cold_start_s")),
)


def verdicts(figures: Figures) -> list[dict[str, Any]]:
    """Each target with its value and whether it was met; `met` is None where nothing was measured."""
    rows = []
    for target in TARGETS:
        value = target.find(figures)
        met = None if value is None else (value <= target.limit if target.at_most else value >= target.limit)
        rows.append(
            {
                "name": target.name,
                "limit": target.limit,
                "at_most": target.at_most,
                "unit": target.unit,
                "value": value,
                "met": met,
            }
        )
    return rows
