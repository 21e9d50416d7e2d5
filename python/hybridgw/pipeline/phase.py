"""Where a request stands: one phase at a time, and the ways from each to the next.

A request was once a set of flags, each set in another file; which of their combinations could occur was for
the reader to find out. Phases cannot contradict one another, and a way that is not in the table is a bug in
the pipeline, which fails loudly instead of sending half of two answers.

Beside the phase stands one fact that is none of its own: whether the head of the response is out. A heartbeat
may send it in any phase between ASKING and COMMITTED.
"""

from enum import Enum


class Phase(Enum):
    """In the order in which a request goes through them."""

    follows: tuple["Phase", ...]
    """Where it may go from here."""

    ADMITTED = 0
    """The key is known; the body is still arriving: nothing else may wait for the client."""
    READ = 1
    """The body is here."""
    DECIDED = 2
    """Who may be asked is known, and a permit is held."""
    ASKING = 3
    """An attempt is on its way to its upstream."""
    HOLDING = 4
    """An upstream answers with 200. Nothing of it has gone to the client."""
    COMMITTED = 5
    """One answer was chosen and goes to the client. Nothing can be taken back."""
    ENDED = 6
    """The response is complete, or was given up: nothing more can be said to the client."""


_WAYS = {
    Phase.ADMITTED: (Phase.READ, Phase.ENDED),
    Phase.READ: (Phase.DECIDED, Phase.ENDED),
    Phase.DECIDED: (Phase.ASKING, Phase.ENDED),
    # Failed, and another one is asked; or an answer that was held back before is released.
    Phase.ASKING: (Phase.HOLDING, Phase.ASKING, Phase.COMMITTED, Phase.ENDED),
    Phase.HOLDING: (Phase.COMMITTED, Phase.ASKING, Phase.ENDED),
    Phase.COMMITTED: (Phase.ENDED,),
    Phase.ENDED: (),
}
# At the members themselves: a look into a table by an Enum costs more than the rest of a move.
for _phase, _following in _WAYS.items():
    _phase.follows = _following
