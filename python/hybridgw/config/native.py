"""hybridgw.yaml: our own file, where nothing is guessed and every mistake is an error with a line.

    server: {port: 4000}
    auth: {master_key: "${HYBRIDGW_MASTER_KEY}"}
    deployments:
      - {name: local/qwen3, provider: ollama, model: "qwen3:8b", url: http://localhost:11434}
      - {name: cloud/gpt-4o, provider: openai, model: gpt-4o, api_key: "${OPENAI_API_KEY}"}
    models:
      - {name: assistant, deployments: [local/qwen3, cloud]}

The structs below are the file; the JSON Schema is generated from them. Sections that mean the same
in the file and in memory are the ones of `schema`, not copies.
"""

from collections.abc import Mapping as Environment
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hybridgw.config.assemble import Assembler, Draft
from hybridgw.config.bind import Binder, Missing, nearest
from hybridgw.config.common import (
    Common,
    auth_unavailable,
    check_privacy,
    child,
    header_fault,
    missing_problems,
    resolve_boundaries,
)
from hybridgw.config.errors import ConfigError
from hybridgw.config.ledger import check_ledger
from hybridgw.config.limits import Written
from hybridgw.config.models import generated, grouped
from hybridgw.config.schema import (
    ApiName,
    BoundaryName,
    DeploymentSettings,
    ModelSettings,
    ModeName,
    Problem,
    Section,
    Settings,
    Source,
    StrategyName,
    ThoughtsName,
    TierSettings,
    TimeoutSettings,
)
from hybridgw.config.tree import Mapping, Node
from hybridgw.config.units import Count, Interval

Tokens = Annotated[int, Meta(ge=1)]
Price = Annotated[float | None, Meta(description="USD per million tokens.")]


class NativeTier(Section, frozen=True, kw_only=True):
    """A tier; the order of the list is the order in which tiers are tried."""

    name: Annotated[str, Meta(description="Name, also a model that clients may ask for.")]
    boundary: Annotated[BoundaryName, Meta(description="How far data travels in this tier.")]


class NativeTimeouts(Section, frozen=True, kw_only=True):
    """Time limits of one deployment, where they differ."""

    connect: Interval | None = None
    first_token: Interval | None = None
    idle: Interval | None = None
    total: Interval | None = None
    load: Interval | None = None


class NativePrice(Section, frozen=True, kw_only=True):
    """What tokens cost."""

    input: Price = None
    output: Price = None


class NativeDeployment(Section, frozen=True, kw_only=True):
    """One upstream."""

    name: Annotated[str, Meta(description="Unique name, by custom tier/name.")]
    provider: Annotated[str, Meta(description="ollama, vllm, llama_server, openai, openai_compatible, ...")]
    model: Annotated[str, Meta(description="The name that the upstream knows.")]
    url: Annotated[str | None, Meta(description="Base URL; known providers have one.")] = None
    api_key: Annotated[str | None, Meta(description="Credential, best as ${VARIABLE}.")] = None
    tier: Annotated[str | None, Meta(description="Tier; follows from the address if absent.")] = None
    boundary: Annotated[
        BoundaryName | None, Meta(description="How far data travels; the tier's if absent.")
    ] = None
    weight: Annotated[float, Meta(ge=0, description="Share of the traffic of its group.")] = 1.0
    order: Annotated[int, Meta(ge=-1000, le=1000, description="Lower first, inside its tier.")] = 0
    max_parallel: Annotated[Count, Meta(description="Requests at one time; 0 = any number.")] = 0
    defaults: Annotated[dict[str, Any], Meta(description="Parameters when the client sets none.")] = (
        msgspec.field(default_factory=dict)
    )
    headers: Annotated[dict[str, str], Meta(description="Request headers sent upstream.")] = msgspec.field(
        default_factory=dict
    )
    extra_body: Annotated[dict[str, Any], Meta(description="Parameters that replace the client's.")] = (
        msgspec.field(default_factory=dict)
    )
    drop_params: Annotated[tuple[str, ...], Meta(description="Parameters that are removed.")] = ()
    drop_refused: Annotated[
        bool | None, Meta(description="Whether a refused parameter is left out; as translation.drop_refused.")
    ] = None
    max_inputs: Annotated[Count, Meta(description="Inputs of one embeddings call; 0 = as known.")] = 0
    timeouts: NativeTimeouts = NativeTimeouts()
    proxy: Annotated[str | None, Meta(description="HTTP proxy; only for boundary external.")] = None
    tls_verify: Annotated[bool, Meta(description="Whether the server's certificate is checked.")] = True
    price: NativePrice = NativePrice()
    context_window: Annotated[Tokens | None, Meta(description="Tokens that fit.")] = None
    max_output_tokens: Annotated[Tokens | None, Meta(description="Limit sent where one is demanded.")] = None
    num_ctx: Annotated[Tokens | None, Meta(description="Ollama: the window the model runs with.")] = None
    api_version: Annotated[str | None, Meta(description="Azure: the version of its API.")] = None
    api: Annotated[ApiName, Meta(description="OpenAI: the protocol that its server is asked by.")] = "auto"
    sampling: Annotated[bool, Meta(description="Anthropic: it still takes temperature and top_p.")] = False
    thinking: Annotated[bool | None, Meta(description="Whether the model thinks, if known.")] = None
    vision: Annotated[bool | None, Meta(description="Whether the model sees images, if known.")] = None
    thoughts: Annotated[
        ThoughtsName | None, Meta(description="Member in which it wants thoughts of earlier turns back.")
    ] = None
    mode: Annotated[ModeName, Meta(description="What it serves.")] = "chat"
    tags: Annotated[tuple[str, ...], Meta(description="Labels for routing.")] = ()
    description: Annotated[str, Meta(description="Shown to people.")] = ""


class NativeModel(Section, frozen=True, kw_only=True):
    """A name that clients ask for."""

    name: Annotated[str, Meta(min_length=1, description="What clients send as model.")]
    deployments: Annotated[
        tuple[str, ...], Meta(description="Deployments or tiers; all chat deployments if absent.")
    ] = ()
    strategy: Annotated[
        StrategyName, Meta(description="Choice inside a tier; priority = in the order listed.")
    ] = "weighted"
    retries: Annotated[int, Meta(ge=0, le=15, description="Further attempts before fallbacks.")] = 1
    fallbacks: Annotated[tuple[str, ...], Meta(description="Models tried when all else failed.")] = ()
    context_fallbacks: Annotated[tuple[str, ...], Meta(description="Models for requests too long.")] = ()
    hidden: Annotated[bool, Meta(description="Answers but is not listed.")] = False
    aliases: Annotated[tuple[str, ...], Meta(description="Further names.")] = ()
    description: Annotated[str, Meta(description="Shown to people.")] = ""


class NativeFile(Common, frozen=True, kw_only=True):
    """Configuration of hybridgw."""

    tiers: Annotated[tuple[NativeTier, ...], Meta(description="local, private, cloud if absent.")] = ()
    deployments: Annotated[tuple[NativeDeployment, ...], Meta(description="The upstreams.")] = ()
    models: Annotated[tuple[NativeModel, ...], Meta(description="Names that clients ask for.")] = ()
    default_fallbacks: Annotated[
        tuple[str, ...], Meta(description="Fallbacks of every model without its own.")
    ] = ()


def load_native(root: Node, file: str, environ: Environment[str, str]) -> Settings:
    """Settings of a native file; ConfigError on the first mistake."""
    binder = Binder(environ)
    data = binder.struct(root, NativeFile, "")
    boundaries, networks = resolve_boundaries(data.boundaries, root, file, environ)
    loosened = check_privacy(data.privacy, root, file)
    check_ledger(data.ledger, data.state, root, file)
    tiers = _tiers(data, root)
    assembler = Assembler(environ, networks, tiers, strict=True)
    for index, entry in enumerate(data.deployments):
        key = f"deployments[{index}]"
        node = child(root, "deployments", index)
        lost = [m for m in binder.missing if m.key.startswith(f"{key}.")]
        assembler.add(_draft(entry, key, node.where if node else file, lost, data.timeouts))
    models = _models(data, root, assembler)
    rest = [m for m in binder.missing if not m.key.startswith("deployments[")]
    problems = [*missing_problems(rest), *assembler.problems]
    if not data.deployments:
        problems.append(
            Problem(where=file, key="deployments", message="there are none: no request can be answered")
        )
    common = {f.name: getattr(data, f.name) for f in msgspec.structs.fields(Common)}
    common["boundaries"] = boundaries
    return Settings(
        source=Source(kind="native", path=file, files=(file,)),
        auth_unavailable=auth_unavailable(rest),
        tiers=tiers,
        deployments=tuple(assembler.deployments),
        models=models,
        default_fallbacks=data.default_fallbacks,
        notices=(*loosened, *assembler.notices),
        problems=tuple(problems),
        **common,
    )


def _tiers(data: NativeFile, root: Node) -> tuple[TierSettings, ...]:
    if not data.tiers:
        return Settings(source=Source(kind="native")).tiers
    seen: dict[str, TierSettings] = {}
    for index, tier in enumerate(data.tiers):
        node = child(root, "tiers", index)
        if not tier.name or tier.name in seen or "/" in tier.name or tier.name == "auto":
            raise ConfigError(
                node.where if node else "",
                f"tiers[{index}].name",
                f"{tier.name[:60]!r} cannot be a tier's name",
                "give each tier its own name, not auto and without a slash",
            )
        seen[tier.name] = TierSettings(name=tier.name, boundary=tier.boundary, order=index)
    return tuple(seen.values())


def _draft(
    entry: NativeDeployment, key: str, where: str, lost: list[Missing], timeouts: TimeoutSettings
) -> Draft:
    own = entry.timeouts
    limits = Written(
        connect=_first(own.connect, timeouts.connect),
        first_token=_first(own.first_token, timeouts.first_token),
        idle=_first(own.idle, timeouts.idle),
        total=_first(own.total, timeouts.total),
        load=_first(own.load, timeouts.load),
    )
    _check_headers(entry.headers, where, f"{key}.headers")
    if entry.proxy and not entry.proxy.startswith(("http://", "https://")):
        raise ConfigError(
            where, f"{key}.proxy", "is no HTTP proxy", "write it like http://proxy.internal:3128"
        )
    return Draft(
        where=where,
        key=key,
        vendor=entry.provider,
        model=entry.model,
        model_name=entry.name,
        name=entry.name or f"{key}",
        url=entry.url,
        api_key=entry.api_key,
        tier=entry.tier,
        boundary=entry.boundary,
        unusable=f"the variable {lost[0].variable} is not set (needed by {lost[0].key})" if lost else None,
        limits=limits,
        rest={
            "weight": entry.weight,
            "order": entry.order,
            "max_parallel": entry.max_parallel,
            "defaults": entry.defaults,
            "extra_headers": entry.headers,
            "extra_body": entry.extra_body,
            "drop_params": entry.drop_params,
            "drop_refused": entry.drop_refused,
            "max_inputs": entry.max_inputs,
            "proxy": entry.proxy,
            "tls_verify": entry.tls_verify,
            "input_price": None if entry.price.input is None else entry.price.input / 1e6,
            "output_price": None if entry.price.output is None else entry.price.output / 1e6,
            "context_window": entry.context_window,
            "max_output_tokens": entry.max_output_tokens,
            "num_ctx": entry.num_ctx,
            "api_version": entry.api_version,
            "api": entry.api,
            "sampling": entry.sampling,
            "thinking": entry.thinking,
            "vision": entry.vision,
            "thoughts": entry.thoughts,
            "mode": entry.mode,
            "tags": entry.tags,
            "description": entry.description,
        },
    )


def _first(own: float | None, common: float | None) -> float | None:
    return common if own is None else own


def _check_headers(headers: dict[str, str], where: str, key: str) -> None:
    """ConfigError for the first header that cannot be sent."""
    for name, value in headers.items():
        if fault := header_fault(name, value):
            raise ConfigError(where, f"{key}.{name[:60]}", fault, "correct or remove the header")


def _models(data: NativeFile, root: Node, assembler: Assembler) -> tuple[ModelSettings, ...]:
    deployments = assembler.deployments
    by_name = {d.name: i for i, d in enumerate(deployments)}
    models: list[ModelSettings] = []
    taken: set[str] = set()
    for index, entry in enumerate(data.models):
        node = child(root, "models", index)
        where = node.where if node else ""
        key = f"models[{index}]"
        if not entry.name:
            continue
        for name in (entry.name, *entry.aliases):
            if name in taken:
                raise ConfigError(
                    where, key, f"the name {name[:60]!r} is used twice", "give each model its own"
                )
            taken.add(name)
        indexes = _members(entry, by_name, deployments, assembler.tiers, where, key)
        priority = entry.strategy == "priority"
        models.append(
            ModelSettings(
                name=entry.name,
                groups=tuple((i,) for i in indexes)
                if priority
                else grouped(indexes, deployments, assembler.tiers),
                strategy=entry.strategy,
                retries=entry.retries,
                fallbacks=entry.fallbacks,
                context_fallbacks=entry.context_fallbacks,
                hidden=entry.hidden,
                aliases=entry.aliases,
                description=entry.description,
                where=where,
            )
        )
    models += generated(taken, deployments, assembler.tiers)
    known = {n for m in models for n in (m.name, *m.aliases)}
    for model in models:
        for name in (*model.fallbacks, *model.context_fallbacks):
            if name not in known:
                raise ConfigError(
                    model.where,
                    f"models.{model.name}.fallbacks",
                    f"{name[:60]!r} is not a model",
                    nearest(name, known),
                )
    for name in data.default_fallbacks:
        if name not in known and isinstance(root, Mapping):
            raise ConfigError(
                root.key_where("default_fallbacks"),
                "default_fallbacks",
                f"{name[:60]!r} is not a model",
                nearest(name, known),
            )
    return tuple(models)


def _members(
    entry: NativeModel,
    by_name: dict[str, int],
    deployments: list[DeploymentSettings],
    tiers: tuple[TierSettings, ...],
    where: str,
    key: str,
) -> list[int]:
    talking = [i for i, d in enumerate(deployments) if d.mode in ("chat", "any")]
    if not entry.deployments:
        return talking
    chosen: dict[int, None] = {}
    tier_names = {t.name for t in tiers}
    for name in entry.deployments:
        if name in by_name:
            chosen[by_name[name]] = None
        elif name in tier_names:
            chosen.update((i, None) for i in talking if deployments[i].tier == name)
        else:
            raise ConfigError(
                where,
                f"{key}.deployments",
                f"{name[:60]!r} is neither a deployment nor a tier",
                nearest(name, [*by_name, *tier_names]),
            )
    return list(chosen)
