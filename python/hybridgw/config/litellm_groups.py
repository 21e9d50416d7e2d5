"""What a LiteLLM file says about whole groups: strategy, retries, fallbacks, aliases.

Fallbacks come in four spellings (list of maps, map, plain list, text) and two places; router_settings
wins over litellm_settings. Self references and cycles are legal and load: a request tries each
deployment once whatever the graph looks like. A target that no model has is left out with a warning.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from hybridgw.config.litellm_keys import (
    ALLOWED_FAILS,
    NEVER_COUNTED,
    NEVER_RETRIED,
    RETRIED,
    RETRY_POLICY,
    STRATEGIES,
)
from hybridgw.config.litellm_read import Reader, Values
from hybridgw.config.schema import ModelSettings, StrategyName
from hybridgw.config.tree import Mapping as MappingNode

Names = tuple[str, ...]


_MOST_RETRIES = 15


class Groups(msgspec.Struct):
    """Settings by group name."""

    strategy: StrategyName = "weighted"
    fallbacks: dict[str, Names] = {}
    context_fallbacks: dict[str, Names] = {}
    default_fallbacks: Names = ()
    timeouts: dict[str, float] = {}
    retries: dict[str, int] = {}
    policies: dict[str, "RetryPolicy"] = {}
    """The same by kind of failure."""
    aliases: dict[str, tuple[str, bool]] = {}
    """alias -> (group, hidden)"""

    def aliases_of(self, groups: Iterable[str], reader: Reader) -> dict[str, tuple[Names, Names]]:
        """group -> (shown aliases, hidden aliases), for groups that exist."""
        known = set(groups)
        result: dict[str, tuple[Names, Names]] = {}
        for alias, (target, hidden) in self.aliases.items():
            key = f"model_group_alias.{alias}"
            if alias in known:
                reader.say("", key, "is also a model of its own, which wins", True)
            elif target not in known:
                reader.say("", key, f"{target[:60]!r} is not a model, left out", True)
            else:
                shown, concealed = result.get(target, ((), ()))
                result[target] = (shown, (*concealed, alias)) if hidden else ((*shown, alias), concealed)
        return result

    def resolve(self, names: Names, models: Iterable[ModelSettings], reader: Reader, key: str) -> Names:
        """The names that some model answers to; the rest is left out with a warning."""
        kept = []
        known = list(models)
        for name in names:
            if any(_answers(model, name) for model in known):
                kept.append(name)
            else:
                reader.say("", key, f"{name[:60]!r} is not a model, left out", True)
        return tuple(kept)


def _answers(model: ModelSettings, name: str) -> bool:
    if name in (model.name, *model.aliases, *model.hidden_aliases):
        return True
    return model.name.endswith("*") and name.startswith(model.name[:-1])


def read_groups(litellm: Values, router: Values, reader: Reader) -> Groups:
    """Everything that the two sections say about groups."""
    groups = Groups(strategy=_strategy(router, reader))
    defaults: Names = ()
    for section in (router, litellm):
        for name in ("fallbacks", "fallback_models"):
            table, general = _targets(section, name, reader)
            defaults = _joined(defaults, general)
            for group, targets in table.items():
                groups.fallbacks.setdefault(group, targets)
        table, _ = _targets(section, "context_window_fallbacks", reader)
        for group, targets in table.items():
            groups.context_fallbacks.setdefault(group, targets)
        value = section.get("default_fallbacks")
        if value is not None:
            defaults = _joined(
                defaults,
                reader.names(value, section.where("default_fallbacks"), f"{section.key}.default_fallbacks"),
            )
    groups.default_fallbacks = defaults
    _read_policy(router, reader, groups)
    _read_aliases(router, "model_group_alias", reader, groups)
    _read_aliases(litellm, "model_alias_map", reader, groups)
    return groups


def _joined(first: Names, second: Names) -> Names:
    return tuple(dict.fromkeys((*first, *second)))


def _strategy(router: Values, reader: Reader) -> StrategyName:
    text = reader.text(router, "routing_strategy")
    if text is None:
        return "weighted"
    strategy = STRATEGIES.get(text)
    if strategy is None:
        where = router.where("routing_strategy")
        reader.say(
            where, "router_settings.routing_strategy", f"{text[:60]!r} is not known, weighted is used", True
        )
        return "weighted"
    return cast(StrategyName, strategy)


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often an attempt is repeated, by how it ended; None: nothing said."""

    count: int | None = None
    throttled: int | None = None
    failed: int | None = None


class FailPolicy(msgspec.Struct, frozen=True):
    """How many failures in a row are borne, by how the last of them ended; None: nothing said."""

    failed: int | None = None
    timed_out: int | None = None


def read_retries(router: Values, reader: Reader) -> RetryPolicy:
    """`retry_policy`: a count for each kind of failure that is repeated here at all."""
    policy = _policy(router, "retry_policy")
    return RetryPolicy() if policy is None else _retries(policy, reader)


def _retries(policy: Values, reader: Reader) -> RetryPolicy:
    for kind, why in NEVER_RETRIED.items():
        if policy.get(kind):
            reader.say(policy.where(kind), f"{policy.key}.{kind}", f"ignored: {why}")
    return RetryPolicy(
        count=reader.integer(policy, "DefaultRetries", 0, _MOST_RETRIES),
        throttled=reader.integer(policy, "RateLimitErrorRetries", 0, _MOST_RETRIES),
        failed=_most(policy, RETRIED, reader, _MOST_RETRIES),
    )


def read_allowed_fails(router: Values, reader: Reader) -> FailPolicy:
    """`allowed_fails_policy`: the same for failures that say something about a deployment."""
    policy = _policy(router, "allowed_fails_policy")
    if policy is None:
        return FailPolicy()
    for kind, why in NEVER_COUNTED.items():
        if policy.get(kind) is not None:
            reader.say(policy.where(kind), f"{policy.key}.{kind}", f"ignored: {why}")
    return FailPolicy(
        failed=_most(policy, ALLOWED_FAILS, reader, 1000),
        timed_out=reader.integer(policy, "TimeoutErrorAllowedFails", 0, 1000),
    )


def _policy(router: Values, name: str) -> Values | None:
    value = router.get(name)
    if not isinstance(value, Mapping):
        return None
    node = router.node.items[name] if isinstance(router.node, MappingNode) else None
    return Values(node, f"router_settings.{name}", dict(value))


def _most(policy: Values, kinds: tuple[str, ...], reader: Reader, high: int) -> int | None:
    """The largest count of several names for what is one kind here."""
    found = [count for kind in kinds if (count := reader.integer(policy, kind, 0, high)) is not None]
    return max(found, default=None)


def _read_policy(router: Values, reader: Reader, groups: Groups) -> None:
    policies = router.get("model_group_retry_policy")
    if not isinstance(policies, Mapping):
        return
    node = router.node.items["model_group_retry_policy"] if isinstance(router.node, MappingNode) else None
    for group, data in policies.items():
        child = node.items.get(group) if isinstance(node, MappingNode) else None
        if not isinstance(data, dict) or not isinstance(child, MappingNode):
            continue
        key = f"router_settings.model_group_retry_policy.{group}"
        for name in child.items:
            reader.fate(child, "router_settings.model_group_retry_policy", name, RETRY_POLICY)
        policy = Values(child, key, data)
        timeout = reader.seconds(policy, "timeout_seconds")
        if timeout is not None:
            groups.timeouts[group] = timeout
        by_kind = _retries(policy, reader)
        retries = reader.integer(policy, "num_retries", 0, _MOST_RETRIES)
        if retries is None:
            retries = by_kind.count
        if retries is not None:
            groups.retries[group] = retries
        groups.policies[group] = by_kind
        if policy.get("fallbacks") is not None:
            names = reader.names(policy.get("fallbacks"), policy.where("fallbacks"), f"{key}.fallbacks")
            groups.fallbacks[group] = _joined(names, groups.fallbacks.get(group, ()))


def _targets(section: Values, name: str, reader: Reader) -> tuple[dict[str, Names], Names]:
    """Targets by group, and the targets for every group."""
    value: Any = section.get(name)
    where, key = section.where(name), f"{section.key}.{name}"
    table: dict[str, Names] = {}
    general: Names = ()
    if value is None:
        return table, general
    loose: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            for group, targets in item.items():
                names = reader.names(targets, where, f"{key}.{group}")
                table[group] = _joined(table.get(group, ()), names)
        elif isinstance(item, str):
            loose.append(item)
        else:
            reader.say(where, key, "holds something that is no model name, ignored", True)
    if loose:
        general = tuple(dict.fromkeys(loose))
        if name != "fallback_models":
            reader.say(where, key, "holds bare names; read as default_fallbacks", True)
    general = _joined(general, table.pop("*", ()))
    return table, general


def _read_aliases(section: Values, name: str, reader: Reader, groups: Groups) -> None:
    value = section.get(name)
    for alias, target in value.items() if isinstance(value, dict) else ():
        hidden = isinstance(target, dict) and target.get("hidden") is True
        group = target.get("model") if isinstance(target, dict) else target
        if isinstance(group, str):
            groups.aliases.setdefault(alias, (group, hidden))
        else:
            reader.say(section.where(name), f"{section.key}.{name}.{alias}", "names no model, ignored", True)
