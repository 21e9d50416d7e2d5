"""`hybridgw health`: is this gateway ready? Made for container health checks, so it loads little."""

import http.client
import json
import sys
from urllib.parse import urlsplit


def run(url: str, timeout: float) -> int:
    """Print the readiness of the gateway at `url`; 0 when traffic should go there."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:  # a port or an IPv6 address that is none
        host = None
    if host is None or parts.scheme != "http":
        print(f"{url}: expected http://HOST:PORT", file=sys.stderr)
        return 2
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/health/readiness")
        response = connection.getresponse()
        body = response.read(65536)
    except (OSError, http.client.HTTPException) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        print(f"{url}: {why}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    try:
        status = json.loads(body)["status"]
    except (ValueError, KeyError, TypeError):
        status = f"answered {response.status} with something else"
    print(status)
    return 0 if response.status == 200 else 1
