"""What engines say of the models that they run: windows and abilities, one page each.

A gateway that does not know a model's window cannot say why a prompt did not fit, and one that guesses
from a name whether a model thinks, sees or embeds guesses wrongly. So the engines of a configuration that
count as nearer than external are asked, all at once and briefly, when it is loaded, and again by the
housekeeper. Questions carry nothing but a model's name, load no model, and are sent without a key.

An engine that does not answer tells nothing: what was known of it before holds on. What a file says of a
deployment always counts more (`config.informed`).
"""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from hybridgw.config.probe import ask
from hybridgw.config.schema import DeploymentSettings, EngineFacts, Settings
from hybridgw.core import Target

_LATEST = ":latest"
_OK = 200
_ENGINES = frozenset({"ollama", "llama_server", "llama_cpp_python", "vllm", "openai_compatible"})
_Found = dict[str, EngineFacts]


def learn(settings: Settings, known: Mapping[str, EngineFacts], timeout: float = 0.3) -> Settings:
    """The same settings with what their engines say within `timeout` seconds; what is `known` where they
    say nothing."""
    near = [entry for entry in settings.deployments if _is_near(entry)]
    if not near or not settings.health.enabled:
        return settings
    places: dict[tuple[str, str], list[DeploymentSettings]] = {}
    for entry in near:
        places.setdefault((entry.provider, entry.base_url), []).append(entry)
    found: _Found = {entry.identity: known[entry.identity] for entry in near if entry.identity in known}

    async def search() -> None:
        tasks = [
            asyncio.create_task(_engine(provider, entries, found))
            for (provider, _), entries in places.items()
        ]
        _, pending = await asyncio.wait(tasks, timeout=timeout)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Its own thread and loop: the caller may or may not be inside one.
    thread = threading.Thread(target=asyncio.run, args=(search(),), daemon=True)
    thread.start()
    thread.join()
    return settings if found == settings.engines else msgspec.structs.replace(settings, engines=found)


def _is_near(entry: DeploymentSettings) -> bool:
    return (
        entry.provider in _ENGINES
        and entry.boundary != "external"
        and not entry.unusable
        and entry.base_url.startswith("http://")
        and "*" not in entry.model
    )


async def _engine(provider: str, entries: list[DeploymentSettings], found: _Found) -> None:
    target = Target.parse(entries[0].base_url)
    root = target.path.removesuffix("/v1")
    if provider == "ollama":
        known = {entry.model: found.get(entry.identity) for entry in entries}
        learnt = await ollama_models(target.host, target.port, root, known)
        for entry in entries:
            if entry.model in learnt:
                found[entry.identity] = learnt[entry.model].facts
        return
    listed, props = await asyncio.gather(
        ask(target.host, target.port, f"{target.path}/models"), ask(target.host, target.port, f"{root}/props")
    )
    items = items_of(listed.body, "data") if listed is not None and listed.status == _OK else []
    studio = await ask(target.host, target.port, f"{root}/api/v0/models") if items else None
    more = items_of(studio.body, "data") if studio is not None and studio.status == _OK else []
    runs = props.body if props is not None and props.status == _OK else None
    for entry in entries:
        facts = _listed(entry.model, items, more, runs if provider.startswith("llama") else None)
        if facts != EngineFacts():
            found[entry.identity] = facts


def _listed(
    model: str, items: list[dict[str, Any]], more: list[dict[str, Any]], props: object
) -> EngineFacts:
    """From `/v1/models` (vLLM, SGLang, LM Studio), LM Studio's own list, and llama.cpp's `/props`."""
    window = trained = vision = embeds = None
    resident: bool | None = None
    for item in (*items, *more):
        if item.get("id") != model and len(items) > 1:
            continue
        window = number(item.get("max_model_len")) or number(item.get("loaded_context_length")) or window
        trained = number(item.get("max_context_length")) or trained
        kind = item.get("type")
        if kind in ("llm", "vlm", "embeddings"):
            vision, embeds = kind == "vlm", kind == "embeddings"
        if item.get("state") in ("loaded", "not-loaded"):
            resident = item["state"] == "loaded"
    if isinstance(props, dict):
        settings = props.get("default_generation_settings")
        window = (number(settings.get("n_ctx")) if isinstance(settings, dict) else None) or window
        modalities = props.get("modalities")
        if isinstance(modalities, dict) and isinstance(modalities.get("vision"), bool):
            vision = modalities["vision"]
    return EngineFacts(
        window=window or trained, trained=trained, vision=vision, embeds=embeds, resident=resident
    )


class Learnt(NamedTuple):
    """What an Ollama says of a model."""

    facts: EngineFacts
    used: str
    """Grows with the time of its last use; empty when it is not resident."""


async def ollama_models(
    host: str, port: int, root: str, known: Mapping[str, EngineFacts | None], patience: float | None = None
) -> dict[str, Learnt]:
    """What an Ollama says of the models named by `known`. A page is read again only when its digest changed;
    a model that the Ollama does not have is left out, as is one whose page is not read within `patience`
    seconds."""
    tags, running = await asyncio.gather(
        ask(host, port, f"{root}/api/tags"), ask(host, port, f"{root}/api/ps")
    )
    if tags is None or tags.status != _OK:
        return {}
    digests = {full_name(it.get("name")): str(it.get("digest", "")) for it in items_of(tags.body, "models")}
    resident = {
        full_name(it.get("name")): it
        for it in (items_of(running.body, "models") if running is not None else ())
    }
    tells = running is not None and running.status == _OK
    learnt: dict[str, Learnt] = {}

    async def one(name: str, digest: str) -> None:
        facts = known[name]
        if facts is None or not digest or facts.digest != digest:
            page = await ask(host, port, f"{root}/api/show", body=msgspec.json.encode({"model": name}))
            facts = shown(page.body, digest) if page is not None and page.status == _OK else None
        if facts is not None:
            item = resident.get(full_name(name), {})
            window = number(item.get("context_length")) or facts.window
            expires = item.get("expires_at")
            used = expires if isinstance(expires, str) else ""
            loaded = full_name(name) in resident if tells else None
            learnt[name] = Learnt(msgspec.structs.replace(facts, window=window, resident=loaded), used)

    there = [(name, digest) for name in known if (digest := digests.get(full_name(name))) is not None]
    tasks = [asyncio.create_task(one(name, digest)) for name, digest in there]
    if tasks:
        _, pending = await asyncio.wait(tasks, timeout=patience)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return learnt


def shown(page: object, digest: str = "") -> EngineFacts | None:
    """From an answer of `/api/show`; None when it is none."""
    if not isinstance(page, dict):
        return None
    info = page.get("model_info")
    info = info if isinstance(info, dict) else {}
    family = info.get("general.architecture")
    said = page.get("capabilities")
    can = frozenset(each for each in said if isinstance(each, str)) if isinstance(said, list) else None
    return EngineFacts(
        trained=number(info.get(f"{family}.context_length")),
        chosen=_chosen(page.get("parameters")),
        thinking=None if can is None else "thinking" in can,
        thinking_words=family in ("gptoss", "gpt-oss"),
        vision=None if can is None else "vision" in can,
        embeds=None if can is None else "embedding" in can and "completion" not in can,
        digest=digest,
    )


def _chosen(parameters: object) -> int | None:
    """`num_ctx` among the lines that a model's file sets."""
    for line in parameters.splitlines() if isinstance(parameters, str) else ():
        words = line.split()
        if len(words) == 2 and words[0] == "num_ctx" and words[1].isdigit() and len(words[1]) < 10:
            return int(words[1]) or None
    return None


def full_name(name: object) -> str:
    """A model's name with its tag, as Ollama compares them."""
    text = name.lower() if isinstance(name, str) else ""
    return text if ":" in text.rpartition("/")[2] else text + _LATEST


def number(value: object) -> int | None:
    """A count of tokens; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else None


def items_of(body: object, key: str) -> list[dict[str, Any]]:
    """The objects of a list in an answer."""
    items = body.get(key) if isinstance(body, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
