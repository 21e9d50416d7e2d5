"""From what `serve` was asked to do to Settings; the same way at the start and at every reload.

With a file, its settings. Without one, whatever engines answer on this machine; with none of those,
the demo upstreams. The supervisor resolves once before anything starts, the housekeeper again on a
reload. Both see the environment that the gateway was started with.
"""

import ipaddress
import os
from pathlib import Path

from hybridgw.config.engines import learn
from hybridgw.config.errors import ConfigError
from hybridgw.config.load import environment, load
from hybridgw.config.relays import without_relays
from hybridgw.config.schema import Settings
from hybridgw.host.runtime import RuntimeInfo


def resolve(config_path: str | None, allow_cloud: bool = False, before: Settings | None = None) -> Settings:
    """The settings of a file, or of the environment alone: then no deployments. Raises ConfigError.

    A file says itself which clouds it uses; `allow_cloud` matters to discovery only. `before` are the
    settings in use.
    """
    settings = without_relays(load(config_path, environment()), before)
    return learn(settings, before.engines if before is not None else {})


def check_exposure(settings: Settings, host: str) -> None:
    """ConfigError when anybody but this machine could call without a key. A key that is configured
    but missing lets nobody in, so it is no reason to refuse."""
    if settings.auth.master_key or settings.auth_unavailable or _is_loopback(host):
        return
    raise ConfigError(
        settings.source.path or "serve",
        "server.host",
        f"listening on {host} without a key would serve everybody who reaches it",
        "set auth.master_key (or HYBRIDGW_MASTER_KEY), or listen on 127.0.0.1",
    )


def check_reload(before: Settings, after: Settings) -> None:
    """ConfigError for a change that would be an accident far more often than an intention: one after
    which everybody may call, or nobody answers. A file is cut off while it is written, a merge loses a
    section; whoever means it restarts. What the file says otherwise is taken as it is."""
    path = after.source.path or "the configuration"
    guarded = before.auth.master_key is not None or before.auth_unavailable is not None
    if guarded and after.auth.master_key is None and after.auth_unavailable is None:
        raise ConfigError(
            path,
            "auth.master_key",
            "is gone: a reload would open the gateway to callers without a key",
            "put it back, or restart the gateway if that is meant",
        )
    if before.deployments and not after.deployments:
        raise ConfigError(
            path,
            "deployments",
            "are gone: a reload would leave nobody who answers",
            "put them back, or restart the gateway if that is meant",
        )


def check_ignored(settings: Settings, host: str) -> None:
    """ConfigError where others than this machine can call and the file asks for a lock that is not here.
    `accept_ignored` names the keys of those that may be missing."""
    if _is_loopback(host):
        return
    for notice in settings.notices:
        if notice.about != "security" or accepted(settings, notice.key):
            continue
        name = notice.key.rpartition(".")[2]
        raise ConfigError(
            notice.where,
            notice.key,
            f"is a security function that this gateway does not have, and {host} is open to others",
            f"listen on 127.0.0.1, or write below `hybridgw:`  accept_ignored: [{name}]",
        )


def accepted(settings: Settings, key: str) -> bool:
    """Whether the file says that this key may be ignored: by its whole path, or by its last part."""
    return key in settings.accept_ignored or key.rpartition(".")[2] in settings.accept_ignored


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def discovered(allow_cloud: bool, before: Settings | None = None, *, keep_silent: bool = False) -> Settings:
    """The settings of what answers on this machine; perhaps no deployments. `before` are those in use;
    `keep_silent`: engines of theirs that do not answer keep their models. Raises ConfigError."""
    # Here, because a gateway with a file never needs it.
    from hybridgw.config.discover import discover

    return discover(environment(), allow_cloud=allow_cloud, before=before, keep_silent=keep_silent)


def again(info: RuntimeInfo, current: Settings) -> Settings:
    """What a reload uses: the way of the start, once more. Raises ConfigError."""
    if info.config_path is not None:
        settings = resolve(info.config_path, before=current)
        check_exposure(settings, info.host)
        check_reload(current, settings)
        check_ignored(settings, info.host)
        return settings
    settings = discovered(info.allow_cloud, current)
    if settings.deployments:
        return settings
    if current.source.kind == "demo":
        return current
    raise ConfigError("discovery", "", "no engine answers any more", "start one, or serve with --config")


def state_folder(settings: Settings) -> Path:
    """Where state and journal live; created 0700 if need be. Raises ConfigError."""
    if settings.state.dir:
        path = Path(settings.state.dir).expanduser().absolute()
    else:
        path = Path(environment().get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hybridgw"
    fix = "name a folder that this user may write: state.dir in the configuration, or HYBRIDGW_STATE_DIR"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(str(path), "state.dir", f"cannot be created: {error.strerror}", fix) from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(str(path), "state.dir", "cannot be written by this user", fix)
    return path
