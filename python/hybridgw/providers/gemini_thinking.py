"""How much a Gemini model shall think: levels from version 3 on, a budget of tokens in 2.5.

Never both: the backend answers that with an error. A model that cannot do what is asked for gets the
nearest that it can, because a model that thinks a little is what people mean who ask for none.
"""

import re
from functools import lru_cache
from typing import Any

from hybridgw.wire import Ask

Version = tuple[int, int]
_NEWEST: Version = (99, 0)
_VERSION = re.compile(r"gemini-(\d{1,2})(?:\.(\d{1,2}))?(?![\d])").search

_BUDGETS = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
_FLASH_LIMIT = 24576
_PRO_LIMIT = 32768
_PRO_LEAST = 128
_LOW_BELOW = 4096
_MEDIUM_BELOW = 12288


@lru_cache(256)
def version_of(model: str) -> Version:
    """Major and minor version; the newest for a name without one (`gemini-flash-latest`), 0 for what
    is no Gemini at all (Gemma and others behind the same address)."""
    found = _VERSION(model)
    if found:
        return int(found[1]), int(found[2] or 0)
    return _NEWEST if "gemini" in model else (0, 0)


def thinking_config(ask: Ask, can_think: bool | None) -> dict[str, Any] | None:
    """`thinkingConfig`, or None where nobody asked or the model does not think."""
    effort, mode, budget = ask.effort, ask.thinking, ask.thinking_budget
    if effort is None and mode is None and budget is None:
        return None
    version = version_of(ask.model)
    off = mode == "disabled" or effort == "none" or (budget == 0 and effort is None)
    if can_think is False or (can_think is None and version < (2, 5)):
        if not off:
            ask.drop("reasoning_effort" if effort is not None else "thinking")
        return None
    config = _by_level(ask, version, off) if version >= (3, 0) else _by_budget(ask, off)
    if ask.show_thinking and not off:
        config["includeThoughts"] = True
    return config


def _by_level(ask: Ask, version: Version, off: bool) -> dict[str, Any]:
    pro = "pro" in ask.model
    effort = ask.effort
    if effort is None and ask.thinking_budget is not None:
        budget = ask.thinking_budget
        effort = "low" if budget < _LOW_BELOW else "medium" if budget < _MEDIUM_BELOW else "high"
    if off:
        level = "MINIMAL"
    elif effort is None:
        return {}
    elif effort in ("xhigh", "max"):
        # The first models of this generation know nothing above it.
        level = "HIGH" if version <= (3, 5) else "XHIGH"
    else:
        level = _LEVELS.get(effort, "HIGH")
    if level == "MINIMAL" and pro:
        level = "LOW"
    elif level == "MEDIUM" and pro and version == (3, 0):
        level = "HIGH"
    return {"thinkingLevel": level}


def _by_budget(ask: Ask, off: bool) -> dict[str, Any]:
    pro = "pro" in ask.model
    if off:
        return {"thinkingBudget": _PRO_LEAST if pro else 0}
    if ask.thinking_budget is not None:
        limit = _PRO_LIMIT if pro else _FLASH_LIMIT
        return {"thinkingBudget": max(-1, min(ask.thinking_budget, limit))}
    # Without a word on how much, the model decides.
    return {"thinkingBudget": -1 if ask.effort is None else _BUDGETS.get(ask.effort, -1)}
