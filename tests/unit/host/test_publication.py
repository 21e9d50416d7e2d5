import stat
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from hybridgw.config.schema import (
    AuthSettings,
    DeploymentSettings,
    LogSettings,
    ModelSettings,
    ServerSettings,
    Settings,
    Source,
)
from hybridgw.host import publication
from hybridgw.host.publication import PublicationError
from tests.support.host_info import make_run

SETTINGS = Settings(
    source=Source(kind="native", path="/etc/hybridgw.yaml", files=("/etc/hybridgw.yaml",)),
    auth=AuthSettings(master_key="sk-secret"),
    deployments=(
        DeploymentSettings(
            name="local/a",
            model_name="a",
            provider="ollama",
            model="a:1b",
            base_url="http://127.0.0.1:11434/v1",
            tier="local",
            boundary="device",
            identity="00000000000000aa",
            defaults={"stop": ["a", None, 1.5], "nested": {"x": True}},
        ),
    ),
    models=(ModelSettings(name="a", groups=((0,),)),),
)


def changed(level: Literal["debug", "info"]) -> Settings:
    return msgspec.structs.replace(SETTINGS, log=LogSettings(level=level))


def test_what_is_published_is_what_is_read(tmp_path: Path) -> None:
    info, state = make_run(tmp_path)
    assert publication.publish(info, state, SETTINGS) == 1
    read = publication.read_published(info, state)
    assert read.settings == SETTINGS
    assert (read.generation, read.digest) == state.published()


def test_the_same_settings_make_no_new_generation(tmp_path: Path) -> None:
    info, state = make_run(tmp_path)
    assert publication.publish(info, state, SETTINGS) == 1
    assert publication.publish(info, state, SETTINGS) is None
    assert publication.publish(info, state, changed("debug")) == 2
    assert publication.publish(info, state, SETTINGS) == 3


def test_a_worker_sees_that_something_newer_is_there(tmp_path: Path) -> None:
    info, state = make_run(tmp_path)
    publication.publish(info, state, SETTINGS)
    assert not publication.changed(state, 1)
    publication.publish(info, state, changed("debug"))
    assert publication.changed(state, 1)


def test_only_some_generations_are_kept_and_nobody_else_can_read_them(tmp_path: Path) -> None:
    info, state = make_run(tmp_path)
    for number in range(12):
        publication.publish(info, state, changed("debug" if number % 2 else "info"))
    kept = sorted(Path(info.run_dir).glob("settings-*"))
    assert [path.name for path in kept] == [f"settings-{number:08d}" for number in (9, 10, 11, 12)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def test_a_snapshot_that_is_not_the_announced_one_is_refused(tmp_path: Path) -> None:
    info, state = make_run(tmp_path)
    publication.publish(info, state, SETTINGS)
    path = Path(info.run_dir) / "settings-00000001"
    path.write_bytes(msgspec.msgpack.encode(changed("debug")))
    with pytest.raises(PublicationError, match="not what was announced"):
        publication.read_published(info, state)
    path.unlink()
    with pytest.raises(PublicationError, match="No such file"):
        publication.read_published(info, state)


def test_announced_bytes_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    info, state = make_run(tmp_path)
    data = b"\xc1"
    (Path(info.run_dir) / "settings-00000001").write_bytes(data)
    state.publish(1, publication.digest(data))
    with pytest.raises(PublicationError, match="generation 1"):
        publication.read_published(info, state)


def test_a_digest_is_a_word_that_databases_store() -> None:
    assert 0 <= publication.digest(b"") < 2**63
    assert publication.digest(b"a") != publication.digest(b"b")


def test_reloads_and_refusals_are_counted(tmp_path: Path) -> None:
    info, _ = make_run(tmp_path)
    assert publication.reload_status(info).errors == 0
    publication.note_reload(info, "line 3: no")
    status = publication.note_reload(info, "line 3: no")
    assert (status.reloads, status.errors, status.last_error) == (0, 2, "line 3: no")
    assert status.last_error_at > 0
    status = publication.note_reload(info, None)
    assert (status.reloads, status.errors, status.last_error) == (1, 2, None)
    assert publication.reload_status(info) == status


def test_the_listening_socket_and_the_state_folder_do_not_move(tmp_path: Path) -> None:
    info, _ = make_run(tmp_path, port=4321, workers=3, drain=5.0)
    wanted = ServerSettings(host="0.0.0.0", port=80, workers=9, drain=1.0, max_body=5)
    settings = msgspec.structs.replace(SETTINGS, server=wanted)
    server = publication.effective(info, settings).server
    assert (server.host, server.port, server.workers, server.drain) == ("127.0.0.1", 4321, 3, 5.0)
    assert server.max_body == 5
    assert publication.effective(info, settings).state.dir == info.state_dir
    assert publication.needs_restart(info, settings) == ["server.drain"]


@pytest.mark.parametrize(
    ("runs", "wanted", "later"),
    [
        ("lean", "auto", []),
        ("lean", "lean", []),
        ("granian", "granian", []),
        ("lean", "granian", ["server.http"]),
        ("granian", "auto", ["server.http"]),
    ],
)
def test_another_server_in_front_needs_a_restart(
    tmp_path: Path, runs: str, wanted: Literal["auto", "lean", "granian"], later: list[str]
) -> None:
    info, _ = make_run(tmp_path, http=runs)
    settings = publication.effective(
        info, msgspec.structs.replace(SETTINGS, server=ServerSettings(http=wanted))
    )
    assert publication.needs_restart(info, settings) == later
