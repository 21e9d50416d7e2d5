"""A declarative agent file: tiers with named models, rules by task, fallbacks by tier.

    tiers:
      local: {provider: ollama, endpoint: http://localhost:11434, models: {fast: qwen3:4b}}
      cloud: {provider: openai, models: {default: gpt-4o}}
    routing: {default_tier: local}
    fallback: {local_unavailable: cloud}

Clients ask for `auto`, `<tier>` or `<tier>/<name>`. A tier's own name means its model `default`,
else `general`, else the first; the others of the tier serve when that one cannot. `auto` is the
default tier, and goes where `fallback` says and nowhere else: a file that names no fallback has none.
"""

from collections.abc import Mapping as Environment
from typing import Any, cast

import msgspec

from hybridgw.config import units
from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.config.assemble import Assembler, Draft
from hybridgw.config.bind import Binder, Missing
from hybridgw.config.common import auth_unavailable, embedded, missing_problems
from hybridgw.config.errors import ConfigError
from hybridgw.config.limits import Written
from hybridgw.config.place import place_of
from hybridgw.config.providers import VENDORS
from hybridgw.config.schema import (
    BoundaryName,
    ModelSettings,
    Notice,
    Problem,
    Settings,
    Source,
    TierSettings,
    TimeoutSettings,
)
from hybridgw.config.tree import Mapping, Node, Scalar, Sequence

_LATER = "accepted, not acted on yet"
_STANDARD: dict[str, BoundaryName] = {"local": "device", "private": "organization", "cloud": "external"}
_TOP = ("tiers", "routing", "fallback", "hybridgw")
_TIER_KEYS = ("provider", "endpoint", "models", "health_check_interval", "api_key", "rate_limit_buffer")
_UNAVAILABLE = "_unavailable"


class _Tier(msgspec.Struct):
    """One tier as read."""

    name: str
    node: Mapping
    vendor: str
    endpoint: str | None
    api_key: str | None
    models: dict[str, str]
    interval: float | None
    missing: list[Missing]


class _Agent:
    def __init__(self, root: Mapping, file: str, environ: Environment[str, str]) -> None:
        self.root = root
        self.file = file
        self.environ = environ
        self.binder = Binder(environ)
        self.notices: list[Notice] = []

    def say(self, where: str, key: str, message: str, warning: bool = False) -> None:
        self.notices.append(
            Notice(level="warning" if warning else "info", where=where, key=key, message=message)
        )

    def mapping(self, node: Node | None, key: str) -> Mapping:
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return Mapping(self.file, 1, {}, {})
        if not isinstance(node, Mapping):
            raise ConfigError(node.where, key, "expected keys and values", "write `key: value` lines")
        return node

    def text(self, node: Mapping, name: str, key: str) -> str | None:
        """A text with variables expanded, None if absent or if its variable is missing."""
        child = node.items.get(name)
        if child is None or (isinstance(child, Scalar) and child.plain and child.value is None):
            return None
        if not isinstance(child, Scalar):
            raise ConfigError(child.where, f"{key}.{name}", "expected a text", "write a single value")
        # Text stands for itself, so that a model named 8 stays "8".
        value = self.binder.plain(Mapping(self.file, child.line, {name: _quoted(child)}, {}), key).get(name)
        return None if value is None else str(value)

    def tiers(self) -> list[_Tier]:
        node = self.mapping(self.root.items.get("tiers"), "tiers")
        return [self.tier(name, child) for name, child in node.items.items()]

    def tier(self, name: str, child: Node) -> _Tier:
        key = f"tiers.{name}"
        if not name or "/" in name or name == "auto":
            raise ConfigError(child.where, key, "cannot be a tier's name", "use another, without a slash")
        node = self.mapping(child, key)
        for known in node.items:
            if known not in _TIER_KEYS:
                self.say(node.key_where(known), f"{key}.{known}", "unknown key, ignored", True)
        if "rate_limit_buffer" in node.items:
            self.say(node.key_where("rate_limit_buffer"), f"{key}.rate_limit_buffer", _LATER)
        before = len(self.binder.missing)
        vendor = self.text(node, "provider", key)
        if vendor is None and len(self.binder.missing) == before:
            raise ConfigError(
                node.where, f"{key}.provider", "is missing", "add `provider: ollama` or another"
            )
        models_node = self.mapping(node.items.get("models"), f"{key}.models")
        models = {alias: self.text(models_node, alias, f"{key}.models") or "" for alias in models_node.items}
        return _Tier(
            name,
            node,
            vendor or "unknown",
            self.text(node, "endpoint", key),
            self.text(node, "api_key", key),
            models,
            self.interval(node, key),
            self.binder.missing[before:],
        )

    def interval(self, node: Mapping, key: str) -> float | None:
        child = node.items.get("health_check_interval")
        if not isinstance(child, Scalar):
            return None
        try:
            seconds = units.seconds(child.value)
        except ValueError:
            seconds = 0.0
        if seconds >= 0.001:
            return seconds
        self.say(child.where, f"{key}.health_check_interval", "is no duration above zero, ignored", True)
        return None


def _quoted(node: Scalar) -> Scalar:
    return Scalar(node.file, node.line, node.text, False)


def _tier_settings(
    tiers: list[_Tier], first: str | None, networks: BoundaryNetworks
) -> tuple[TierSettings, ...]:
    ordered = sorted(tiers, key=lambda t: t.name != first)
    return tuple(
        TierSettings(name=t.name, boundary=_STANDARD.get(t.name) or _boundary(t, networks), order=number)
        for number, t in enumerate(ordered)
    )


def _boundary(tier: _Tier, networks: BoundaryNetworks) -> BoundaryName:
    """Boundary of a tier whose name says nothing: that of its address."""
    vendor = VENDORS.get(tier.vendor)
    url = tier.endpoint or (vendor.base_url if vendor else None) or ""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    return place_of(host, networks).boundary if host else "external"


def _main_model(models: dict[str, str]) -> str:
    return next((name for name in ("default", "general") if name in models), next(iter(models), ""))


def load_agent(root: Node, file: str, environ: Environment[str, str]) -> Settings:
    """Settings of an agent file; ConfigError where it cannot be understood."""
    if not isinstance(root, Mapping):
        raise ConfigError(root.where, "", "expected keys and values", "write `tiers:` and its entries")
    agent = _Agent(root, file, environ)
    own = embedded(root, file, environ)
    for name in root.items:
        if name not in _TOP:
            agent.say(root.key_where(name), name, "unknown key, ignored", True)
    tiers = agent.tiers()
    first = _routing(agent, {t.name for t in tiers}) or (tiers[0].name if tiers else None)
    settings = _tier_settings(tiers, first, own.networks)
    assembler = Assembler(environ, own.networks, settings, strict=False)
    indexes = _deployments(tiers, own.common.timeouts, assembler)
    models = _models(tiers, indexes, _fallbacks(agent, {t.name for t in tiers}), first)
    intervals = [t.interval for t in tiers if t.interval is not None]
    common: dict[str, Any] = {
        f.name: getattr(own.common, f.name) for f in msgspec.structs.fields(type(own.common))
    }
    if intervals and "interval" not in own.given.get("health", ()):
        common["health"] = msgspec.structs.replace(own.common.health, interval=min(intervals))
    problems = [*missing_problems(own.missing), *assembler.problems]
    if not assembler.deployments:
        problems.append(Problem(where=file, key="tiers", message="no model: no request can be answered"))
    return Settings(
        source=Source(kind="agent", path=file, files=(file,)),
        auth_unavailable=auth_unavailable(own.missing, "hybridgw."),
        tiers=settings,
        deployments=tuple(assembler.deployments),
        models=tuple(models),
        notices=(*own.notices, *agent.notices, *assembler.notices),
        problems=tuple(problems),
        **common,
    )


def _deployments(
    tiers: list[_Tier], limits: TimeoutSettings, assembler: Assembler
) -> dict[str, dict[str, int]]:
    """tier -> alias -> index."""
    written = Written(
        connect=limits.connect,
        first_token=limits.first_token,
        idle=limits.idle,
        total=limits.total,
        load=limits.load,
    )
    result: dict[str, dict[str, int]] = {}
    for tier in tiers:
        for alias, model in tier.models.items():
            key = f"tiers.{tier.name}.models.{alias}"
            lost = [m for m in tier.missing if ".models." not in m.key or m.key == key]
            models = cast(Mapping, tier.node.items["models"])
            result.setdefault(tier.name, {})[alias] = assembler.add(
                Draft(
                    where=models.key_where(alias),
                    key=key,
                    vendor=tier.vendor,
                    model=model,
                    model_name=f"{tier.name}/{alias}",
                    name=f"{tier.name}/{alias}",
                    url=tier.endpoint,
                    api_key=tier.api_key,
                    tier=tier.name,
                    unusable=f"the variable {lost[0].variable} is not set (needed by {lost[0].key})"
                    if lost
                    else None,
                    limits=written,
                    rest={"probe_interval": tier.interval},
                )
            )
    return result


def _models(
    tiers: list[_Tier], indexes: dict[str, dict[str, int]], fallbacks: dict[str, str], first: str | None
) -> list[ModelSettings]:
    usable = {name for name, members in indexes.items() if members}
    models: list[ModelSettings] = []

    def after(tier: str) -> tuple[str, ...]:
        target = fallbacks.get(tier)
        return (target,) if target in usable and target is not None else ()

    for tier in tiers:
        members = indexes.get(tier.name, {})
        if not members:
            continue
        main = members[_main_model(tier.models)]
        others = tuple(i for i in members.values() if i != main)
        groups = ((main,), others) if others else ((main,),)
        if tier.name == first:
            models.insert(
                0,
                ModelSettings(
                    name="auto",
                    groups=groups,
                    strategy="priority",
                    fallbacks=after(tier.name),
                    description=f"tier {tier.name}, then its fallbacks",
                ),
            )
        models.append(
            ModelSettings(
                name=tier.name,
                groups=groups,
                strategy="priority",
                fallbacks=after(tier.name),
                description=f"tier {tier.name}",
            )
        )
        for alias, index in members.items():
            models.append(
                ModelSettings(name=f"{tier.name}/{alias}", groups=((index,),), fallbacks=after(tier.name))
            )
    return models


def _routing(agent: _Agent, tiers: set[str]) -> str | None:
    """The default tier; everything else in the section is named in the notices."""
    node = agent.mapping(agent.root.items.get("routing"), "routing")
    for name in node.items:
        if name == "escalation_threshold":
            agent.say(node.key_where(name), f"routing.{name}", _LATER)
        elif name not in ("default_tier", "rules"):
            agent.say(node.key_where(name), f"routing.{name}", "unknown key, ignored", True)
    rules = node.items.get("rules")
    for index, rule in enumerate(rules.items if isinstance(rules, Sequence) else ()):
        what = ", ".join(
            f"{k}: {v.text[:40]}"
            for k, v in agent.mapping(rule, f"routing.rules[{index}]").items.items()
            if isinstance(v, Scalar)
        )
        agent.say(rule.where, f"routing.rules[{index}]", f"the rule ({what}) is {_LATER}")
    tier = agent.text(node, "default_tier", "routing")
    if tier is not None and tier not in tiers:
        where = node.key_where("default_tier")
        agent.say(where, "routing.default_tier", f"{tier[:60]!r} is not a tier, ignored", True)
        return None
    return tier


def _fallbacks(agent: _Agent, tiers: set[str]) -> dict[str, str]:
    """tier -> the tier that serves when it cannot."""
    node = agent.mapping(agent.root.items.get("fallback"), "fallback")
    result: dict[str, str] = {}
    for name, child in node.items.items():
        key = f"fallback.{name}"
        target = agent.text(node, name, "fallback")
        tier = name.removesuffix(_UNAVAILABLE)
        if name == f"all{_UNAVAILABLE}":
            agent.say(child.where, key, f"{str(target)[:40]} is {_LATER}; the request fails with 503")
        elif tier == name or tier not in tiers:
            agent.say(node.key_where(name), key, "unknown key, ignored", True)
        elif target in tiers and target is not None:
            result[tier] = target
        elif target not in (None, "none", "error", "fail"):
            agent.say(child.where, key, f"{str(target)[:60]!r} is not a tier, ignored", True)
    return result
