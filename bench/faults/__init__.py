"""Faults on purpose under load: what a promise costs when it is called in.

Tests assert these outcomes in small; here they run long enough to count. Each program starts its own
gateway in front of its own upstreams, commits its fault, prints figures and promises, and exits 1 if a
promise was broken. Everything is bounded in time and number; only processes started here are killed.

    harness       a gateway, its upstreams, its metrics and journal
    kill_workers  kill -9 of a worker, many times
    engine_down   one of two upstreams dies and comes back
    blame         1 % of refusals, one 403, clients without patience: who else fails
    slow_reader   clients that do not read
    slow_answers  large requests that take half a second: memory
    soak          long mixed load: memory, descriptors, errors
"""
