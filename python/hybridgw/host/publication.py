"""How a configuration reaches the workers: a resolved snapshot, announced by two words of shared memory.

The housekeeper (at the start, the supervisor) validates a configuration whole and publishes it as
the encoded `Settings` in the run folder, then stores its hash and raises the generation in the
state file; then a name changes in the run folder, at which the workers look (where the kernel cannot tell
them, ten times a second). A worker compares one integer, reads the snapshot off its loop, and swaps.

The snapshot holds resolved settings, not the user's file, because three things then come for free.
A worker that is respawned while the file on disk is broken comes up with the configuration that the
others run. All workers run the same one, although files change while they are read, variables
differ and discovery may answer differently twice. And a worker needs neither a YAML parser nor a
validation: decoding takes microseconds, which counts at every start. The price is that credentials
stand in the snapshot; so it lies in the run folder (0700, in shared memory where there is any) and
goes when the run ends.

A worker refuses a snapshot whose hash is not the announced one: it keeps the plan that it has.
"""

import contextlib
import hashlib
import time
from pathlib import Path

import msgspec

from hybridgw.config.schema import ServerSettings, Settings
from hybridgw.host.runtime import RuntimeInfo
from hybridgw.ledger.durable import write_private
from hybridgw.native import StateFile

_KEPT = 4
"""Generations kept on disk: a worker may be reading one while the next is published."""
_STATUS = "reload.json"
_PUBLISHED = "published"


class PublicationError(Exception):
    """The announced configuration cannot be read; the message says why."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration as all workers see it."""

    generation: int
    digest: int
    settings: Settings


class ReloadStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What became of reloads in this run; shown by /metrics and /health."""

    reloads: int = 0
    """Configurations published after the first."""
    errors: int = 0
    """Files that were refused."""
    last_error: str | None = None
    """Why the newest file was refused; None when the newest file is the one in use."""
    last_error_at: float = 0.0
    """Wall clock seconds."""


def digest(data: bytes) -> int:
    """63 bits of SHA-256: identifies a configuration, in one word of the state file."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> 1


def _path(run_dir: str, generation: int) -> Path:
    return Path(run_dir) / f"settings-{generation:08d}"


def publish(info: RuntimeInfo, state: StateFile, settings: Settings) -> int | None:
    """Make `settings` the configuration of this run; the new generation, or None when it is the
    one in use already. Only the housekeeper calls it, and the supervisor before there is one."""
    data = msgspec.msgpack.encode(settings)
    mark = digest(data)
    generation, published = state.published()
    if generation and mark == published:
        return None
    generation += 1
    write_private(_path(info.run_dir, generation), data)
    state.publish(generation, mark)
    # Last: whoever is woken by it finds the new generation.
    with contextlib.suppress(OSError):
        write_private(Path(info.run_dir) / _PUBLISHED, b"")
    _path(info.run_dir, generation - _KEPT).unlink(missing_ok=True)
    return generation


def changed(state: StateFile, generation: int) -> bool:
    """Whether something newer than `generation` is published: one load from shared memory."""
    return state.generation() != generation


def place(info: RuntimeInfo) -> tuple[str, str]:
    """The folder, and the name in it that changes at every publication."""
    return info.run_dir, _PUBLISHED


def read_published(info: RuntimeInfo, state: StateFile) -> Published:
    """The published configuration. Reads a file: not on the event loop. Raises PublicationError."""
    for _ in range(3):
        generation, mark = state.published()
        try:
            data = _path(info.run_dir, generation).read_bytes()
        except OSError as error:
            if state.generation() != generation:
                continue  # overtaken by several newer ones
            raise PublicationError(f"generation {generation}: {error.strerror}") from error
        if digest(data) != mark:
            raise PublicationError(f"generation {generation} is not what was announced")
        try:
            settings = msgspec.msgpack.decode(data, type=Settings)
        except msgspec.MsgspecError as error:
            raise PublicationError(f"generation {generation}: {error}") from error
        return Published(generation=generation, digest=mark, settings=settings)
    raise PublicationError("the configuration changes faster than it can be read")


def reload_status(info: RuntimeInfo) -> ReloadStatus:
    """What became of reloads so far; a small file in shared memory."""
    try:
        return msgspec.json.decode((Path(info.run_dir) / _STATUS).read_bytes(), type=ReloadStatus)
    except (OSError, msgspec.MsgspecError):
        return ReloadStatus()


def note_reload(info: RuntimeInfo, error: str | None) -> ReloadStatus:
    """Count one reload; `error` says why the file was refused, None that it was taken."""
    before = reload_status(info)
    after = ReloadStatus(
        reloads=before.reloads + (error is None),
        errors=before.errors + (error is not None),
        last_error=error,
        last_error_at=time.time() if error is not None else before.last_error_at,
    )
    write_private(Path(info.run_dir) / _STATUS, msgspec.json.encode(after))
    return after


def effective(info: RuntimeInfo, settings: Settings) -> Settings:
    """The settings with what is fixed for this run: a reload does not move the listening socket."""
    server = msgspec.structs.replace(
        settings.server,
        host=info.host,
        port=info.port,
        workers=info.workers,
        start_method=info.start_method,
        drain=info.drain,
        header_timeout=info.header_timeout,
    )
    state = msgspec.structs.replace(settings.state, dir=info.state_dir)
    return msgspec.structs.replace(settings, server=server, state=state)


def needs_restart(info: RuntimeInfo, settings: Settings) -> list[str]:
    """Names of changed settings that only a restart applies."""
    wanted, fixed = settings.server, effective(info, settings).server
    names = ("start_method", "drain", "header_timeout")
    changed = [f"server.{name}" for name in names if getattr(wanted, name) != getattr(fixed, name)]
    return changed if front_of(wanted) == info.http else [*changed, "server.http"]


def front_of(server: ServerSettings) -> str:
    """The server that is to stand in front of the workers: lean or granian. `auto` is lean, which speaks all
    that can be configured so far."""
    return "granian" if server.http == "granian" else "lean"
