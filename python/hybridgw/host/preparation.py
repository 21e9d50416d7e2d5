"""Everything that is decided before the first child starts, in the order in which it may fail.

Configuration, state folder, lock, port, state file: each step that cannot be done ends the start
with one line that says what to do, and nothing is left behind. After this, nothing that a person
can get wrong is in the way of serving.

A configuration file is published here. Without one, engines are looked for only once the server
process is starting, because that takes as long as the search: see `publish_found`.
"""

import errno
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from hybridgw.config.errors import ConfigError
from hybridgw.config.schema import Settings
from hybridgw.host import bell, listener, publication, runtime
from hybridgw.host.admission import admit, slots_for
from hybridgw.host.configure import check_exposure, check_ignored, discovered, resolve, state_folder
from hybridgw.host.console import configure, say
from hybridgw.host.demo import DemoUpstreams, demo_settings
from hybridgw.host.limits import raise_descriptor_limit
from hybridgw.host.lock import Held, Holder, InstanceLock, abandoned_runs
from hybridgw.host.process import start_ticks
from hybridgw.host.runtime import RuntimeInfo
from hybridgw.native import StateFile

_MOST_WORKERS = 8
_RUN_ROOM = 16 * 1024 * 1024
"""Bytes a run folder may need: state file and a few snapshots, generously."""
_HANDOVER = 5.0
"""Seconds beyond the drain time that a dead supervisor's children get to leave."""


@dataclass(frozen=True)
class Prepared:
    """What the supervisor starts its children with."""

    info: RuntimeInfo
    info_path: Path
    settings: Settings
    socket: socket.socket
    lock: InstanceLock
    state: StateFile


def prepare(
    config_path: str | None,
    *,
    host: str | None,
    port: int | None,
    workers: int | None,
    allow_cloud: bool,
    application: str,
) -> Prepared | None:
    """Prepare a run, or say why there can be none and return None."""
    if config_path is not None:
        # The same name for children that may run elsewhere, and in messages.
        config_path = str(Path(config_path).absolute())
    try:
        settings = resolve(config_path)
        check_exposure(settings, host or settings.server.host)
        check_ignored(settings, host or settings.server.host)
        admit(settings)
        folder = state_folder(settings)
    except ConfigError as error:
        say("serve", str(error), "error")
        return None
    chosen = settings.server.port if port is None else port
    address = host or settings.server.host
    sock: socket.socket | None = None
    lock: InstanceLock | None = None
    try:
        if chosen:
            lock = _lock(folder, chosen, settings.server.drain)
            sock = listener.bind(address, chosen)
        else:
            # Any free port: its number is known, and can be locked, only once it is bound.
            sock = listener.bind(address, 0)
            lock = _lock(folder, int(sock.getsockname()[1]), settings.server.drain)
        return _furnish(
            settings,
            folder,
            sock,
            lock,
            address,
            workers=workers or settings.server.workers or _processors(),
            config_path=config_path,
            allow_cloud=allow_cloud,
            application=application,
        )
    except (listener.CannotListen, Occupied) as error:
        say("serve", str(error), "error")
    except OSError as error:
        say("serve", f"the state folder {folder} cannot be used: {error}", "error")
    if sock is not None:
        sock.close()
    if lock is not None:
        lock.release()
    return None


class Occupied(Exception):
    """Another gateway has this state folder and port; the message names it."""


def _lock(folder: Path, port: int, drain: float) -> InstanceLock:
    """The instance lock. Waits for the children of a supervisor that died, and says so."""
    said = False

    def sleep(seconds: float) -> None:
        nonlocal said
        if not said:
            said = True
            say("serve", f"waiting for the previous gateway on port {port} to finish its requests")
        time.sleep(seconds)

    path = folder / f"instance-{port}.lock"
    try:
        lock = InstanceLock.acquire(path, drain + _HANDOVER, time.monotonic, sleep)
    except Held as held:
        who = f" (pid {held.holder.pid})" if held.holder else ""
        raise Occupied(
            f"a gateway{who} already serves port {port}; stop it or choose another --port"
        ) from None
    # Killed, those could not clean up after themselves: the one before on this port, others on theirs.
    before = lock.previous()
    for run_dir in [*abandoned_runs(folder), *([before.run_dir] if before else ())]:
        runtime.remove_run_dir(Path(run_dir))
    return lock


def _processors() -> int:
    return min(_MOST_WORKERS, len(os.sched_getaffinity(0)))


def _furnish(
    settings: Settings,
    folder: Path,
    sock: socket.socket,
    lock: InstanceLock,
    address: str,
    *,
    workers: int,
    config_path: str | None,
    allow_cloud: bool,
    application: str,
) -> Prepared:
    """Make the run folder, the state file and the first publication."""
    configure(settings.log.level, settings.log.json)
    raise_descriptor_limit()
    instance = runtime.new_instance()
    journal = folder / "journal"
    journal.mkdir(mode=0o700, exist_ok=True)
    _check_room(journal, settings.state.journal_segment)
    run_dir = runtime.make_run_dir(instance, folder, _RUN_ROOM)
    bell.make(run_dir)
    try:
        info = RuntimeInfo(
            instance=instance,
            supervisor_pid=os.getpid(),
            supervisor_ticks=start_ticks(os.getpid()),
            run_dir=str(run_dir),
            state_file=str(run_dir / "state"),
            state_dir=str(folder),
            journal_dir=str(journal),
            host=address,
            port=int(sock.getsockname()[1]),
            workers=workers,
            start_method=settings.server.start_method,
            listen_fd=sock.fileno(),
            drain=settings.server.drain,
            header_timeout=settings.server.header_timeout,
            http=publication.front_of(settings.server),
            config_path=config_path,
            allow_cloud=allow_cloud,
            application=application,
            log_level=settings.log.level,
            log_json=settings.log.json,
        )
        lock.claim(
            Holder(
                pid=info.supervisor_pid, ticks=info.supervisor_ticks, instance=instance, run_dir=info.run_dir
            )
        )
        # Twice the workers: those that drain while their successors serve keep their slots.
        state = StateFile.create(info.state_file, instance, 2 * workers + 4, slots_for(settings))
        settings = publication.effective(info, settings)
        if config_path is not None:
            publication.publish(info, state, settings)
        path = runtime.write_info(info)
    except BaseException:
        runtime.remove_run_dir(run_dir)
        raise
    return Prepared(info=info, info_path=path, settings=settings, socket=sock, lock=lock, state=state)


def _check_room(journal: Path, segment: int) -> None:
    """OSError when not even one worker could begin its journal: without one nothing is served."""
    free = os.statvfs(journal)
    if free.f_bavail * free.f_frsize < segment:
        raise OSError(errno.ENOSPC, f"a journal segment takes {segment // 1024} KiB, which are not free")


def publish_found(prepared: Prepared) -> tuple[Settings, DemoUpstreams | None]:
    """Publish what answers on this machine, or the demo upstreams where nothing does.

    Raises ConfigError and NoDemo.
    """
    info = prepared.info
    settings = discovered(info.allow_cloud)
    demo = None
    if not settings.deployments:
        demo = DemoUpstreams.start()
        settings = demo_settings(settings, demo.ports)
    settings = publication.effective(info, settings)
    publication.publish(info, prepared.state, settings)
    return settings, demo
