"""The cases by id, and how a case may end other than by passing or failing.

A case registers itself where it is written. One that cannot run yet stands in `pending.py`; it is
listed and skipped, so that nobody can forget it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from tests.conformance.pending import PENDING

if TYPE_CHECKING:
    from tests.conformance.stage import Stage

Run = Callable[["Stage"], None]

AREAS: Final = {
    "A": ("Chat basics", 15),
    "B": ("Streaming", 25),
    "C": ("Errors, retries, fallback", 12),
    "D": ("Anthropic", 18),
    "E": ("Responses", 12),
    "F": ("Local backends, Gemini, OpenRouter", 20),
    "G": ("Embeddings, models", 6),
    "H": ("Privacy and security", 7),
}
"""The table, with its number of cases: 111 in all."""
BEYOND: Final = {"W": "What well-known applications send"}
"""Cases that are not part of the table."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One promise."""

    id: str
    title: str
    clients: tuple[str, ...]
    """Who asks: names of client libraries, or `HTTP` for bytes on a socket."""
    backends: tuple[str, ...]
    """Names of the providers that the upstream is configured as."""
    feature: str
    pending: str | None
    """Why it cannot run yet."""
    run: Run

    @property
    def area(self) -> str:
        """The letter that the id begins with."""
        return self.id[0]


class NotApplicable(Exception):
    """Raised by a case: what the table asks for is deliberately not done; the text says why. What is
    done instead was checked before."""


class MissingClient(Exception):
    """Raised by a case: a client library is not installed here. Says nothing about the gateway."""


CASES: dict[str, Case] = {}


def case(
    name: str,
    title: str,
    *,
    client: str = "HTTP",
    backend: str = "openai_compatible",
    feature: str = "chat",
) -> Callable[[Run], Run]:
    """Register the decorated function as a case. Several clients or backends: separated by blanks."""
    assert name not in CASES, f"two cases are called {name}"
    assert name[0] in {**AREAS, **BEYOND}, name

    def register(run: Run) -> Run:
        CASES[name] = Case(
            id=name,
            title=title,
            clients=tuple(client.split()),
            backends=tuple(backend.split()),
            feature=feature,
            pending=PENDING.get(name),
            run=run,
        )
        return run

    return register
