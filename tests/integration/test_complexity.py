"""Where `auto` starts: nearest first, and elsewhere only for the class that the configuration names."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import ROOT, Gateway
from tests.support.waiting import until

EASY = "what time is it"
HARD = (
    "Prove step by step that the algorithm below terminates, analyse its complexity, compare it with two "
    "alternatives and derive the trade-offs:\n```python\n"
    "def f(n):\n    return f(n // 2) + 1 if n else 0\n```\n"
    "Explain why the invariant holds, evaluate the edge cases and design a counter-example. "
) * 4


def cloud_for_complex(demo: Demo, **more: Any) -> dict[str, Any]:
    cloud = {**demo.deployment("cloud"), "boundary": "external"}
    complexity = {"starts": {"complex": "cloud"}, **more}
    return config(demo, deployments=[demo.deployment("local"), cloud], models=[], complexity=complexity)


@pytest.fixture(scope="module")
def graded(demo: Demo) -> Iterator[Gateway]:
    with Gateway(cloud_for_complex(demo)) as running:
        yield running


def tier(gateway: Gateway, text: str, **more: Any) -> str:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], **more}
    answer = gateway.post("/v1/chat/completions", body)
    assert answer.status == 200, answer.body
    return answer.headers["x-hybridgw-tier"]


def test_the_hardest_share_starts_in_its_tier_and_the_rest_nearby(graded: Gateway) -> None:
    for _ in range(10):
        assert tier(graded, EASY) == "local"
    assert tier(graded, HARD) == "cloud"


def test_without_starts_everything_is_local_first(demo: Demo) -> None:
    with Gateway(
        config(demo, deployments=[demo.deployment("local"), demo.deployment("cloud")], models=[])
    ) as up:
        assert tier(up, EASY) == tier(up, HARD) == "local"


def test_an_explicit_tier_and_privacy_are_stronger(demo: Demo, graded: Gateway) -> None:
    assert tier(graded, HARD, hybridgw={"tier": "local"}) == "local"
    demo.reset()
    assert tier(graded, HARD + " my card is 4716 2938 5501 7768") == "local"
    assert not demo.requests("cloud")


def test_the_other_tier_still_stands_in(demo: Demo, graded: Gateway) -> None:
    demo.fault("cloud", "status=500", count=1)
    assert tier(graded, HARD) == "local"


def outcomes(folder: Path) -> Path:
    """A made-up world in which questions about proofs need the strong model."""
    rows = []
    for n in range(400):
        hard = n % 3 == 0
        words = "prove the theorem about" if hard else "tell me the capital of"
        rows.append(
            {"prompt": f"{words} thing {n * 7919 % 1000} now", "weak_ok": not hard, "strong_ok": True}
        )
    path = folder / "outcomes.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PYTHONPATH": str(ROOT / "python"), "PATH": ""}
    line = [sys.executable, "-m", "hybridgw.cli", *arguments]
    return subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60)


def test_learn_then_load_then_replace_while_running(demo: Demo, tmp_path: Path) -> None:
    learned = tmp_path / "learned.hgw"
    done = command("learn", str(outcomes(tmp_path)), "--out", str(learned))
    assert done.returncode == 0, done.stderr
    held_out = json.loads(done.stdout)["held_out"]
    assert held_out["learned"] > held_out["length"]
    with Gateway(cloud_for_complex(demo, learned=str(learned), simple=0.5, moderate=0.1)) as running:
        for n in range(30):
            tier(running, f"tell me the capital of thing {n} now")
            tier(running, f"prove the theorem about thing {n} now")
        assert tier(running, "prove the theorem about thing 12 now") == "cloud"
        assert tier(running, "tell me the capital of thing 12 now") == "local"
        learned.write_bytes(b"no such file format")
        until(lambda: "not used" in running.log(), 5)
        assert tier(running, "prove the theorem about thing 13 now") == "cloud", "the plan before stays"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{starts: {complex: mars}}", "there is no tier"),
        ("{simple: 0.9, moderate: 0.2}", "exceed 1"),
        ("{learned: nowhere.hgw}", "cannot be read"),
        ("{learned: wrong.hgw}", "complexity.learned"),
        ("{starts: {hard: cloud}}", "hard"),
    ],
)
def test_what_cannot_be_used_is_refused_with_file_and_line(tmp_path: Path, section: str, said: str) -> None:
    (tmp_path / "wrong.hgw").write_bytes(b"HGWLEARN" + bytes(64))
    path = tmp_path / "hybridgw.yaml"
    path.write_text(f"deployments: []\n\ncomplexity: {section}\n")
    done = command("check", str(path))
    assert done.returncode == 2
    assert said in done.stderr
    assert f"{path}:3" in done.stderr
