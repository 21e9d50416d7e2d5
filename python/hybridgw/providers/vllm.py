"""What vLLM says about its own load, on its page of metrics.

One process may run several engines (data parallelism), each with lines of its own: what waits at any
of them is added up, and of their memory the fullest counts. Only the few lines in question are parsed:
the page is long, most of it histograms. What cannot be read is no load, never an error: a proxy may
answer for the engine with anything.
"""

import math

from hybridgw.providers.base import EngineLoad

_WAITING = b"vllm:num_requests_waiting"
_CACHE = (b"vllm:kv_cache_usage_perc", b"vllm:gpu_cache_usage_perc")
"""The second is the name of older versions."""


def engine_load(page: bytes) -> EngineLoad | None:
    """The load in a page of Prometheus text; None when it says nothing of what waits."""
    waiting: list[float] = []
    cache: list[float] = []
    for line in page.split(b"\n"):
        if not line.startswith(b"vllm:"):
            continue
        # Behind the last bracket: one in a label's text is no end.
        name = line.partition(b"{")[0].partition(b" ")[0]
        if name == _WAITING:
            _add(waiting, line)
        elif name in _CACHE:
            _add(cache, line)
    if not waiting:
        return None
    return EngineLoad(waiting=round(sum(waiting)), cache=min(1.0, max(cache)) if cache else None)


def _add(values: list[float], line: bytes) -> None:
    """The value of a sample, which a time may follow, where it is a count."""
    words = line.rpartition(b"}")[2].split() if b"{" in line else line.split()[1:]
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        return
    if math.isfinite(value) and value >= 0:
        values.append(value)
