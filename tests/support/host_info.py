"""A run folder with a state file and nothing running: for tests of one piece of the host layer."""

import os
from pathlib import Path

import msgspec

from hybridgw.host.process import start_ticks
from hybridgw.host.runtime import RuntimeInfo
from hybridgw.native import StateFile


def make_run(folder: Path, **changes: object) -> tuple[RuntimeInfo, StateFile]:
    """A `RuntimeInfo` whose folders exist, and its state file."""
    run, state_dir = folder / "run-1", folder / "state"
    for path in (run, state_dir, state_dir / "journal"):
        path.mkdir(mode=0o700, parents=True)
    info = RuntimeInfo(
        instance=7,
        supervisor_pid=os.getpid(),
        supervisor_ticks=start_ticks(os.getpid()),
        run_dir=str(run),
        state_file=str(run / "state"),
        state_dir=str(state_dir),
        journal_dir=str(state_dir / "journal"),
        host="127.0.0.1",
        port=4000,
        workers=2,
        start_method="fork",
        listen_fd=-1,
        drain=30.0,
        header_timeout=30.0,
        http="lean",
        config_path=None,
        allow_cloud=False,
        application="tests.support.host_app:application",
    )
    info = msgspec.structs.replace(info, **changes)
    return info, StateFile.create(info.state_file, info.instance, 8, 4)
