"""Commands with input that a person gets wrong: one line that says what, and exit status 2."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hybridgw.cli import ROUTES, main
from hybridgw.commands import journal
from hybridgw.core import Route
from tests.support.journal_writer import JournalWriter

CONFIG = (
    "deployments: [{name: local/a, provider: ollama, model: m}, {name: cloud/b, provider: openai, model: m}]"
)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "hybridgw.yaml"
    path.write_text(CONFIG)
    return str(path)


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    path = tmp_path / "request.json"
    path.write_text('{"model":"auto","messages":[]}')
    return str(path)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:4000", "https://127.0.0.1", "http://", "http://a:99999", "http://a:b", "http://[::1"]
)
def test_health_of_no_address(url: str) -> None:
    result = call("health", "--url", url)
    assert (result.exit_code, result.stderr) == (2, f"{url}: expected http://HOST:PORT\n")


def test_health_of_nobody() -> None:
    result = call("health", "--url", "http://127.0.0.1:1")
    assert (result.exit_code, result.stderr) == (1, "http://127.0.0.1:1: Connection refused\n")
    assert call("health", "--timeout", "-1").exit_code == 2


def test_a_file_that_is_not_there(tmp_path: Path, config: str) -> None:
    missing = str(tmp_path / "none")
    for command in (["check", missing], ["explain", config, missing], ["journal", "--state-dir", missing]):
        result = call(*command)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"{missing}: ")
        assert result.stderr.count("\n") == 1


def test_check_names_who_answers_each_path(config: str) -> None:
    served = json.loads(call("check", "--no-resolve", "--json", config).stdout)["endpoints"]
    assert "local/a" in served["/v1/chat/completions"]
    assert "cloud/b" not in served["/v1/chat/completions"], "it has no key"
    shown = call("check", "--no-resolve", config).stdout
    (line,) = [line for line in shown.splitlines() if "/v1/chat/completions " in line]
    assert "local/a" in line


def test_check_without_looking_up(config: str) -> None:
    result = call("check", "--no-resolve", "--json", config)
    rows = json.loads(result.stdout)["rows"]
    assert "resolve" not in rows[0]["why"]


def test_check_shows_names_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "hybridgw.yaml"
    path.write_text(
        "deployments:\n"
        "- {name: 'local/[red]x', provider: ollama, model: m, order: 1}\n"
        "- {name: 'cloud/:key:[b]', provider: openai, model: m}\n"
        "models: [{name: '[i]m', deployments: ['local/[red]x']}]\n"
        "privacy: {patterns: [{name: '[bold]p', pattern: 'PRJ-[0-9]{6}', level: internal}]}\n"
    )
    result = call("check", "--no-resolve", str(path))
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.split()}
    assert "[i]m" in rows["local/[red]x"]
    assert "cloud/:key:[b]" in rows
    assert rows["[bold]p"].split()[1:4] == ["internal", "1024", "steps"]


def test_a_hint_says_something_or_is_refused(config: str, request_file: str) -> None:
    for hint in ("tier=local", "x-hybridgw-tier=local", "Tier=local"):
        told = json.loads(call("explain", config, request_file, "--hint", hint).stdout)
        assert told["hints"]["tier"] == "local"
    for hint in ("local", "=local"):
        result = call("explain", config, request_file, "--hint", hint)
        assert (result.exit_code, "is no hint; write NAME=VALUE" in result.stderr) == (2, True)
    for hint in ("teir=local", "tier=lokal"):
        result = call("explain", config, request_file, "--hint", hint)
        assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (2, "unknown_hint")


def test_every_route_can_be_explained(config: str, tmp_path: Path) -> None:
    assert [route.name.lower() for route in Route] == list(ROUTES)
    request = tmp_path / "messages.json"
    request.write_text('{"model":"auto","max_tokens":5,"messages":[]}')
    told = json.loads(call("explain", config, str(request), "--route", "messages").stdout)
    assert told["route"] == "messages"


def test_an_empty_state_folder_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    result = call("journal", "--state-dir", str(tmp_path))
    assert (result.exit_code, result.stderr) == (0, f"nothing was attempted yet (journal in {tmp_path})\n")


def test_a_damaged_journal_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "0.journal").write_bytes(b"\xff" * 100)
    result = call("journal", "--json", "--state-dir", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "0.journal: not a journal segment" in result.stderr


def test_damage_that_is_found_while_following_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "0.journal").write_bytes(b"\xff" * 100)
    pauses = iter(range(3))
    later = f"{1:016x}-0000-00000001-00000000.journal"

    def pause(seconds: float) -> None:
        if next(pauses) == 2:
            raise KeyboardInterrupt
        (tmp_path / "journal" / later).write_bytes(b"\xff" * 100)

    monkeypatch.setattr("hybridgw.commands.journal.time.sleep", pause)
    result = call("journal", "--json", "--follow", "--state-dir", str(tmp_path))
    assert result.exit_code == 1
    lines = [Path(line.partition(": ")[0]).name for line in result.stderr.splitlines()]
    assert lines == ["0.journal", later]


def test_attempts_are_followed_as_they_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalWriter(tmp_path)
    before = writer.attempts(2)
    pending = writer.begin()
    expected = [*before]
    rounds = iter(range(3))

    def pause(seconds: float) -> None:
        turn = next(rounds)
        if turn == 2:
            raise KeyboardInterrupt
        expected.append(writer.end(pending) if turn == 0 else writer.attempts(1)[0])

    monkeypatch.setattr("hybridgw.commands.journal.live_instances", lambda folder: {1})
    monkeypatch.setattr("hybridgw.commands.journal.time.sleep", pause)
    result = call("journal", "--json", "--follow", "--state-dir", str(tmp_path))
    assert result.exit_code == 0
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == expected


@pytest.mark.parametrize(
    ("nanos", "shown"),
    [(None, "-"), (0, "$0.0"), (12_300_000, "$0.0123"), (150, "$0.00000015"), (3_000_000_000, "$3.0")],
)
def test_a_cost_is_shown_as_it_was_reported(nanos: int | None, shown: str) -> None:
    assert journal.dollars(nanos) == shown


def test_places_of_findings_count_characters(tmp_path: Path) -> None:
    text = "Grüße 😀\nä\u00a0ß: Kürzel Ü12 \n".encode()
    config = tmp_path / "hybridgw.yaml"
    config.write_text("privacy: {patterns: [{name: short, pattern: 'Ü[0-9]{2}', level: internal}]}")
    (tmp_path / "text").write_bytes(text + b"\xff\xfe: \xc3\x9c34")
    result = call("scan", "--config", str(config), "--json", str(tmp_path / "text"))
    (report,) = json.loads(result.stdout)
    places = [(it["line"], it["column"], it["length"]) for it in report["findings"]]
    assert places == [(2, 13, 3), (3, 5, 3)]


@pytest.mark.parametrize(("profile", "level"), [("standard", "public"), ("healthcare", "regulated")])
def test_a_profile_of_the_file_counts(tmp_path: Path, profile: str, level: str) -> None:
    (tmp_path / "text").write_text("the patient reader waits")
    (tmp_path / "hybridgw.yaml").write_text(f"privacy: {{profile: {profile}}}\n{CONFIG}")
    result = call("scan", "--json", "--config", str(tmp_path / "hybridgw.yaml"), str(tmp_path / "text"))
    assert json.loads(result.stdout)[0]["level"] == level


UNLUCKY = (
    "model_list:\n"
    + "".join(
        f"- {{model_name: a-model-with-a-long-name-{n}, litellm_params: {{model: gpt-4o}}}}\n"
        for n in range(9)
    )
    + "guardrails: [{guardrail_name: pii}]\n"
)


def test_a_narrow_screen_breaks_no_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(UNLUCKY)
    monkeypatch.setattr("hybridgw.commands.check._PIPED", 80)
    result = call("check", "--no-resolve", str(path))
    words = result.stdout.split()
    assert "cloud/a-model-with-a-long-name-8:" in words
    assert max(len(line) for line in result.stdout.splitlines() if str(tmp_path) not in line) <= 80


def test_nothing_usable_is_a_failure_and_one_cause_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(UNLUCKY)
    result = call("check", "--no-resolve", str(path))
    assert result.exit_code == 1
    below = result.stdout.partition("Not working until")[2]
    assert below.count("OPENAI_API_KEY is not set") == 1
    assert "model_list[8]" in below
    assert "NOT there" in result.stdout and "(security)" in result.stdout
    assert call("check", "--no-resolve", "--json", str(path)).exit_code == 1
