"""Ollama's own options in an entry of a LiteLLM file, which there are parameters like any other.

The window (`num_ctx`) and how the model is run (`num_gpu`, …) belong to the deployment: a client that chose
them would have the model loaded again. The rest are defaults, which a client may replace.
"""

from typing import Any

from hybridgw.config.litellm_read import Reader, Values

VENDORS = frozenset({"ollama", "ollama_chat"})

_RUNNER = frozenset(
    {
        "num_batch", "num_gpu", "main_gpu", "use_mmap", "use_mlock", "num_thread", "num_keep", "low_vram",
        "numa",
    }
)  # fmt: skip
_TEXT = frozenset({"template", "system", "raw", "context", "suffix"})
"""They act on the prompt's own text, which is not the configuration's."""


def as_ollama(rest: dict[str, Any], params: Values, reader: Reader) -> None:
    """Moves the options among the defaults in `rest` to where they have their effect."""
    defaults = dict(rest["defaults"])
    defaults.pop("num_ctx", None)
    rest["num_ctx"] = reader.integer(params, "num_ctx", 1)
    limit = defaults.pop("num_predict", None)
    if limit is not None:
        # Below zero: as much as there is to say, which is what saying nothing means.
        number = reader.integer(params, "num_predict", -2)
        if number is not None and number > 0:
            defaults.setdefault("max_tokens", number)
    runner = {name: defaults.pop(name) for name in _RUNNER if name in defaults}
    if runner:
        body = rest["extra_body"]
        own = body.get("options")
        rest["extra_body"] = {**body, "options": {**runner, **(own if isinstance(own, dict) else {})}}
    for name in sorted(_TEXT & defaults.keys()):
        del defaults[name]
        reader.say(
            params.where(name),
            f"{params.key}.{name}",
            "not supported, ignored: it would change the prompt",
            True,
        )
    rest["defaults"] = defaults
