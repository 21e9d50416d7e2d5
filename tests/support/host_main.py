"""Runs the supervisor with the test application, as a program: `host_main.py CONFIG PORT WORKERS`."""

import sys

from hybridgw.host.console import say
from hybridgw.host.supervisor import serve

if __name__ == "__main__":
    config, port, workers = sys.argv[1:4]
    sys.exit(
        serve(
            config,
            port=int(port),
            workers=int(workers),
            application="tests.support.host_app:application",
            when_ready=lambda settings: say("test", f"ready on {settings.server.port}"),
        )
    )
