"""The way in: a path and an environment become Settings, or a ConfigError with file and line.

This is the only module of the package that looks at environment variables; the loaders are handed
a mapping and see nothing else. The kind of file is recognised by its shape, because people bring the
files they have: `model_list` is a LiteLLM Proxy's, a mapping of tiers with their models is an
agent's, everything else is ours and read strictly.
"""

import os
from collections.abc import Mapping as Environment
from typing import Literal

import msgspec

from hybridgw.config.agent_inference import load_agent
from hybridgw.config.common import child, resolve_boundaries
from hybridgw.config.errors import ConfigError
from hybridgw.config.learned import with_learned
from hybridgw.config.litellm import load_litellm
from hybridgw.config.native import load_native
from hybridgw.config.schema import Settings, Source
from hybridgw.config.tree import Mapping, Node, parse, read_file

_LITELLM_KEYS = ("model_list", "litellm_settings", "router_settings", "general_settings")
_NATIVE_KEYS = ("deployments", "models")


def environment() -> dict[str, str]:
    """The variables of this process, to be handed to `load` and `discover`."""
    return dict(os.environ)


def kind_of(root: Node) -> Literal["native", "litellm", "agent"]:
    """Which loader a file needs, by its top-level shape."""
    if not isinstance(root, Mapping) or any(k in root.items for k in _NATIVE_KEYS):
        return "native"
    if any(k in root.items for k in _LITELLM_KEYS) or "include" in root.items:
        return "litellm"
    tiers = root.items.get("tiers")
    if isinstance(tiers, Mapping) and tiers.items:
        return "agent"
    return "native"


def load(path: str | os.PathLike[str] | None, environ: Environment[str, str]) -> Settings:
    """The settings of a file. With no path, defaults and the environment only: no deployments.

    `environ` is read for `${NAME}` and `os.environ/NAME`, for the providers' own variables, and
    for HYBRIDGW_MASTER_KEY, HYBRIDGW_STATE_DIR, HYBRIDGW_DEVICE_NETWORKS and
    HYBRIDGW_ORGANIZATION_NETWORKS, which fill settings that the file leaves open.
    Raises ConfigError, nothing else.
    """
    # A value that is no text (bytes outside UTF-8) could neither be sent nor hashed: not set.
    environ = {k: v for k, v in environ.items() if _is_text(v)}
    if path is None:
        settings = Settings(source=Source(kind="discovery"))
        boundaries, _ = resolve_boundaries(settings.boundaries, None, "", environ)
        return _from_environment(msgspec.structs.replace(settings, boundaries=boundaries), environ)
    file = os.fspath(path)
    repeated: list[ConfigError] = []
    root = parse(read_file(file), file, repeated)
    if root is None:
        raise ConfigError(file, "", "is empty", "add deployments, or start without --config")
    kind = kind_of(root)
    if repeated and kind != "litellm":
        raise repeated[0]
    if kind == "litellm":
        settings = load_litellm(root, file, environ, repeated)
    elif kind == "agent":
        settings = load_agent(root, file, environ)
    else:
        settings = load_native(root, file, environ)
    node = child(root, "complexity") or child(root, "hybridgw", "complexity")
    return _from_environment(with_learned(settings, node, file), environ)


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _from_environment(settings: Settings, environ: Environment[str, str]) -> Settings:
    replace = msgspec.structs.replace
    auth, state = settings.auth, settings.state
    unavailable = settings.auth_unavailable
    if auth.master_key is None:
        names: tuple[str, ...] = ("HYBRIDGW_MASTER_KEY",)
        if settings.source.kind == "litellm":
            names += ("LITELLM_MASTER_KEY",)
        key = next((v for n in names if (v := environ.get(n, "").strip())), None)
        if key is not None:
            auth, unavailable = replace(auth, master_key=key), None
    if auth.master_key is not None and not auth.master_key.isprintable():
        raise ConfigError(
            settings.source.path or "environment",
            "auth.master_key",
            "holds a character that no client can send",
            "use letters, digits, - and _",
        )
    if state.dir is None and (folder := environ.get("HYBRIDGW_STATE_DIR", "")):
        state = replace(state, dir=folder)
    return replace(settings, auth=auth, auth_unavailable=unavailable, state=state)
