"""An engine that is back is used again long before its backoff ends, because its health page said so."""

import time

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT
from tests.support.demo import Demo
from tests.support.gateway import Gateway, wait_for

PATIENT = {"consecutive": 1, "open": "60s", "open_max": "60s", "ramp": "1ms"}


def tier(gateway: Gateway) -> str:
    return gateway.post("/v1/chat/completions", CHAT).headers["x-hybridgw-tier"]


def test_an_engine_whose_page_answers_is_tried_again(demo: Demo) -> None:
    with Gateway(config(demo, breaker=PATIENT, health={"interval": "50ms"}), workers=2) as gateway:
        demo.fault("local", "status=500", count=1)
        assert tier(gateway) == "private"
        wait_for(lambda: tier(gateway) == "local", 5)


def test_without_probes_the_backoff_counts(demo: Demo) -> None:
    with Gateway(config(demo, breaker=PATIENT, health={"enabled": False})) as gateway:
        demo.fault("local", "status=500", count=1)
        assert tier(gateway) == "private"
        until = time.monotonic() + 0.6
        while time.monotonic() < until:
            assert tier(gateway) == "private"


def test_a_page_that_answers_does_not_close_a_breaker(demo: Demo) -> None:
    with Gateway(config(demo, breaker=PATIENT, health={"interval": "20ms"})) as gateway:
        demo.fault("local", "status=500")
        for _ in range(10):
            assert tier(gateway) == "private"
            time.sleep(0.02)
        # Every trial was one request, not a flood: the page let single probes go.
        assert len(demo.requests("local")) <= 11
