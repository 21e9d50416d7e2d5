"""An open-loop load generator for OpenAI-compatible endpoints.

Closed-loop tools send the next request when the last one was answered: while the server is frozen
they stop asking, and a freeze of a second leaves no trace in the percentiles. Here arrivals are
scheduled (constant or Poisson) and latency is counted from the *scheduled* time, whether or not the
generator or the server was able to keep up. A closed loop exists too, for questions about capacity.

    histogram   log-linear counts, mergeable and small in JSON
    schedule    when requests are due
    client      one connection: send, time the events of the answer, check it
    run         a whole run: connections, arrivals, time limit, result
"""

from bench.load.histogram import Histogram
from bench.load.run import LoadResult, LoadSpec, run, run_processes

__all__ = ["Histogram", "LoadResult", "LoadSpec", "run", "run_processes"]
