"""The imitated models: who they say they are, and how long they take.

A personality is a plain value: names, a tier, a pace. It exists so that a page, a test and a bench
mean the same thing by "the local model". Latencies are those of a small model on a laptop, a served
model in the same building and a frontier model across the internet: far enough apart that routing
decisions are visible to the naked eye, short enough that nobody waits.

`engine` makes the server answer the fingerprint requests of a real engine too. It is off unless
asked for: a demo must never be discovered as if it were somebody's Ollama.
"""

from enum import StrEnum

import msgspec


class Engine(StrEnum):
    """Whose fingerprint to imitate."""

    NONE = "none"
    OLLAMA = "ollama"
    LLAMA_SERVER = "llama-server"
    VLLM = "vllm"


class Pace(msgspec.Struct, frozen=True):
    """How long a model takes. Seconds."""

    first_token: float = 0.0
    """From the request to the first content token."""
    gap: float = 0.0
    """Between two content tokens."""

    def scaled(self, factor: float) -> "Pace":
        """The same pace, `factor` times as slow (0 answers at once)."""
        return Pace(self.first_token * factor, self.gap * factor)


class Personality(msgspec.Struct, frozen=True):
    """One imitated upstream."""

    name: str
    tier: str
    """The word used in the text of the answer."""
    models: tuple[str, ...]
    """Listed by `GET /v1/models`; any other name is answered as well, under the name asked for."""
    pace: Pace
    context_window: int = 8192
    engine: Engine = Engine.NONE
    prebuilt: bool = False
    """Answer fixed bytes without reading the body: the upstream of benches."""


PERSONALITIES: dict[str, Personality] = {
    one.name: one
    for one in (
        Personality("local", "local", ("demo-local",), Pace(first_token=0.08, gap=0.012)),
        Personality(
            "private", "private", ("demo-private",), Pace(first_token=0.15, gap=0.008), context_window=32768
        ),
        Personality(
            "cloud",
            "cloud",
            ("demo-cloud", "demo-cloud-mini"),
            Pace(first_token=0.35, gap=0.005),
            context_window=200_000,
        ),
        Personality("instant", "instant", ("demo-instant",), Pace(), prebuilt=True),
    )
}
"""By name. The order is the order of tiers, nearest first."""
