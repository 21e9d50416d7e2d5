"""A plan: one generation of the configuration, compiled for serving.

Settings are what a person wrote, a plan is what a request needs, computed once: the native plan as
JSON (who may answer, in which order, with which edits) and, beside it by the same index, what it
takes to talk to each deployment (address, headers, exchanges, limits). A request keeps the plan it
started with; a reload builds another one and swaps one reference.

Building a plan never fails because of one deployment: what cannot be used is marked `unusable`
with its reason, listed, and never tried.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
import orjson

from hybridgw.config.informed import informed
from hybridgw.config.privacy import scan_config, unknown_level
from hybridgw.config.relays import bare_name
from hybridgw.config.schema import DeploymentSettings, Settings
from hybridgw.core import Boundary, Deployment, Route, Target, Timeouts
from hybridgw.native import Principal
from hybridgw.providers import CONVERSATIONS, Backend, Exchange, Provider, provider_named
from hybridgw.providers.nested import Nested, nested
from hybridgw.providers.passing import parameters
from hybridgw.routing.owned import owned_keys, unheeded_keys
from hybridgw.routing.protocols import exchanges_of, may_lack_responses
from hybridgw.routing.wildcards import ChosenNames

_BOUNDARIES = {
    "device": Boundary.DEVICE,
    "organization": Boundary.ORGANIZATION,
    "external": Boundary.EXTERNAL,
}
_MODES = {
    "chat": CONVERSATIONS | {Route.COMPLETIONS},
    "completion": CONVERSATIONS | {Route.COMPLETIONS},
    "embedding": frozenset({Route.EMBEDDINGS, Route.OLLAMA_EMBED}),
    "any": CONVERSATIONS | {Route.COMPLETIONS, Route.EMBEDDINGS, Route.OLLAMA_EMBED},
}


class Upstream(msgspec.Struct, frozen=True):
    """A deployment with everything that one request to it needs, computed ahead."""

    deployment: Deployment
    exchanges: tuple[Exchange | None, ...]
    """By Route."""
    stream_timeouts: Timeouts
    whole_timeouts: Timeouts
    """For an answer that is not a stream."""
    response_headers: tuple[tuple[bytes, bytes], ...]
    """Which deployment answered, for the client."""
    backend: Backend
    """What a translation has to know of it."""
    forwards: Mapping[bytes, bytes | None]
    """Client headers that it is to see, with the value used when the client sent none."""
    relays: Callable[[str], bool] | None
    """Whether a name that a client may choose takes the request further than the boundary says."""
    names: ChosenNames | None
    """Judges such names, where they may tell somebody what he must not know."""
    secrets: tuple[str, ...]
    """Never to appear in what a client reads."""
    window: int | None
    """Tokens that it takes, prompt and answer."""
    window_setting: str
    """What makes that more, for people; empty where nothing does."""
    inline_images: bool
    """Whether remote images are fetched for it."""
    own_media: tuple[str, ...]
    """Beginnings of URLs that are not."""
    max_inputs: int
    """Inputs of one request for embeddings that it takes; 0: any number, as far as is known."""
    drop_refused: bool
    """Whether parameters of the client's are left out once the backend has refused them by name."""
    nested: Nested = Nested()
    """What becomes of members inside of others that it may not take."""
    thinking: Exchange | None = None
    """For models that clients choose by name: how one that thinks is asked by other dialects."""
    may_lack_responses: bool = False
    """It is asked by Responses because its provider has that, but nobody knows whether this server does."""


class Plan:
    """One generation. Immutable once built."""

    __slots__ = (
        "generation", "key_digests", "listed", "litellm", "native", "observing", "queues", "settings",
        "upstreams",
    )  # fmt: skip

    def __init__(self, settings: Settings, generation: int) -> None:
        settings = informed(settings)
        self.settings = settings
        self.generation = generation
        names = _names(settings)
        self.upstreams = tuple(
            _upstream(index, entry, names, settings) for index, entry in enumerate(settings.deployments)
        )
        self.native = orjson.dumps(_native(settings, self.upstreams, generation))
        self.observing = settings.privacy.mode == "observe"
        """Whether levels are only reported."""
        self.litellm = settings.source.kind == "litellm"
        """Whether clients expect a LiteLLM Proxy, and read its headers."""
        self.listed = _listed(settings)
        self.queues = _queues(settings)
        self.key_digests = _principals(settings)

    def principal(self, key: bytes) -> Principal | None:
        """Who presents this key, or None. Looks up a digest, so timing tells nothing of a key."""
        digest = hashlib.sha256(key).digest()
        found = self.key_digests.get(digest)
        if found is None or not hmac.compare_digest(found[0], digest):
            return None
        return found[1]


ANONYMOUS = Principal("anonymous", 0, int(Boundary.EXTERNAL))
"""Whoever calls a gateway that has no master key (and so listens to this machine only)."""


def _principals(settings: Settings) -> dict[bytes, tuple[bytes, Principal]]:
    key = settings.auth.master_key
    if not key:
        return {}
    digest = hashlib.sha256(key.encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    return {digest: (digest, Principal("master", number, int(Boundary.EXTERNAL)))}


def _names(settings: Settings) -> ChosenNames | None:
    """None where nobody is told of a name that a client chose, or nothing is enforced."""
    if settings.privacy.mode == "observe" or not any("*" in it.model for it in settings.deployments):
        return None
    return ChosenNames(settings.privacy)


def _upstream(
    index: int, entry: DeploymentSettings, names: ChosenNames | None, settings: Settings
) -> Upstream:
    provider = provider_named(entry.provider)
    try:
        target = Target.parse(entry.base_url)
    except ValueError:
        target = Target("http", "unresolved.invalid", 80, "")
    headers = list(provider.headers) if provider else []
    if entry.api_key:
        headers.append(_key_header(provider, entry.api_key))
    own = {
        name.lower().encode("latin-1"): value.encode("latin-1") for name, value in entry.extra_headers.items()
    }
    merged = [(name, value) for name, value in headers if name not in own] + list(own.items())
    routes = _routes(provider, entry)
    boundary = _BOUNDARIES[entry.boundary]
    deployment = Deployment(
        index=index,
        id=entry.identity,
        name=entry.name,
        provider=entry.provider,
        model=entry.model,
        tier=entry.tier,
        boundary=boundary,
        target=target,
        headers=tuple(merged),
        proxy=entry.proxy,
        tls_verify=entry.tls_verify,
        timeouts=entry.timeouts,
        mock=entry.mock,
    )
    exchanges, thinking = exchanges_of(provider, entry, target, routes, _query(entry))
    return Upstream(
        deployment=deployment,
        exchanges=exchanges,
        stream_timeouts=entry.timeouts,
        whole_timeouts=entry.answer_timeouts,
        response_headers=(
            (b"x-hybridgw-deployment", entry.name.encode("utf-8", "replace")),
            (b"x-hybridgw-tier", entry.tier.encode("utf-8", "replace")),
            (b"x-hybridgw-boundary", boundary.name.lower().encode()),
            *(_litellm_headers(entry) if settings.source.kind == "litellm" else ()),
        ),
        backend=_backend(provider, entry, boundary),
        forwards=provider.forwards if provider else {},
        relays=_relays(provider, entry, boundary),
        names=names if "*" in entry.model and boundary > Boundary.DEVICE else None,
        secrets=_secrets(entry),
        window=entry.context_window,
        window_setting=provider.window_setting if provider else "",
        inline_images=_inlines(provider, boundary),
        own_media=provider.own_media if provider else (),
        max_inputs=entry.max_inputs or (provider.max_inputs if provider else 0),
        drop_refused=settings.translation.drop_refused if entry.drop_refused is None else entry.drop_refused,
        nested=nested(
            entry.provider, _holds(provider.templated if provider else False, boundary), entry.thoughts
        ),
        thinking=thinking,
        may_lack_responses=may_lack_responses(provider, entry, target),
    )


def _header_text(text: str) -> bytes:
    return "".join(c if " " <= c <= "~" else "?" for c in text[:200]).encode()


def _litellm_headers(entry: DeploymentSettings) -> tuple[tuple[bytes, bytes], ...]:
    """What clients of a LiteLLM Proxy read of a deployment."""
    return (
        (b"x-litellm-model-id", _header_text(entry.id or entry.identity)),
        (b"x-litellm-timeout", b"%g" % entry.answer_timeouts.first_token),
    )


def _relays(
    provider: Provider | None, entry: DeploymentSettings, boundary: Boundary
) -> Callable[[str], bool] | None:
    if provider is None or "*" not in entry.model or boundary == Boundary.EXTERNAL:
        return None
    tells = provider.relays
    relayed = frozenset(entry.relayed)
    return None if tells is None else lambda name: tells(name) or bare_name(name) in relayed


def _inlines(provider: Provider | None, boundary: Boundary) -> bool:
    return _holds(provider.inline_images if provider else False, boundary)


def _holds(trait: bool | Literal["inside"], boundary: Boundary) -> bool:
    """Whether a deployment has a trait that some backends have only inside the network."""
    return boundary < Boundary.EXTERNAL if trait == "inside" else trait


def _key_header(provider: Provider | None, key: str) -> tuple[bytes, bytes]:
    name = provider.key_header if provider else "authorization"
    return name.encode(), (b"Bearer " if name == "authorization" else b"") + key.encode()


def _backend(provider: Provider | None, entry: DeploymentSettings, boundary: Boundary) -> Backend:
    return Backend(
        max_output_tokens=entry.max_output_tokens,
        num_ctx=entry.num_ctx,
        sampling=entry.sampling,
        thinking=entry.thinking,
        thinking_words=entry.thinking_words,
        vision=entry.vision,
        ask_usage=provider.ask_usage if provider else False,
        renames=provider.renames if provider else {},
        drops=(*(provider.drops if provider else ()), *entry.drop_params),
        defaults={name: value for name, value in entry.defaults.items() if name != "stream"},
        force=entry.extra_body,
        query=_query(entry),
        templated=_holds(provider.templated if provider else False, boundary),
        thoughts=entry.thoughts,
    )


def _query(entry: DeploymentSettings) -> str:
    return f"?api-version={entry.api_version}" if entry.api_version else ""


def _secrets(entry: DeploymentSettings) -> tuple[str, ...]:
    """The key, and whatever else is sent in headers, with and without a scheme before it: any of them
    may be a credential, and none is needed to understand an error."""
    values = [value for value in (entry.api_key, *entry.extra_headers.values()) if value]
    return tuple(dict.fromkeys([*values, *(value.rpartition(" ")[2] for value in values)]))


def _routes(provider: Provider | None, entry: DeploymentSettings) -> frozenset[Route]:
    return provider.served() & _MODES[entry.mode] if provider else frozenset()


def _queues(settings: Settings) -> dict[int, int]:
    """Deployments for which requests wait when they are full, with how many each bears at once."""
    rooms = {}
    for index, entry in enumerate(settings.deployments):
        provider = provider_named(entry.provider)
        if provider is not None and provider.queue and (most := _most(entry, provider)):
            rooms[index] = most
    return rooms


def _most(entry: DeploymentSettings, provider: Provider | None) -> int:
    """Requests at once; 0 = any number."""
    return entry.max_parallel or (provider.max_parallel if provider else 0)


def _native(settings: Settings, upstreams: tuple[Upstream, ...], generation: int) -> dict[str, Any]:
    breaker, retry = settings.breaker, settings.retry
    return {
        "generation": generation,
        "owned_keys": sorted(owned_keys(settings)),
        "unheeded_keys": sorted(unheeded_keys(settings)),
        "tiers": [tier.name for tier in settings.tiers],
        "deployments": [
            _native_deployment(entry, upstream)
            for entry, upstream in zip(settings.deployments, upstreams, strict=True)
        ],
        "models": [
            {
                "name": name,
                "strategy": model.strategy,
                "groups": model.groups,
                "fallbacks": model.fallbacks,
                "context_fallbacks": model.context_fallbacks,
                # A model that only another gateway could serve is not silently another vendor's.
                "default_fallbacks": not all(
                    settings.deployments[index].lacking for group in model.groups for index in group
                ),
                "retries": model.retries,
                "retries_by": {"throttled": model.retries_throttled, "failed": model.retries_failed},
                "hidden": model.hidden or name in model.hidden_aliases,
            }
            for model in settings.models
            for name in (model.name, *model.aliases, *model.hidden_aliases)
        ],
        "default_fallbacks": settings.default_fallbacks,
        "complexity": _complexity(settings),
        "privacy": {
            "mode": settings.privacy.mode or "enforce",
            "unknown": unknown_level(settings),
            "trusted_prompts": settings.privacy.trusted_prompts,
            "scan": scan_config(settings.privacy),
        },
        "breaker": {
            "enabled": breaker.enabled,
            "consecutive": breaker.consecutive,
            "consecutive_timeouts": breaker.consecutive_timeouts,
            "window_ms": _ms(breaker.window),
            "window_min": breaker.window_min,
            "window_percent": breaker.window_percent,
            "open_ms": _ms(breaker.open),
            "open_max_ms": _ms(breaker.open_max),
            "lease_ms": _ms(breaker.lease),
            "ramp_ms": _ms(breaker.ramp),
            "throttle_ms": _ms(breaker.throttle),
            "credential_ms": _ms(breaker.credential),
            "credit_ms": _ms(breaker.credit),
        },
        "retry": {
            "max_attempts": retry.max_attempts,
            "budget_percent": retry.budget_percent,
            "budget_min": retry.budget_min,
            "backoff_ms": _ms(retry.backoff),
            "backoff_max_ms": _ms(retry.backoff_max),
        },
    }


def _number(*parts: str) -> int:
    """The same number for the same texts."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def _native_deployment(entry: DeploymentSettings, upstream: Upstream) -> dict[str, Any]:
    provider = provider_named(entry.provider)
    return {
        "id": entry.identity,
        "name": entry.name,
        "model": entry.model,
        "tier": entry.tier,
        "boundary": int(upstream.deployment.boundary),
        "weight": entry.weight,
        "order": entry.order,
        "max_parallel": _most(entry, provider),
        "credential": _number(entry.base_url, *_secrets(entry)) if _secrets(entry) else 0,
        # One process on this machine; behind an organization's address there may be many.
        "engine": _number(upstream.deployment.target.authority) if entry.boundary == "device" else 0,
        # What nobody here can serve might be meant for any route: its reason is told on all of them.
        "routes": [
            int(route)
            for route, exchange in zip(Route, upstream.exchanges, strict=True)
            if exchange or entry.lacking
        ],
        "parameters": _parameters(entry, upstream),
        "unknown": _by_route(provider.unknown, upstream) if provider else {},
        "convert": _by_route(provider.convert, upstream) if provider else {},
        "user_metadata": provider.user_metadata if provider else False,
        "ask_usage": provider.ask_usage if provider else False,
        "splice": True,
        "input_price": entry.input_price,
        "output_price": entry.output_price,
        "context_window": entry.context_window,
        "unusable": entry.unusable,
    }


def _parameters(entry: DeploymentSettings, upstream: Upstream) -> dict[str, Any]:
    """By route, where bytes pass through: a translation has the rules from its `Backend`."""
    made = {
        route: parameters(route, upstream.backend, entry.model)
        for route, exchange in zip(Route, upstream.exchanges, strict=True)
        if exchange is not None and exchange.outbound is None
    }
    return {str(int(route)): msgspec.to_builtins(rules) for route, rules in made.items() if rules is not None}


def _by_route(names: Mapping[Route, tuple[str, ...]], upstream: Upstream) -> dict[str, tuple[str, ...]]:
    """Only where bytes pass through: a translation tells itself what it leaves out."""
    passed = {route: upstream.exchanges[route] for route in names}
    return {
        str(int(route)): names[route]
        for route, exchange in passed.items()
        if exchange is not None and exchange.outbound is None
    }


def _complexity(settings: Settings) -> dict[str, Any] | None:
    """Where requests start by class; None when no class starts anywhere else."""
    complexity = settings.complexity
    starts = {name: tier for name, tier in msgspec.structs.asdict(complexity.starts).items() if tier}
    if not starts:
        return None
    return {
        "models": complexity.models,
        "starts": starts,
        "simple": complexity.simple,
        "moderate": complexity.moderate,
    }


def _listed(settings: Settings) -> tuple[tuple[str, int | None], ...]:
    """The models that clients may list, with the smallest context window behind each."""
    listed: list[tuple[str, int | None]] = []
    for model in settings.models:
        if model.hidden:
            continue
        windows = [settings.deployments[index].context_window for group in model.groups for index in group]
        known = [window for window in windows if window]
        window = min(known) if known and len(known) == len(windows) else None
        listed.extend((name, window) for name in (model.name, *model.aliases) if "*" not in name)
    return tuple(listed)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000)) if seconds > 0 else 0
