"""The rows of `hybridgw check`: what was declared beside what the address shows."""

import socket
from collections.abc import Iterable

from hybridgw.config.check import check

from .conftest import Read

TEXT = """
boundaries: {organization: {networks: [10.0.0.0/8]}}
deployments:
- {name: local/a, provider: ollama, model: m}
- {name: private/b, provider: vllm, model: m, url: 'http://rack:8000'}
- {name: private/c, provider: vllm, model: m, url: 'http://stray:8000'}
- {name: private/d, provider: vllm, model: m, url: 'http://gone:8000'}
- {name: cloud/e, provider: cohere, model: m, api_key: k}
- {name: local/f, provider: ollama, model: m, url: 'http://[::1]:11434'}
"""
ADDRESSES = {"127.0.0.1": "127.0.0.1", "rack": "10.1.1.1", "stray": "203.0.113.9", "::1": "::1"}


def resolver(host: str, port: int) -> Iterable[str]:
    assert port in (8000, 11434)
    if host not in ADDRESSES:
        raise socket.gaierror("no such host")
    return [ADDRESSES[host]] * 2


def test_rows(read: Read) -> None:
    report = check(read(TEXT), resolver)
    rows = {row.name: row for row in report.rows}
    assert (rows["local/a"].address, rows["local/a"].resolved, rows["local/a"].reached) == (
        "127.0.0.1:11434", ("127.0.0.1",), "device",
    )  # fmt: skip
    assert rows["local/a"].usable and not rows["local/a"].why
    assert "auto" in rows["local/a"].models
    assert rows["private/b"].reached == "organization"
    assert not rows["private/b"].why
    assert rows["private/c"].reached == "external"
    assert "requests limited to organization are refused" in rows["private/c"].why
    assert rows["private/d"].usable, "a name that does not resolve now may resolve later"
    assert "does not resolve" in rows["private/d"].why
    assert not rows["cloud/e"].usable
    assert "not supported" in rows["cloud/e"].why
    assert rows["local/f"].address == "[::1]:11434"
    assert rows["local/a"].where.endswith(":4")
    assert [p.deployment for p in report.problems] == ["cloud/e"]
    assert report.locked is None


def test_without_a_resolver_nothing_is_said_about_addresses(read: Read) -> None:
    rows = check(read(TEXT), None).rows
    assert [row.why for row in rows if row.usable] == [""] * 5
    assert not any(row.resolved or row.reached for row in rows)


PRIVACY = r"""
privacy:
  profile: strict
  mode: observe
  levels:
    email: public
    phone: regulated
  patterns:
  - {name: project, pattern: "PRJ-[0-9]{6}", level: internal}
  - {name: ward, pattern: "ward [0-9]+", level: regulated}
"""


def test_patterns_come_with_their_cost(read: Read) -> None:
    report = check(read(PRIVACY), None)
    assert [(row.name, row.level, row.steps_per_kb) for row in report.patterns] == [
        ("project", "internal", 1024),
        ("ward", "regulated", 1024),
    ]
    assert all(0 < row.memory <= 1 << 20 for row in report.patterns)
    assert check(read(TEXT), None).patterns == ()


def test_what_an_option_loosens_is_said_with_its_line(read: Read) -> None:
    told = [(one.where.rpartition(":")[2], one.key, one.message) for one in read(PRIVACY).notices]
    assert told == [
        ("4", "privacy.mode", "sensitive content is reported and not kept back"),
        ("6", "privacy.levels.email", "counts as public instead of internal, so it may travel farther"),
    ]
    # What is not above the default anyway is not loosened.
    assert read(PRIVACY.replace("strict", "standard").replace("observe", "enforce")).notices == ()


def test_what_somebody_elses_file_loosens_is_said_too(read: Read) -> None:
    own = "\n".join(f"  {line}" for line in PRIVACY.splitlines())
    for text in ("model_list: []\n", "tiers: {local: {provider: ollama, models: {y: qwen3}}}\n"):
        keys = [one.key for one in read(f"{text}hybridgw:\n{own}\n").notices]
        assert "hybridgw.privacy.levels.email" in keys, keys
