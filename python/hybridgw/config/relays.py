"""Which models of an Ollama are no models of its own, but passed on to its maker's cloud?

Their names mostly tell (`…-cloud`), and then no question is needed. A copy of such a model may be called
anything; Ollama's list of models says `remote_host` of it. So the Ollamas of a configuration that count
as nearer than external are asked for their lists when it is loaded, and again by the housekeeper, since such
a name can be made at any time; all at once and briefly. Such deployments become external: what may not leave
is then never sent there. A deployment that is external stays so until the configuration is loaded anew.

An Ollama that does not answer tells nothing. What was known of it before holds on, so that a reload while
it is down brings nothing nearer.
"""

import asyncio
import threading
from collections.abc import Iterable

import msgspec

from hybridgw.config.probe import ask
from hybridgw.config.schema import DeploymentSettings, Notice, Settings
from hybridgw.core import Target

_Address = tuple[str, int, str]
_LATEST = ":latest"
_UNSAID = ("registry.ollama.ai/", "library/")
"""What Ollama puts in front of a name that has no host, and no owner."""


def without_relays(settings: Settings, before: Settings | None = None, timeout: float = 0.3) -> Settings:
    """The same settings, with deployments of relayed models marked external. `before`: those in use."""
    near = [entry for entry in settings.deployments if _is_near(entry)]
    if not near:
        return settings
    found = _ask_all({_address(entry) for entry in near}, timeout)
    earlier = before.deployments if before else ()
    known = {entry.identity for entry in earlier if entry.boundary == "external"}
    names = {entry.identity: entry.relayed for entry in earlier}
    notices: list[Notice] = []
    deployments: list[DeploymentSettings] = []
    for entry in settings.deployments:
        if _is_near(entry):
            relayed = found[_address(entry)]
            if "*" in entry.model:
                told = names.get(entry.identity, ()) if relayed is None else tuple(sorted(relayed))
                entry = msgspec.structs.replace(entry, relayed=told)
            elif entry.identity in known if relayed is None else bare_name(entry.model) in relayed:
                message = f"{entry.model} is passed on to a cloud by this Ollama: treated as external"
                notices.append(Notice(level="warning", where=entry.where, key=entry.name, message=message))
                entry = msgspec.structs.replace(entry, boundary="external")
        deployments.append(entry)
    if tuple(deployments) == settings.deployments:
        return settings
    return msgspec.structs.replace(
        settings, deployments=tuple(deployments), notices=(*settings.notices, *notices)
    )


def relayed_models(tags: object) -> frozenset[str]:
    """The names in an answer of `/api/tags` that stand for a model somewhere else."""
    models = tags.get("models") if isinstance(tags, dict) else None
    named = (
        item.get("name") or item.get("model")
        for item in (models if isinstance(models, list) else ())
        if isinstance(item, dict) and item.get("remote_host")
    )
    return frozenset(bare_name(name) for name in named if isinstance(name, str))


def bare_name(name: str) -> str:
    """A model's name as lists of models are compared: without what goes without saying."""
    name = name.lower().rpartition("://")[2].removesuffix(_LATEST)
    for part in _UNSAID:
        name = name.removeprefix(part)
    return name


def _is_near(entry: DeploymentSettings) -> bool:
    return (
        entry.provider == "ollama"
        and entry.boundary != "external"
        and not entry.unusable
        and entry.base_url.startswith("http://")
    )


def _address(entry: DeploymentSettings) -> _Address:
    target = Target.parse(entry.base_url)
    return target.host, target.port, target.path.removesuffix("/v1")


def _ask_all(addresses: Iterable[_Address], timeout: float) -> dict[_Address, frozenset[str] | None]:
    found: dict[_Address, frozenset[str] | None] = dict.fromkeys(addresses)

    async def one(address: _Address) -> None:
        host, port, path = address
        answer = await ask(host, port, f"{path}/api/tags")
        if answer is not None and answer.status == 200:
            found[address] = relayed_models(answer.body)

    async def search() -> None:
        tasks = [asyncio.create_task(one(address)) for address in found]
        _, pending = await asyncio.wait(tasks, timeout=timeout)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Its own thread and loop: the caller may or may not be inside one.
    thread = threading.Thread(target=asyncio.run, args=(search(),), daemon=True)
    thread.start()
    thread.join()
    return found
