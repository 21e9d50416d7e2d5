import os
import signal
import subprocess
import sys

import pytest

from hybridgw.host.process import alive, die_with_parent, name, start_ticks

BASE = 2**22 + 10  # Above the largest pid that Linux gives.


def test_this_process_is_alive_under_its_own_start_time_only() -> None:
    ticks = start_ticks(os.getpid())
    assert ticks > 0
    assert alive(os.getpid(), ticks)
    assert not alive(os.getpid(), ticks + 1)


def test_a_pid_that_nobody_has() -> None:
    assert start_ticks(BASE) == 0
    assert not alive(BASE, 0)
    assert name(BASE) == ""


def test_a_dead_child_that_is_not_reaped_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ticks = start_ticks(child.pid)
    assert alive(child.pid, ticks)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert start_ticks(child.pid) == ticks, "it is still listed"
    assert not alive(child.pid, ticks)
    child.communicate()


def test_a_command_name_with_parentheses_and_spaces_is_parsed() -> None:
    script = (
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(15, b'a) R (b c', 0, 0, 0);"
        "from hybridgw.host.process import alive, name, start_ticks as ticks;"
        "print(alive(os.getpid(), ticks(os.getpid())), ticks(os.getpid()) > 1000, name(os.getpid()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_environ()
    )
    assert done.stdout.split(maxsplit=2) == ["True", "True", "a) R (b c\n"]


def test_a_child_whose_parent_has_gone_already_is_told_at_once() -> None:
    script = (
        "import os, signal; from hybridgw.host.process import die_with_parent;"
        "signal.signal(signal.SIGTERM, lambda *_: print('told', flush=True));"
        "die_with_parent(os.getppid()); print('quiet', flush=True);"
        "die_with_parent(os.getppid() + 1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_environ()
    )
    assert done.stdout.split() == ["quiet", "told"]


def test_a_refusal_of_the_kernel_is_an_error() -> None:
    with pytest.raises(OSError, match="PR_SET_PDEATHSIG"):
        die_with_parent(os.getppid(), 1000)  # type: ignore[arg-type]


def test_death_of_the_parent_arrives_as_a_signal() -> None:
    child = (
        "import os, signal, sys; from hybridgw.host.process import die_with_parent;"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); die_with_parent(int(sys.argv[1]));"
        "print('ready', flush=True); got = signal.sigtimedwait([signal.SIGTERM], 10);"
        "print(got.si_signo if got else 'nothing', flush=True)"
    )
    parent = (
        "import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())]);"
        "import time; time.sleep(30)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent, child], stdout=subprocess.PIPE, text=True, env=_environ()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    assert process.stdout.readline() == f"{int(signal.SIGTERM)}\n"
    process.stdout.close()


def _environ() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"]}
