"""Changing the configuration of a running host: by editing the file, and by SIGHUP."""

import os
import signal
from pathlib import Path

from tests.support.host_run import Host
from tests.support.waiting import until


def generation(host: Host) -> int:
    return int(host.get("/generation"))


def test_an_edited_file_and_a_hangup_both_reload(tmp_path: Path) -> None:
    with Host(tmp_path) as host:
        before = host.config.read_text()
        worker = host.pid()
        until(lambda: host.child("housekeeper"))
        host.config.write_text(before + "retry: {max_attempts: 5}\n")
        until(lambda: generation(host) == 2)
        host.config.write_text(before + "retry: {max_attempts: 6}\n")
        host.signal(signal.SIGHUP)
        until(lambda: generation(host) == 3)
        assert host.pid() == worker, "a reload must not replace workers"


def test_a_bad_file_keeps_the_old_configuration_for_new_workers_too(tmp_path: Path) -> None:
    with Host(tmp_path) as host:
        before = host.config.read_text()
        until(lambda: host.child("housekeeper"))
        host.config.write_text("server: {drain: [}\n")
        until(lambda: "the configuration is not used" in host.log())
        host.kill_a_worker()
        until(lambda: host.pid() in host.worker_pids())
        assert generation(host) == 1
        housekeeper = host.child("housekeeper")
        os.kill(housekeeper, signal.SIGKILL)
        until(lambda: host.child("housekeeper") not in (0, housekeeper))
        host.note()
        host.config.write_text(before + "retry: {max_attempts: 5}\n")
        until(lambda: generation(host) == 2)


def test_a_bad_file_at_the_start_is_refused_with_its_place(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.config.write_text("server:\n  prt: 4000\n")
    host.start()
    assert host.wait() == 2
    assert f"{host.config}:2" in host.log()
    assert "Traceback" not in host.log()


def test_a_file_that_lost_its_key_does_not_open_the_gateway(tmp_path: Path) -> None:
    config = tmp_path / "hybridgw.yaml"
    whole = (
        "model_list:\n- {model_name: a, litellm_params: {model: ollama/a}}\n"
        "general_settings:\n  master_key: sk-kept\n"
    )
    config.write_text(whole)
    with Host(tmp_path) as host:
        until(lambda: host.child("housekeeper"))
        config.write_text(whole.partition("general_settings")[0])
        until(lambda: "auth.master_key: is gone" in host.log())
        assert generation(host) == 1
        config.write_text(whole.replace("ollama/a", "ollama/b"))
        until(lambda: generation(host) == 2)
