"""Which client a request goes to, and that the costly one is not loaded without need."""

import subprocess
import sys
from typing import TYPE_CHECKING

from hybridgw.core import Boundary
from hybridgw.transport import BoundaryNetworks
from hybridgw.transport.select import Transports, warm
from tests.support.loops import LoopFactory, run
from tests.support.scripted import Expect, Repeat, Scripted, Send
from tests.support.transports import FAST, OK, deployment, post

if TYPE_CHECKING:
    from hybridgw.transport import Transport
    from hybridgw.transport.aiohttp_transport import AiohttpTransport
    from hybridgw.transport.lean import LeanTransport

    def all_of_them_are_transports(
        one: Transports, two: LeanTransport, three: AiohttpTransport
    ) -> list[Transport]:
        """Checked by the type checker, never called."""
        return [one, two, three]


def test_choice(loop: LoopFactory) -> None:
    async def main() -> None:
        answer = [Repeat([Expect(), Send(OK)])]
        async with Scripted(answer) as server, Scripted(answer) as proxy:
            transports = Transports(BoundaryNetworks())
            plain = deployment(server.port)
            behind = deployment(server.port, proxy=f"http://127.0.0.1:{proxy.port}")
            for target, ceiling, proxied in (
                (plain, Boundary.EXTERNAL, False),
                (behind, Boundary.ORGANIZATION, False),
                (behind, Boundary.DEVICE, False),
                (behind, Boundary.EXTERNAL, True),
            ):
                before = len(proxy.requests)
                response = await transports.send(ceiling, target, post(), FAST)
                assert await response.read_all(10) == b"{}"
                assert (len(proxy.requests) > before) is proxied
            stats = transports.stats()
            assert (stats["open"], stats["opened"], stats["reused"]) == (2, 2, 2)
            await transports.aclose()
            assert transports.stats()["open"] == 0

    run(main(), loop)


def test_warm_looks_at_the_deployments() -> None:
    assert not warm([deployment(80)])
    assert warm([deployment(80), deployment(443, scheme="https")])
    assert warm([deployment(80, proxy="http://127.0.0.1:3128")])


def test_aiohttp_is_not_imported_for_plain_http() -> None:
    """In a process of its own, because the tests here have imported it long ago."""
    program = "import sys, hybridgw.transport.select; sys.exit('aiohttp' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
