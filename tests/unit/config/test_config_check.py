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
- {name: cloud/e, provider: anthropic, model: m, api_key: k}
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
