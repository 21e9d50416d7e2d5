"""The processes of a host under what happens to processes: kills, stops, restarts, hand-overs."""

import http.client
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.host_run import Host
from tests.support.waiting import free_port, until

FRONTS = pytest.mark.parametrize("front", ["lean", "granian"])


@FRONTS
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_all_workers_serve_and_stop_cleanly(tmp_path: Path, method: str, front: str) -> None:
    with Host(tmp_path, workers=2, server=f"start_method: {method}, http: {front}") as host:
        until(host.all_serve)
        until(lambda: host.pid() in host.worker_pids())
        host.signal(signal.SIGTERM)
        assert host.wait() == 0
        assert "stopped" in host.log()
    # Both workers were told through the application, and nothing of the run is left.
    assert len(list(host.state.glob("drained-*"))) == 2
    assert not host.run_folders()


def test_an_occupied_port_is_refused_with_the_name_of_its_owner(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        host = Host(tmp_path, port=other.getsockname()[1]).start()
        assert host.wait() == 2
    assert f"port {host.port} on 127.0.0.1 is already in use" in host.log()
    assert f"(pid {os.getpid()})" in host.log()
    assert "Traceback" not in host.log()


def test_a_second_gateway_on_the_same_state_and_port_is_refused_at_once(tmp_path: Path) -> None:
    with Host(tmp_path) as first:
        second = Host(tmp_path, port=first.port).start()
        assert second.wait() == 2
        assert f"a gateway (pid {first.supervisor.pid}) already serves port {first.port}" in second.log()
        assert first.pid()


def test_a_worker_that_is_killed_again_and_again_is_replaced(tmp_path: Path) -> None:
    with Host(tmp_path, workers=2) as host:
        server = host.child("serve_workers")
        for _ in range(10):
            host.kill_a_worker()
        until(host.all_serve)
        assert host.pid() in host.worker_pids()
        assert host.child("serve_workers") == server, "the server itself was restarted"
        assert host.running()


def test_connections_wait_while_the_only_worker_is_replaced(tmp_path: Path) -> None:
    with Host(tmp_path) as host:
        (victim,) = host.worker_pids()
        os.kill(victim, signal.SIGSTOP)
        # Connected to a worker that will never accept; it is the listening socket that holds them.
        connections = [host.connect(10.0) for _ in range(8)]
        for connection in connections:
            connection.connect()
            connection.request("GET", "/pid")
        os.kill(victim, signal.SIGKILL)
        answers = {int(connection.getresponse().read()) for connection in connections}
        for connection in connections:
            connection.close()
        assert victim not in answers
        assert answers <= set(host.worker_pids())


def test_the_server_process_is_replaced_and_its_workers_drain(tmp_path: Path) -> None:
    with Host(tmp_path) as host, ThreadPoolExecutor(1) as pool:
        server, (worker,) = host.child("serve_workers"), host.worker_pids()
        slow = pool.submit(host.get, "/slow?1")
        time.sleep(0.2)
        os.kill(server, signal.SIGKILL)
        until(lambda: host.child("serve_workers") not in (0, server))
        until(lambda: host.pid() != worker)
        host.note()
        assert int(slow.result(10)) == worker, "the orphaned worker dropped its request"
        until(lambda: (host.state / f"drained-{worker}").exists())


def test_a_killed_housekeeper_returns_and_sweeps_again(tmp_path: Path) -> None:
    with Host(tmp_path, workers=2) as host:
        first = until(lambda: host.child("housekeeper"))
        os.kill(first, signal.SIGKILL)
        until(lambda: host.child("housekeeper") not in (0, first))
        host.note()
        # Eight slots for two workers: without sweeping, the eleventh worker could not start.
        for _ in range(10):
            host.kill_a_worker()
        until(host.all_serve)
        assert host.pid()
        assert "start-up failed" not in host.log()


def test_a_killed_supervisor_leaves_no_orphans_and_its_requests_finish(tmp_path: Path) -> None:
    with Host(tmp_path, workers=2) as host, ThreadPoolExecutor(1) as pool:
        until(lambda: host.child("housekeeper"))
        host.note()
        slow = pool.submit(host.get, "/slow?0.8")
        time.sleep(0.2)
        host.signal(signal.SIGKILL)
        host.wait()
        assert int(slow.result(10)) in host.left() or slow.result()
        until(lambda: not host.left(), 10.0)
        assert list(host.state.glob("drained-*"))
        assert not host.run_folders(), "credentials were left behind"


def test_a_successor_waits_for_the_requests_of_a_killed_supervisor(tmp_path: Path) -> None:
    with Host(tmp_path) as first, ThreadPoolExecutor(1) as pool:
        until(lambda: first.child("housekeeper"))
        first.note()
        slow = pool.submit(first.get, "/slow?1")
        time.sleep(0.2)
        first.signal(signal.SIGKILL)
        first.wait()
        with Host(tmp_path, port=first.port) as second:
            assert "waiting for the previous gateway" in second.log()
            assert slow.done()
            assert slow.result()
            assert second.pid() in second.worker_pids()
            assert len(second.run_folders()) == 1, "the run folder of the killed one was left behind"


def test_a_gateway_killed_with_all_its_children_is_cleaned_up_after_on_any_port(tmp_path: Path) -> None:
    with Host(tmp_path) as first:
        (left,) = first.run_folders()
        first.kill_everything()
        assert left.is_dir()
    with Host(tmp_path) as second:
        assert second.port != first.port
        assert left not in second.run_folders()
        assert len(second.run_folders()) == 1


@FRONTS
def test_sigterm_lets_requests_finish_and_refuses_new_ones(tmp_path: Path, front: str) -> None:
    with Host(tmp_path, server=f"http: {front}") as host, ThreadPoolExecutor(2) as pool:
        slow = pool.submit(host.get, "/slow?1")
        stream = pool.submit(host.get, "/stream?20")
        time.sleep(0.2)
        host.signal(signal.SIGTERM)

        def refused() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", host.port), 1.0):
                    return False
            except ConnectionRefusedError:
                return True

        until(refused, 1.0)
        assert not slow.done()
        assert slow.result(10)
        assert stream.result(10).count("data: ") == 21
        assert host.wait() == 0


@FRONTS
def test_the_application_hears_of_a_drain_while_it_can_still_act(tmp_path: Path, front: str) -> None:
    with Host(tmp_path, server=f"http: {front}") as host:
        connection = host.connect()
        connection.request("GET", "/stream?20")
        response = connection.getresponse()
        host.signal(signal.SIGTERM)
        until(lambda: list(host.state.glob("drained-*")), 1.0)
        assert response.read().endswith(b"data: [DONE]\n\n")
        connection.close()
        assert host.wait() == 0


@FRONTS
def test_a_drain_ends_when_its_time_is_over(tmp_path: Path, front: str) -> None:
    with Host(tmp_path, server="") as host:
        pass
    host.config.write_text(f"server: {{drain: 100ms, http: {front}}}\n")
    with Host(tmp_path) as host, ThreadPoolExecutor(1) as pool:
        endless = pool.submit(host.get, "/slow?60")
        time.sleep(0.2)
        began = time.monotonic()
        host.signal(signal.SIGTERM)
        assert host.wait() == 0
        assert time.monotonic() - began < 10
        with pytest.raises((OSError, http.client.HTTPException)):
            endless.result(5)


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    with Host(tmp_path) as host, ThreadPoolExecutor(1) as pool:
        endless = pool.submit(host.get, "/slow?60")
        time.sleep(0.2)
        host.signal(signal.SIGINT)
        until(lambda: "draining" in host.log())
        host.signal(signal.SIGINT)
        assert host.wait(3.0) == 0
        with pytest.raises((OSError, http.client.HTTPException)):
            endless.result(5)


def test_workers_that_cannot_start_end_the_gateway_with_a_reason(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.state.mkdir()
    (host.state / "fail").touch()
    host.start()
    assert host.wait() == 1
    assert "RuntimeError: told to fail" in host.log()
    assert "no worker can start" in host.log()


def test_a_worker_that_cannot_restart_does_not_end_those_that_serve(tmp_path: Path) -> None:
    with Host(tmp_path, workers=2) as host:
        until(host.all_serve)
        (host.state / "fail").touch()
        stays, goes = host.worker_pids()
        os.kill(goes, signal.SIGKILL)
        until(lambda: host.log().count("told to fail") >= 2)
        assert host.pid() == stays
        (host.state / "fail").unlink()
        until(host.all_serve)


def test_a_hangup_of_the_server_or_a_worker_is_ignored(tmp_path: Path) -> None:
    with Host(tmp_path) as host:
        (worker,) = host.worker_pids()
        for pid in (worker, host.child("serve_workers")):
            os.kill(pid, signal.SIGHUP)
        assert host.pid() == worker


def test_any_free_port(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.port = 0
    host.start()
    line = until(lambda: [text for text in host.log().splitlines() if "ready on" in text])[0]
    host.port = int(line.rsplit(" ", 1)[1])
    assert host.pid()
    host.signal(signal.SIGTERM)
    assert host.wait() == 0


def test_nothing_of_the_working_directory_is_imported(tmp_path: Path) -> None:
    (tmp_path / "granian.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "uvloop.py").write_text("raise SystemExit('shadowed')")
    with Host(tmp_path) as host:
        assert host.pid()


def test_an_unusable_state_folder_is_named(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.state.write_text("a file where a folder should be")
    host.start()
    assert host.wait() == 2
    assert str(host.state) in host.log()
    assert "Traceback" not in host.log()


def test_a_port_is_free_again_afterwards(tmp_path: Path) -> None:
    port = free_port()
    for _ in range(2):
        with Host(tmp_path, port=port) as host:
            assert host.pid()


def test_an_address_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hybridgw.yaml").write_text('{server: {host: "192.0.2.1"}, auth: {master_key: sk-x}}')
    host = Host(tmp_path).start()
    assert host.wait() == 2
    assert "192.0.2.1 is no address of this machine" in host.log()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_without_a_key_only_loopback_is_listened_on(tmp_path: Path, address: str) -> None:
    host = Host(tmp_path, server=f'host: "{address}"').start()
    assert host.wait() == 2
    assert "auth.master_key" in host.log()
    assert "Traceback" not in host.log()


def test_it_ends_with_the_terminal_it_was_started_from(tmp_path: Path) -> None:
    host = Host(tmp_path)
    try:
        terminal = host.start_in_a_terminal()
    except OSError as error:  # a container or chroot without /dev/pts
        pytest.skip(f"no terminal can be made here: {error}")
    until(host.pid)
    host.note()
    os.close(terminal)
    assert host.wait() == 0
    until(lambda: not host.left())
