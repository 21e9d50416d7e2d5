"""Demo upstreams: small HTTP servers that imitate a local, a private and a cloud model.

One program serves three purposes, so that they cannot drift apart: a first start without any engine
answers at once; tests commit faults that no real engine commits on request; benches need an upstream
that is never the bottleneck and answers the same bytes every time. It imitates the OpenAI endpoints
on bare asyncio, because a framework would be slower than the gateway in front and would mend the
faults on their way out.

It stands alone: it imports nothing of the rest of the package and knows nothing of gateways. It must
never be mistaken for a model: each answer says that it is a demo, and no engine's fingerprint is
imitated unless asked for. It listens on loopback unless told otherwise and has no authentication.

    personalities  who and how fast          faults   what can go wrong, as a value
    ask            what was asked            model    what is said
    script         when each byte is sent    http     bytes and timers on a connection
    site           routes                    control  planned faults, the log
    instant        prebuilt answers          server   listening
"""

from hybridgw.demo.control import Control
from hybridgw.demo.faults import FaultError, Faults, parse
from hybridgw.demo.personalities import PERSONALITIES, Engine, Pace, Personality
from hybridgw.demo.server import Fleet, Upstream, serve

__all__ = [
    "PERSONALITIES",
    "Control",
    "Engine",
    "FaultError",
    "Faults",
    "Fleet",
    "Pace",
    "Personality",
    "Upstream",
    "parse",
    "serve",
]
