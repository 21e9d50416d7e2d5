"""The life of a request after authentication: decide, attempt, relay, settle."""

from hybridgw.pipeline.call import Call, Worker
from hybridgw.pipeline.run import answer

__all__ = ["Call", "Worker", "answer"]
