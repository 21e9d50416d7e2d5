"""What the gateway itself refuses is in the journal: why, for whom and how often, never what was said."""

from collections import Counter
from pathlib import Path

from hybridgw.ledger.records import Refusal, read
from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway

KEY = "sk-the-one-of-this-test"
CARD = "4716 2938 5501 7768"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def refusals(folder: Path) -> list[Refusal]:
    found = []
    for path in sorted(folder.glob("*.journal")):
        found += [one for one in read(path, 0, 10_000).records if isinstance(one, Refusal)]
    return found


def test_refusals_are_recorded_where_they_belong(demo: Demo) -> None:
    settings = config(demo, auth={"master_key": KEY})
    settings["deployments"].append(demo.deployment("cloud", boundary="external"))
    settings["models"].append({"name": "afar", "deployments": ["cloud/m"]})
    own = {"authorization": f"Bearer {KEY}"}
    with Gateway(settings) as gateway:
        assert gateway.post("/v1/chat/completions", CHAT).status == 401
        assert gateway.post("/v1/chat/completions", CHAT, {"authorization": "Bearer wombat"}).status == 401
        assert gateway.post("/v1/chat/completions", b'{"wombat', own).status == 400
        assert gateway.post("/v1/chat/completions", {**CHAT, "model": "wombat"}, own).status == 404
        assert gateway.post("/v1/wombat", {}, own).status == 404
        secret = {"model": "afar", "messages": [{"role": "user", "content": f"my card is {CARD}"}]}
        assert gateway.post("/v1/chat/completions", secret, own).status == 403
        assert gateway.post("/v1/chat/completions", CHAT, own).status == 200
        journal = gateway.state_dir / "journal"
        early = refusals(journal / "refused")
        assert Counter((one.cause, one.status, one.route) for one in early) == {
            ("invalid_api_key", 401, "chat"): 2,
            ("bad_request", 400, "chat"): 1,
            ("model_not_found", 404, "chat"): 1,
            ("not_found", 404, ""): 1,
        }
        assert [one.key for one in early if one.cause == "invalid_api_key"] == [0, 0]
        (denied,) = refusals(journal)
        assert (denied.cause, denied.status, denied.level, denied.ceiling) == (
            "policy_denied", 403, "regulated", "device",
        )  # fmt: skip
        assert denied.prompt_tokens > 0
        assert denied.model > 0
        assert len(gateway.journal()) == 1, "a refusal is no attempt"
        for path in [*journal.glob("*.journal"), *journal.glob("refused/*.journal")]:
            data = path.read_bytes()
            assert b"wombat" not in data
            assert CARD.encode() not in data
