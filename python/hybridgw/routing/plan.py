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
from typing import Any

import msgspec
import orjson

from hybridgw.config.privacy import scan_config
from hybridgw.config.relays import bare_name
from hybridgw.config.schema import DeploymentSettings, Settings
from hybridgw.core import Boundary, Deployment, Route, Target, Timeouts
from hybridgw.native import Principal
from hybridgw.providers import CONVERSATIONS, Backend, Exchange, Provider, provider_named
from hybridgw.routing.wildcards import ChosenNames

# Members of a request body that belong to the gateway and never travel upstream. `hybridgw` is
# ours; the others are what clients of a LiteLLM Proxy put at the top level through `extra_body`.
OWNED_KEYS = (
    "hybridgw", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks",
    "disable_fallbacks", "num_retries", "max_retries", "timeout", "stream_timeout", "tags",
    "guardrails", "cache", "drop_params", "allowed_openai_params", "litellm_session_id",
    "litellm_trace_id", "litellm_call_id", "include_fallback_errors", "mock_response",
    "mock_timeout", "mock_testing_fallbacks", "mock_testing_context_fallbacks",
    "mock_testing_context_window_fallbacks", "mock_testing_content_policy_fallbacks",
    "mock_testing_rate_limit_error", "api_base", "base_url", "api_key", "api_version",
    "custom_llm_provider", "extra_headers",
)  # fmt: skip

_BOUNDARIES = {
    "device": Boundary.DEVICE,
    "organization": Boundary.ORGANIZATION,
    "external": Boundary.EXTERNAL,
}
_MODES = {
    "chat": CONVERSATIONS | {Route.COMPLETIONS},
    "completion": CONVERSATIONS | {Route.COMPLETIONS},
    "embedding": frozenset({Route.EMBEDDINGS, Route.OLLAMA_EMBED}),
}


class Upstream(msgspec.Struct, frozen=True):
    """A deployment with everything that one request to it needs, computed ahead."""

    deployment: Deployment
    exchanges: tuple[Exchange | None, ...]
    """By Route."""
    stream_timeouts: Timeouts
    whole_timeouts: Timeouts
    """For an answer that is not a stream: its first byte is its last, so `total` rules."""
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
    inline_images: bool
    """Whether remote images are fetched for it."""
    own_media: tuple[str, ...]
    """Beginnings of URLs that are not."""


class Plan:
    """One generation. Immutable once built."""

    __slots__ = (
        "generation", "key_digests", "listed", "native", "observing", "queues", "settings", "upstreams",
    )  # fmt: skip

    def __init__(self, settings: Settings, generation: int) -> None:
        self.settings = settings
        self.generation = generation
        names = _names(settings)
        self.upstreams = tuple(
            _upstream(index, entry, names) for index, entry in enumerate(settings.deployments)
        )
        self.native = orjson.dumps(_native(settings, self.upstreams, generation))
        self.observing = settings.privacy.mode == "observe"
        """Whether levels are only reported."""
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
    if settings.privacy.mode != "enforce" or not any("*" in it.model for it in settings.deployments):
        return None
    return ChosenNames(settings.privacy)


def _upstream(index: int, entry: DeploymentSettings, names: ChosenNames | None) -> Upstream:
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
    )
    times = entry.timeouts
    return Upstream(
        deployment=deployment,
        exchanges=tuple(
            provider.exchange(route, target.path, _query(entry)) if provider and route in routes else None
            for route in Route
        ),
        stream_timeouts=times,
        whole_timeouts=Timeouts(
            connect=times.connect,
            first_token=entry.answer_timeout,
            idle=entry.answer_timeout,
            total=entry.answer_timeout,
        ),
        response_headers=(
            (b"x-hybridgw-deployment", entry.name.encode("utf-8", "replace")),
            (b"x-hybridgw-tier", entry.tier.encode("utf-8", "replace")),
            (b"x-hybridgw-boundary", boundary.name.lower().encode()),
        ),
        backend=_backend(provider, entry),
        forwards=provider.forwards if provider else {},
        relays=_relays(provider, entry, boundary),
        names=names if "*" in entry.model and boundary > Boundary.DEVICE else None,
        secrets=_secrets(entry),
        inline_images=_inlines(provider, boundary),
        own_media=provider.own_media if provider else (),
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
    if provider is None or provider.inline_images != "inside":
        return bool(provider and provider.inline_images)
    return boundary < Boundary.EXTERNAL


def _key_header(provider: Provider | None, key: str) -> tuple[bytes, bytes]:
    name = provider.key_header if provider else "authorization"
    return name.encode(), (b"Bearer " if name == "authorization" else b"") + key.encode()


def _backend(provider: Provider | None, entry: DeploymentSettings) -> Backend:
    return Backend(
        max_output_tokens=entry.max_output_tokens,
        num_ctx=entry.num_ctx,
        sampling=entry.sampling,
        thinking=entry.thinking,
        vision=entry.vision,
        ask_usage=provider.ask_usage if provider else False,
        renames=provider.renames if provider else {},
        drops=(*(provider.drops if provider else ()), *entry.drop_params),
        defaults={name: value for name, value in entry.defaults.items() if name != "stream"},
        force=entry.extra_body,
        query=_query(entry),
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
        "owned_keys": OWNED_KEYS,
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
                "retries": model.retries,
                "hidden": model.hidden or name in model.hidden_aliases,
            }
            for model in settings.models
            for name in (model.name, *model.aliases, *model.hidden_aliases)
        ],
        "default_fallbacks": settings.default_fallbacks,
        "complexity": _complexity(settings),
        "privacy": {
            "mode": settings.privacy.mode,
            "unknown": settings.privacy.unknown,
            "scan": scan_config(settings.privacy),
        },
        "breaker": {
            "enabled": breaker.enabled,
            "consecutive": breaker.consecutive,
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
        "routes": [int(route) for route, exchange in zip(Route, upstream.exchanges, strict=True) if exchange],
        "defaults": {name: value for name, value in entry.defaults.items() if name != "stream"},
        "renames": provider.renames if provider else {},
        "drops": [*(provider.drops if provider else ()), *entry.drop_params],
        "force": entry.extra_body,
        "ask_usage": provider.ask_usage if provider else False,
        "splice": True,
        "input_price": entry.input_price,
        "output_price": entry.output_price,
        "context_window": entry.context_window,
        "unusable": entry.unusable,
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
