"""An engine that is back is used again long before its backoff ends, because its health page said so."""

import time

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.waiting import until

PATIENT = {"consecutive": 1, "open": "60s", "open_max": "60s", "ramp": "1ms"}


def tier(gateway: Gateway) -> str:
    return gateway.post("/v1/chat/completions", CHAT).headers["x-hybridgw-tier"]


def probed(demo: Demo, times: int) -> None:
    """Wait until the first deployment's health page was asked."""
    until(lambda: sum(one["path"] == "/health" for one in demo.requests("local", "GET")) >= times)


def breaker(gateway: Gateway) -> str:
    """The state of the first deployment's."""
    return str(gateway.get("/health").json["deployments"][0]["breaker"])


def test_an_engine_whose_page_answers_is_tried_again(demo: Demo) -> None:
    with Gateway(config(demo, breaker=PATIENT, health={"interval": "50ms"}), workers=2) as gateway:
        demo.fault("local", "status=500", count=1, path="/v1/chat/completions")
        assert tier(gateway) == "private"
        until(lambda: tier(gateway) == "local", 5)


def test_without_probes_the_backoff_counts(demo: Demo) -> None:
    with Gateway(config(demo, breaker=PATIENT, health={"enabled": False})) as gateway:
        demo.fault("local", "status=500", count=1, path="/v1/chat/completions")
        assert tier(gateway) == "private"
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            assert tier(gateway) == "private"


def test_a_page_that_answers_does_not_close_a_breaker(demo: Demo) -> None:
    """It shortens the wait for one trial, and the trial decides."""
    deployments = [demo.deployment("local", provider="vllm"), demo.deployment("private")]
    settings = config(demo, breaker=PATIENT, health={"interval": "20ms"}, deployments=deployments)
    with Gateway(settings) as gateway:
        for trials in (1, 2, 3):
            demo.fault("local", "status=500", count=1, path="/v1/chat/completions")
            assert tier(gateway) == "private"
            assert len(demo.requests("local")) == trials
            probed(demo, trials)
            # What follows from an answer follows within milliseconds.
            end = time.monotonic() + 0.2
            while time.monotonic() < end:
                assert breaker(gateway) == "open"
