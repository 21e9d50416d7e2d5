"""Whether a configuration can be served at all: compiled as a worker would, on a state of its own.

`check`, the start and every reload ask here, so that what one of them lets through none of the others
refuses. The state file has a slot for each deployment; its size is fixed for a run, so a start leaves
room for a file that grows.
"""

from hybridgw.config.errors import ConfigError
from hybridgw.config.schema import Settings
from hybridgw.native import Router, StateFile
from hybridgw.routing.plan import Plan

MOST_DEPLOYMENTS = 4096
"""That a state file can have slots for; also the upper bound of `state.deployment_slots`."""
_ROOM = 64
"""Slots beyond twice the deployments that there are: a reload may bring others beside them."""

_DISCOVERED = 480
"""Models that the engines of one machine may well have."""


def slots_for(settings: Settings) -> int:
    """Slots of a state file that is to serve these settings and what they may grow into."""
    # What discovery will find is not known yet.
    needed = _needed(settings) if settings.source.path else _DISCOVERED
    return min(MOST_DEPLOYMENTS, max(settings.state.deployment_slots, 2 * needed + _ROOM))


def admit(settings: Settings, generation: int = 1) -> Plan:
    """The plan of these settings. ConfigError where no worker could run them."""
    file = settings.source.path or settings.source.kind
    needed = _needed(settings)
    if needed > MOST_DEPLOYMENTS:
        raise ConfigError(
            file,
            "deployments",
            f"{needed} deployments are more than the {MOST_DEPLOYMENTS} that one gateway keeps state for",
            "remove some, or divide them between two gateways",
        )
    plan = Plan(settings, generation)
    try:
        Router(plan.native, StateFile.anonymous(1, max(1, needed)), 0, None, settings.learned)
    except ValueError as error:
        raise ConfigError(file, "", f"cannot be served: {error}", "remove what it names") from None
    return plan


def _needed(settings: Settings) -> int:
    return len({deployment.identity for deployment in settings.deployments})
