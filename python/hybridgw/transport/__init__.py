"""Talking to upstreams: the only package that opens sockets which carry request content.

`seam` is what others use; `select.Transports` is the one object a worker makes. `lean*` and `pool`
are our HTTP/1.1 client, `aiohttp_*` the one for TLS and proxies, `boundary` the privacy check on
addresses, `images` fetches what clients name behind the guard of `public`, `failures` the table from
foreign exceptions to outcomes.
"""

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.transport.seam import (
    JSON_REQUEST,
    STREAM_REQUEST,
    Headers,
    Transport,
    TransportLimits,
    UpstreamRequest,
    UpstreamResponse,
)

__all__ = [
    "JSON_REQUEST",
    "STREAM_REQUEST",
    "BoundaryNetworks",
    "Headers",
    "Transport",
    "TransportLimits",
    "UpstreamRequest",
    "UpstreamResponse",
]
