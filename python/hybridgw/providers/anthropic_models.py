"""What is known of Anthropic's models by the beginning of their names.

Three generations differ in how they are told to think, and each has its longest answer: the API
demands a limit, and a client that gave none wants no short one. A model that nobody knows yet is
taken for one of the newest.
"""

from typing import Literal

Thinks = Literal["never", "budget", "adaptive"]

_NEVER = ("claude-2", "claude-instant", "claude-3-haiku", "claude-3-opus", "claude-3-sonnet", "claude-3-5")
# `-4-2` begins the date of the first of a line: claude-opus-4-20250514.
_FIRST_OPUS = ("claude-opus-4-0", "claude-opus-4-1", "claude-opus-4-2", "claude-opus-4@")
_BUDGET = (
    *_FIRST_OPUS, "claude-3-7", "claude-haiku-4", "claude-opus-4-5",
    "claude-sonnet-4-0", "claude-sonnet-4-2", "claude-sonnet-4-5", "claude-sonnet-4@",
)  # fmt: skip
_TAKE_BOTH = ("claude-2", "claude-instant", "claude-3")
_LIMITS = (
    ("claude-2", 4096),
    ("claude-instant", 4096),
    ("claude-3-haiku", 4096),
    ("claude-3-opus", 4096),
    ("claude-3-sonnet", 4096),
    ("claude-3-5", 8192),
    *((start, 32000) for start in _FIRST_OPUS),
    ("claude-", 64000),
)
_UNKNOWN_LIMIT = 4096


def how_it_thinks(model: str) -> Thinks:
    """Whether the model thinks, and whether it is given a budget for it or decides itself."""
    name = _bare(model)
    if name.startswith(_NEVER):
        return "never"
    return "budget" if name.startswith(_BUDGET) else "adaptive"


def longest_answer(model: str) -> int:
    """A limit that the model accepts."""
    name = _bare(model)
    return next((limit for start, limit in _LIMITS if name.startswith(start)), _UNKNOWN_LIMIT)


def takes_both(model: str) -> bool:
    """Whether temperature and top_p may be set together."""
    return _bare(model).startswith(_TAKE_BOTH)


def _bare(model: str) -> str:
    """The name without the vendor that some hosts put before it."""
    return model.lower().rpartition("/")[2]
