"""The vocabulary of the gateway: what every other package may talk about.

Values only. Nothing here does I/O, reads configuration or knows a protocol; whoever needs a new
word for the whole house adds it here, whoever needs it in one room keeps it there.
"""

from hybridgw.core.deployment import FOREVER, Deployment, Target, Timeouts
from hybridgw.core.enums import Boundary, Level, Outcome, Route, Shape, Verdict

__all__ = [
    "FOREVER",
    "Boundary",
    "Deployment",
    "Level",
    "Outcome",
    "Route",
    "Shape",
    "Target",
    "Timeouts",
    "Verdict",
]
