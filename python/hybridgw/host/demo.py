"""Demo upstreams for a gateway that found nothing to talk to: a first start answers at once.

They run as a program of their own, `python -m hybridgw.demo`, on loopback ports chosen here, so that
a restart of that program changes nothing for the gateway. It holds one end of a pipe whose other end
only the supervisor has: it ends with the supervisor, whatever ends that.
"""

import os
import select
import socket
import subprocess

import msgspec
import orjson

from hybridgw.config.load import environment
from hybridgw.config.native import load_native
from hybridgw.config.schema import Settings, Source
from hybridgw.config.tree import parse
from hybridgw.host.child import Child

Ports = dict[str, int]
"""Loopback port of each demo upstream; its name is also the name of its tier."""

_MODELS = {"local": "demo-local", "private": "demo-private", "cloud": "demo-cloud"}
_PATIENCE = 5.0
_TRIES = 3


class NoDemo(Exception):
    """The demo upstreams did not start."""


class DemoUpstreams:
    """The program while it runs. `child` is kept up by the supervisor like its other children."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._lifeline_read, self._lifeline = os.pipe2(os.O_CLOEXEC)
        self._announced, self._announce = os.pipe2(os.O_CLOEXEC)
        arguments = [text for name, port in ports.items() for text in (f"--{name}-port", str(port))]
        arguments += ["--announce-fd", str(self._announce), "--lifeline-fd", str(self._lifeline_read)]
        self.child = Child("demo", "hybridgw.demo", tuple(arguments), (self._announce, self._lifeline_read))

    @classmethod
    def start(cls) -> "DemoUpstreams":
        """Start them and wait until they answer. Raises NoDemo."""
        for _ in range(_TRIES):
            started = cls(_free_ports())
            started.child.start()
            if started._listening():
                return started
            # Most likely somebody took one of the ports in between.
            started.close()
        raise NoDemo("the demo upstreams do not start")

    def _listening(self) -> bool:
        process = self.child.process
        assert process is not None
        poller = select.poll()
        poller.register(self._announced, select.POLLIN)
        for _ in range(round(_PATIENCE / 0.01)):
            if poller.poll(10):
                return bool(os.read(self._announced, 65536))
            if process.poll() is not None:
                return False
        return False

    def close(self) -> None:
        """Let go of the lifeline, which ends the program, and wait for that."""
        for descriptor in (self._lifeline, self._lifeline_read, self._announced, self._announce):
            os.close(descriptor)
        process = self.child.process
        if process is not None:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.child.process = None


def _free_ports() -> Ports:
    # All bound at once, so that they differ.
    probes = {name: socket.create_server(("127.0.0.1", 0)) for name in _MODELS}
    ports = {name: int(probe.getsockname()[1]) for name, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    return ports


def demo_settings(base: Settings, ports: Ports) -> Settings:
    """`base` with the demo upstreams as its deployments: one of each tier."""
    document = {
        "deployments": [
            {
                "name": f"{tier}/{model}",
                "provider": "openai_compatible",
                "model": model,
                "url": f"http://127.0.0.1:{ports[tier]}/v1",
                "tier": tier,
                "description": "imitates a model; no model is running",
            }
            for tier, model in _MODELS.items()
        ]
    }
    root = parse(orjson.dumps(document).decode(), "demo")
    assert root is not None
    made = load_native(root, "demo", environment())
    return msgspec.structs.replace(
        base,
        source=Source(kind="demo"),
        tiers=made.tiers,
        # Their bytes need no repair, so what clients see is what the demo sent.
        deployments=tuple(msgspec.structs.replace(one, provider="demo") for one in made.deployments),
        models=made.models,
    )
