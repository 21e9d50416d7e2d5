"""What a deployment's configuration does to a request in Ollama's own words that passes to an Ollama.

Bytes of `/api/chat` and `/api/generate` need no translation, but three things must hold on every route of
a deployment alike: the window (`num_ctx`), because another value makes Ollama load the model again; the
parameters that the configuration sets; and that a prompt which does not fit is refused rather than cut
(`truncate: false`, unless the client wrote it). A client's own window is replaced and listed as dropped.

Costs a decoding of the top level and of `options`, some microseconds at 1 KB; content is not looked at.
"""

import msgspec

from hybridgw.providers import configured
from hybridgw.providers.base import Backend
from hybridgw.providers.ollama_request import LEVELS, SAMPLERS, thinks

Raw = msgspec.Raw

_members = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode
_OWN = ("format", "think", "keep_alive", "truncate", "shift", "logprobs", "top_logprobs")
"""Members of a request that a configuration may set by these names."""
_OPTIONS = frozenset(
    {"temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty", "stop"}
)
_COUNTS = frozenset({"max_tokens", "max_completion_tokens"})


def with_configuration(body: bytes, backend: Backend) -> tuple[bytes, tuple[str, ...]]:
    """The body as it is sent, and what of the client's is not, by the client's names."""
    members = _members.decode(body)
    options = _object(members.get("options"))
    dropped: list[str] = []
    for name in backend.drops:
        place, own = (options, _option(name)) if _option(name) in options else (members, name)
        if name != "model" and place.pop(own, None) is not None:
            dropped.append(name)
    if backend.num_ctx is not None:
        own_window = Raw(b"%d" % backend.num_ctx)
        if options.get("num_ctx", own_window) != own_window:
            dropped.append("options.num_ctx")
        options["num_ctx"] = own_window
    for name, value in backend.force.items():
        if name == "options" and isinstance(value, dict):
            options.update({option: _raw(each) for option, each in value.items()})
        else:
            _put(members, options, name, value, backend, replace=True)
    for name, value in backend.defaults.items():
        _put(members, options, name, value, backend, replace=False)
    members.setdefault("truncate", Raw(b"false"))
    if options:
        members["options"] = _raw(options)
    return _encode(members), tuple(dropped)


def _put(
    members: dict[str, Raw],
    options: dict[str, Raw],
    name: str,
    value: object,
    backend: Backend,
    *,
    replace: bool,
) -> None:
    """A parameter of the configuration, by Chat's name or Ollama's, to where Ollama has it."""
    place, own = members, name
    if name in _COUNTS or name in _OPTIONS or name in SAMPLERS:
        place, own = options, _option(name)
    elif name == "reasoning_effort" and isinstance(value, str):
        if backend.thinking is False:
            return
        own, value = "think", value != "none" and (LEVELS.get(value, True) if thinks(backend) else True)
    elif name == "response_format":
        own, value = "format", _format(value)
    elif name in configured.NAMES or (not replace and name not in _OWN):
        return
    if replace or own not in place:
        place[own] = _raw(value)


def _option(name: str) -> str:
    return "num_predict" if name in _COUNTS else name


def _format(value: object) -> object:
    """OpenAI's `response_format` as Ollama's `format`."""
    schema = value.get("json_schema") if isinstance(value, dict) else None
    return schema["schema"] if isinstance(schema, dict) and "schema" in schema else "json"


def _object(raw: Raw | None) -> dict[str, Raw]:
    return _members.decode(raw) if raw is not None and bytes(raw)[:1] == b"{" else {}


def _raw(value: object) -> Raw:
    return Raw(_encode(value))
