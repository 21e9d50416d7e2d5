"""No configuration: which engines run on this host, and what can they serve?

Ports only say where to look. What answers is recognised by an endpoint that this engine has and the
others do not, because half of them share port 8000 or 8080 with everybody's web application, and a
wrong guess would send prompts to a stranger. LiteRT-LM is the exception that protocol forces: its
server handles one request at a time, so a question could wait behind a generation; an accepted
connection on its own port is all that is asked, and it is listed but not used without a model.

The whole search ends within `timeout`, whatever the ports do. Models that an engine would itself
pass on to a cloud (`:cloud`, `remote_host`) are external, though they sit behind a loopback port.
Keys found in the environment are reported; they are used only when the caller says so.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from collections.abc import Mapping as Environment
from typing import Any

import msgspec

from hybridgw.config.assemble import Assembler, Draft
from hybridgw.config.engines import Learnt, ollama_models
from hybridgw.config.load import load
from hybridgw.config.models import generated
from hybridgw.config.place import networks_of
from hybridgw.config.probe import ask, connects
from hybridgw.config.providers import CLOUD_KEYS
from hybridgw.config.schema import (
    BoundaryName,
    DeploymentSettings,
    EngineFacts,
    ModelSettings,
    ModeName,
    Notice,
    Settings,
    Source,
)
from hybridgw.core import Target

HOST = "127.0.0.1"
MAX_MODELS = 256
_PAGES = 0.15
"""Seconds for the pages of an Ollama's models; those not read by then are read when it is asked again."""

DEFAULT_CLOUD_MODELS = {
    "openai": ("gpt-4o-mini", "gpt-4o"),
    "openrouter": ("openrouter/auto",),
    "anthropic": ("claude-sonnet-4-20250514",),
    "gemini": ("gemini-2.5-flash",),
}


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where each engine is looked for."""

    ollama: tuple[int, ...] = (11434,)
    llama_server: tuple[int, ...] = (8080, 9931)
    vllm: tuple[int, ...] = (8000,)
    lm_studio: tuple[int, ...] = (1234,)
    litert_lm: tuple[int, ...] = (9379,)


class FoundModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model behind a port."""

    name: str
    external: bool = False
    mode: ModeName = "chat"
    context_window: int | None = None
    facts: EngineFacts | None = None
    used: str = ""
    """Grows with the time of its last use; empty when it is not resident."""


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine that answered."""

    kind: str
    """Its name for people."""
    provider: str
    port: int
    models: tuple[FoundModel, ...]


Known = Mapping[str, EngineFacts | None]
"""The models that were found behind a port before, in their order, with what was learnt of them."""
Probe = Callable[[int], Coroutine[Any, Any, Engine | None]]


def discover(
    environ: Environment[str, str],
    timeout: float = 0.25,
    *,
    allow_cloud: bool = False,
    ports: Ports | None = None,
    before: Settings | None = None,
    keep_silent: bool = False,
) -> Settings:
    """Settings from what answers within `timeout` seconds. No deployments when nothing does; then
    the caller decides what else to start. `before` are the settings found last: what they know of models
    that are still there holds on, and with `keep_silent` an engine of theirs that does not answer counts as
    found with the models that it had. Raises ConfigError for a bad variable, nothing else."""
    base = load(None, environ)
    engines = find_engines(timeout, ports or _ports(environ), before)
    if keep_silent and before is not None and before.source.kind == "discovery":
        engines += _silent(before, {engine.port for engine in engines})
    assembler = Assembler(environ, networks_of(base.boundaries), base.tiers, strict=False)
    notices: list[Notice] = []
    learnt: dict[str, EngineFacts] = {}
    for engine in engines:
        count = len(engine.models)
        said = (
            f"{count} model{'s' * (count > 1)}"
            if count
            else "answers; a config that names a model can use it"
        )
        notices.append(_say(f"{HOST}:{engine.port}", engine.kind, said))
        # An engine lists its favourite first (Ollama: the one used last), so `auto` takes that one
        # and the same one every time; models that differ are no replicas to be shared among.
        for order, model in enumerate(engine.models):
            index = assembler.add(_draft(engine, model, order, assembler))
            if model.facts is not None:
                learnt[assembler.deployments[index].identity] = model.facts
    _clouds(environ, allow_cloud, assembler, notices)
    return msgspec.structs.replace(
        base,
        source=Source(kind="discovery"),
        deployments=tuple(assembler.deployments),
        engines=learnt,
        models=_bare_names(generated((), assembler.deployments, base.tiers), assembler.deployments),
        notices=(*notices, *assembler.notices),
        problems=tuple(assembler.problems),
    )


def _bare_names(
    models: list[ModelSettings], deployments: list[DeploymentSettings]
) -> tuple[ModelSettings, ...]:
    """Each deployment also answers to the name that its engine has for the model, which is what people
    type; where two engines have it, the first."""
    taken = {model.name for model in models}
    by_name = {entry.name: entry.model for entry in deployments}
    told = []
    for model in models:
        bare = by_name.get(model.name)
        if bare is not None and bare not in taken:
            taken.add(bare)
            model = msgspec.structs.replace(model, hidden_aliases=(bare,))
        told.append(model)
    return tuple(told)


def _ports(environ: Environment[str, str]) -> Ports:
    """The usual ports; for Ollama also the one in `OLLAMA_HOST`, the variable by which people move it. Only
    its port counts: what is searched is this machine."""
    port = environ.get("OLLAMA_HOST", "").rstrip("/").rpartition(":")[2]
    usual = Ports()
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        return usual
    return msgspec.structs.replace(usual, ollama=tuple(dict.fromkeys((int(port[:6]), *usual.ollama))))


def _silent(before: Settings, heard: set[int]) -> list[Engine]:
    """The engines of `before` behind other ports than these, as they were."""
    models: dict[tuple[int, str, str], list[FoundModel]] = {}
    for entry in sorted(before.deployments, key=lambda it: it.order):
        target = Target.parse(entry.base_url)
        if target.host == HOST and target.port not in heard:
            found = FoundModel(
                name=entry.model,
                external=entry.boundary == "external",
                mode=entry.mode,
                context_window=entry.context_window,
                facts=before.engines.get(entry.identity),
            )
            models.setdefault((target.port, entry.description, entry.provider), []).append(found)
    return [
        Engine(kind=kind, provider=provider, port=port, models=tuple(found))
        for (port, kind, provider), found in models.items()
    ]


def _known(before: Settings | None, port: int) -> Known:
    if before is None:
        return {}
    url = f"http://{HOST}:{port}/v1"
    entries = sorted((it for it in before.deployments if it.base_url == url), key=lambda it: it.order)
    return {entry.model: before.engines.get(entry.identity) for entry in entries}


def find_engines(timeout: float, ports: Ports, before: Settings | None = None) -> list[Engine]:
    """The engines that answered before the deadline, in a fixed order."""
    wanted: list[tuple[Probe, int]] = []
    # A port given for two engines is asked for both; the first that recognises itself counts.
    for probe, numbers in (
        (lambda port: _ollama(port, _known(before, port)), ports.ollama),
        (_llama_server, ports.llama_server),
        (_vllm, ports.vllm),
        (_lm_studio, ports.lm_studio),
        (_litert_lm, ports.litert_lm),
    ):
        wanted += [(probe, number) for number in numbers]
    if not wanted:
        return []
    found: list[Engine | None] = [None] * len(wanted)

    async def search() -> None:
        async def one(index: int, probe: Probe, port: int) -> None:
            found[index] = await probe(port)

        tasks = [asyncio.create_task(one(i, p, n)) for i, (p, n) in enumerate(wanted)]
        _, pending = await asyncio.wait(tasks, timeout=timeout)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Its own thread and loop: the caller may or may not be inside one.
    thread = threading.Thread(target=asyncio.run, args=(search(),), daemon=True)
    thread.start()
    thread.join()
    seen: set[int] = set()
    result = []
    for engine in found:
        if engine is not None and engine.port not in seen:
            seen.add(engine.port)
            result.append(engine)
    return result


def _say(where: str, key: str, message: str) -> Notice:
    return Notice(level="info", where=where, key=key, message=message)


def _draft(engine: Engine, model: FoundModel, order: int, assembler: Assembler) -> Draft:
    boundary: BoundaryName | None = "external" if model.external else None
    tier = "cloud" if model.external else "local"
    name, number = f"{tier}/{model.name}", 2
    while any(d.name == name for d in assembler.deployments):
        name, number = f"{tier}/{model.name}@{engine.port}-{number}", number + 1
    return Draft(
        where=f"{HOST}:{engine.port}",
        key=engine.kind,
        vendor=engine.provider,
        model=model.name,
        model_name=name,
        name=name,
        url=f"http://{HOST}:{engine.port}/v1",
        tier=tier,
        boundary=boundary,
        rest={
            "mode": model.mode,
            "order": order,
            "context_window": model.context_window,
            "description": engine.kind,
        },
    )


def _clouds(environ: Environment[str, str], allow: bool, assembler: Assembler, notices: list[Notice]) -> None:
    """Lists the cloud keys in the environment, and makes deployments of them when allowed."""
    for variable, vendor in CLOUD_KEYS:
        if not environ.get(variable, "").strip():
            continue
        if not allow:
            notices.append(
                _say("environment", variable, f"found, not used; --allow-cloud or a config uses {vendor}")
            )
            continue
        for order, model in enumerate(DEFAULT_CLOUD_MODELS[vendor]):
            assembler.add(
                Draft(
                    where="environment",
                    key=variable,
                    vendor=vendor,
                    model=model,
                    model_name=model,
                    name=f"cloud/{model}",
                    tier="cloud",
                    rest={"order": order},
                )
            )


def clean_name(value: object) -> str | None:
    """A model's name as an engine gave it; None for what cannot be one."""
    if isinstance(value, str) and 0 < len(value) <= 256 and value.isprintable() and value.strip() == value:
        return value
    return None


def _items(body: object, key: str) -> list[dict[str, Any]]:
    items = body.get(key) if isinstance(body, dict) else None
    return [i for i in items if isinstance(i, dict)][:MAX_MODELS] if isinstance(items, list) else []


def _window(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else None


def _looks_like_embedding(name: str, *words: object) -> bool:
    return "embed" in name.lower() or any(isinstance(w, str) and "embed" in w.lower() for w in words)


async def _ollama(port: int, known: Known) -> Engine | None:
    version, tags = await asyncio.gather(ask(HOST, port, "/api/version"), ask(HOST, port, "/api/tags"))
    answers = version is not None and version.status == 200 and isinstance(version.body, dict)
    if not answers or version is None or not isinstance(version.body.get("version"), str):
        return None
    if tags is None or not isinstance(tags.body, dict) or not isinstance(tags.body.get("models"), list):
        return None
    named = {
        name: item
        for item in _items(tags.body, "models")
        if (name := clean_name(item.get("name") or item.get("model"))) is not None
    }
    told = await ollama_models(HOST, port, "", {name: known.get(name) for name in named}, _PAGES)
    models = [_ollama_model(name, item, told.get(name), known.get(name)) for name, item in named.items()]
    # The one used last first: `auto` takes it, and it need not be loaded. One that was first stays so when
    # it has been let go: that it was used last is still true.
    rank = {name: place for place, name in enumerate(known)}
    models.sort(key=lambda model: rank.get(model.name, len(rank)))
    models.sort(key=lambda model: model.used, reverse=True)
    return Engine(kind="Ollama", provider="ollama", port=port, models=tuple(models))


def _ollama_model(
    name: str, item: dict[str, Any], learnt: Learnt | None, known: EngineFacts | None
) -> FoundModel:
    cloud = bool(item.get("remote_host")) or name.lower().endswith((":cloud", "-cloud"))
    facts = learnt.facts if learnt is not None else known
    embeds = facts.embeds if facts is not None else None
    if embeds is None:
        # An Ollama from before it said so.
        embeds = _looks_like_embedding(name)
    return FoundModel(
        name=name,
        external=cloud,
        mode="embedding" if embeds else "chat",
        facts=facts,
        used=learnt.used if learnt is not None else "",
    )


async def _listed(port: int) -> list[dict[str, Any]] | None:
    answer = await ask(HOST, port, "/v1/models")
    if answer is None or answer.status != 200 or not isinstance(answer.body, dict):
        return None
    if not isinstance(answer.body.get("data"), list):
        return None
    return _items(answer.body, "data")


def _openai_models(items: list[dict[str, Any]]) -> tuple[FoundModel, ...]:
    models = []
    for item in items:
        name = clean_name(item.get("id"))
        if name is not None:
            mode: ModeName = "embedding" if _looks_like_embedding(name, item.get("type")) else "chat"
            window = _window(item.get("max_model_len")) or _window(item.get("max_context_length"))
            models.append(FoundModel(name=name, mode=mode, context_window=window))
    return tuple(models)


async def _llama_server(port: int) -> Engine | None:
    props, items = await asyncio.gather(ask(HOST, port, "/props"), _listed(port))
    body = props.body if props is not None and props.status == 200 else None
    if not isinstance(body, dict) or "default_generation_settings" not in body:
        # With a key or while loading, /props does not answer; the server still names itself.
        server = props.headers.get("server", "") if props is not None else ""
        owned = bool(items) and all(i.get("owned_by") == "llamacpp" for i in items or [])
        if server.lower() != "llama.cpp" or not owned:
            return None
        body = {}
    settings = body.get("default_generation_settings")
    window = _window(settings.get("n_ctx")) if isinstance(settings, dict) else None
    models = tuple(
        msgspec.structs.replace(m, context_window=m.context_window or window)
        for m in _openai_models(items or [])
    )
    return Engine(kind="llama-server", provider="llama_server", port=port, models=models)


async def _vllm(port: int) -> Engine | None:
    version, items = await asyncio.gather(ask(HOST, port, "/version"), _listed(port))
    if items is None:
        return None
    owned = bool(items) and all(i.get("owned_by") == "vllm" for i in items)
    versioned = (
        version is not None
        and version.status == 200
        and isinstance(version.body, dict)
        and isinstance(version.body.get("version"), str)
    )
    if owned and versioned:
        return Engine(kind="vLLM", provider="vllm", port=port, models=_openai_models(items))
    # Another engine on the same port: it lists models as OpenAI does, so it is spoken to that way.
    if items and all(i.get("object") == "model" and clean_name(i.get("id")) for i in items):
        return Engine(
            kind="OpenAI-compatible server",
            provider="openai_compatible",
            port=port,
            models=_openai_models(items),
        )
    return None


async def _lm_studio(port: int) -> Engine | None:
    answer = await ask(HOST, port, "/api/v0/models")
    if answer is None or answer.status != 200 or not isinstance(answer.body, dict):
        return None
    items = _items(answer.body, "data")
    if not isinstance(answer.body.get("data"), list) or not all("type" in i and "state" in i for i in items):
        return None
    return Engine(kind="LM Studio", provider="openai_compatible", port=port, models=_openai_models(items))


async def _litert_lm(port: int) -> Engine | None:
    if not await connects(HOST, port):
        return None
    return Engine(kind="LiteRT-LM", provider="litert_lm", port=port, models=())
