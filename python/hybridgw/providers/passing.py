"""What a configuration says of a deployment's parameters, written for a route whose bytes pass through.

The meaning is that of `configured`. Here it becomes a list for the native side, made once per plan: the
places that `wire.parameters` knows for Chat's names, and each value as the route's protocol has it. The
native side knows no names and no protocols; it applies the list in one order of precedence (`body::Edits`).

What the protocol has no place for, or the backend does not take there, is left out, as an outbound leaves it
out. A body is never looked at here.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from hybridgw.core import Route
from hybridgw.providers.anthropic_models import how_it_thinks
from hybridgw.providers.base import Backend
from hybridgw.providers.configured import FAMILY, format_of
from hybridgw.providers.openai_models import thinks
from hybridgw.wire.parameters import SAMPLERS, Path, places, same

Put = tuple[Path, Any]

_CHAT = frozenset({Route.CHAT, Route.COMPLETIONS, Route.EMBEDDINGS})
_OLLAMA = frozenset({Route.OLLAMA_CHAT, Route.OLLAMA_GENERATE})
_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_EFFORT = "reasoning_effort"
LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max", "max": "max"}
"""An effort as Ollama has it."""
_TIERS = {"auto": "auto", "default": "standard_only"}


class Parameters(msgspec.Struct, omit_defaults=True):
    """The native side's list; see `plan::Parameters` there."""

    drops: list[Path] = []
    replaced: list[Path] = []
    defaults: list[tuple[Path, Any, list[Path]]] = []
    force: list[Put] = []
    renames: dict[str, str] = {}


def parameters(route: Route, backend: Backend, model: str) -> Parameters | None:
    """The rules for bodies of this route; None where there are none. `model` is the configured one."""
    made = Parameters()
    renames = backend.renames if route in _CHAT else {}
    dropped = {each for name in backend.drops for each in same(name)}
    if route in _OLLAMA:
        _ollamas_own(backend, made)
    for name in backend.drops:
        made.drops += [path for path in places(route, name) if path not in made.drops]
    for name, value in backend.defaults.items():
        if name in dropped or backend.force.keys() & set(same(name)):
            continue
        for path, said in _puts(route, name, value, backend, model, renames):
            unless = _elsewhere(route, name, path)
            made.defaults.append((path, said, unless + _excludes(route, name)))
    for name, value in backend.force.items():
        for path, said in _puts(route, name, value, backend, model, renames):
            made.replaced += _elsewhere(route, name, path)
            made.force.append((path, said))
    made.renames = dict(renames)
    return made if made != Parameters() else None


def sets_limit(backend: Backend) -> bool:
    """Whether the configuration sets the limit of an answer, whatever the client says of it."""
    if _LIMITS & backend.force.keys():
        return True
    return not drops_limit(backend) and bool(_LIMITS & backend.defaults.keys())


def drops_limit(backend: Backend) -> bool:
    """Whether what the client says of the limit is not told."""
    return bool(_LIMITS & set(backend.drops))


def _ollamas_own(backend: Backend, made: Parameters) -> None:
    """The window is the configuration's in every request, because another value makes Ollama load the model
    again; and a prompt that does not fit is refused rather than cut, unless the client wants it cut."""
    if backend.num_ctx is not None:
        made.drops.append(("options", "num_ctx"))
        made.force.append((("options", "num_ctx"), backend.num_ctx))
    if not {"truncate"} & (backend.defaults.keys() | backend.force.keys()):
        made.defaults.append((("truncate",), False, []))


def _elsewhere(route: Route, name: str, path: Path) -> list[Path]:
    """The other places of what is written at `path`. The object around it is none: its other members are
    other parameters."""
    return [it for it in places(route, name) if it not in (path, path[:1])]


def _excludes(route: Route, name: str) -> list[Path]:
    """What a client may say that does not go together with this: Anthropic's models refuse sampling where
    they think."""
    if route is not Route.MESSAGES or name not in _SAMPLING:
        return []
    return [("thinking",), ("temperature",)] if name == "top_p" else [("thinking",)]


def _puts(
    route: Route, name: str, value: Any, backend: Backend, model: str, renames: Mapping[str, str]
) -> list[Put]:
    """Where a value is written on this route, and as what."""
    if route in _CHAT:
        return [((renames[name],) if name in renames else places(route, name)[0], value)]
    if name == "stop" and isinstance(value, str):
        value = [value]
    if route is Route.MESSAGES:
        return _messages(name, value, backend, model)
    if route is Route.RESPONSES:
        return _responses(name, value, backend, model)
    if route in _OLLAMA:
        return _ollama(name, value, backend)
    return [((name,), value)]


def _messages(name: str, value: Any, backend: Backend, model: str) -> list[Put]:
    path = places(Route.MESSAGES, name)[0]
    if name in _LIMITS or name == "stop":
        return [(path, value)]
    if name in _SAMPLING:
        return [(path, value)] if backend.sampling else []
    if name in ("user", "safety_identifier"):
        # Never a name or an address of a person, as in a translation.
        return [(path, hashlib.sha256(str(value).encode()).hexdigest())]
    if name == _EFFORT:
        knows = backend.thinking is not False and how_it_thinks(model) == "adaptive"
        if value == "none":
            return [(("thinking",), {"type": "disabled"})] if knows else []
        return [(path, "low" if value == "minimal" else value)] if knows else []
    if name == "service_tier":
        return [(path, _TIERS.get(value, value))]
    if name == "response_format":
        form = _form(value)
        return [(path, {"type": form["type"], "schema": form["schema"]})] if "schema" in form else []
    own = name in ("thinking", "metadata", "cache_control", "container") or name not in FAMILY
    return [(path, value)] if own else []


def _form(value: Any) -> dict[str, Any]:
    """Chat's `response_format` as Responses has it; empty for plain text."""
    wanted = format_of(value)
    if wanted is None:
        return {}
    if wanted.schema is None:
        return {"type": wanted.kind}
    return {"name": wanted.name, **value["json_schema"], "type": wanted.kind}


_RESPONSES_HAS = frozenset(
    {
        "parallel_tool_calls", "service_tier", "user", "safety_identifier", "metadata", "store",
        "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "top_logprobs", "moderation",
        "stream_options", "max_tokens", "max_completion_tokens", "verbosity",
    }
)  # fmt: skip
"""Of Chat's family."""


def _responses(name: str, value: Any, backend: Backend, model: str) -> list[Put]:
    path = places(Route.RESPONSES, name)[0]
    thinking = thinks(model) if backend.thinking is None else backend.thinking
    if name in ("temperature", "top_p"):
        return [] if thinking else [(path, value)]
    if name == _EFFORT:
        return [(path, value)] if thinking else []
    if name == "response_format":
        return [(path, form)] if (form := _form(value)) else []
    return [(path, value)] if name in _RESPONSES_HAS or name not in FAMILY else []


_OLLAMA_HAS = frozenset(
    {"max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "seed", "presence_penalty",
     "frequency_penalty", "stop", "logprobs", "top_logprobs", *SAMPLERS}
)  # fmt: skip
"""Of Chat's family."""


def _ollama(name: str, value: Any, backend: Backend) -> list[Put]:
    path = places(Route.OLLAMA_CHAT, name)[0]
    if name == "options" and isinstance(value, dict):
        return [(("options", option), each) for option, each in value.items()]
    if name == _EFFORT:
        if backend.thinking is False or not isinstance(value, str):
            return []
        words = backend.thinking_words
        return [(path, value != "none" and (LEVELS.get(value, True) if words else True))]
    if name == "thinking":
        kind = value.get("type") if isinstance(value, dict) else None
        return [(path, kind != "disabled")] if kind and backend.thinking is not False else []
    if name == "response_format":
        return [(path, form.get("schema", "json"))] if (form := _form(value)) else []
    return [(path, value)] if name in _OLLAMA_HAS or name not in FAMILY else []
