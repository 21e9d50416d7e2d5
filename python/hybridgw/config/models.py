"""The names that every configuration has without writing them: `auto`, `<tier>`, `<tier>/<name>`.

`auto` is the whole gateway behind one name: one group per tier, nearest tier first. A tier's name
stands for its chat deployments. These names are made last and never replace one that the file
defines itself.
"""

from collections.abc import Iterable, Sequence

import msgspec

from hybridgw.config.schema import DeploymentSettings, ModelSettings, StrategyName, TierSettings


def grouped(
    indexes: Iterable[int], deployments: Sequence[DeploymentSettings], tiers: Sequence[TierSettings]
) -> tuple[tuple[int, ...], ...]:
    """The indexes in groups: by tier, and inside a tier by `order`."""
    rank = {tier.name: number for number, tier in enumerate(tiers)}
    groups: dict[tuple[int, int], list[int]] = {}
    for index in indexes:
        deployment = deployments[index]
        groups.setdefault((rank.get(deployment.tier, len(rank)), deployment.order), []).append(index)
    return tuple(tuple(groups[key]) for key in sorted(groups))


_LATEST = ":latest"


def tagged(
    models: Sequence[ModelSettings], deployments: Sequence[DeploymentSettings]
) -> tuple[ModelSettings, ...]:
    """Models of Ollamas answer with and without `:latest`, as they do there, unless the name is taken."""
    taken = {name for it in models for name in (it.name, *it.aliases, *it.hidden_aliases)}
    told = []
    for model in models:
        members = [deployments[index] for group in model.groups for index in group]
        if "*" not in model.name and members and all(it.provider == "ollama" for it in members):
            names = [_other_tag(name) for name in (model.name, *model.aliases, *model.hidden_aliases)]
            more = tuple(dict.fromkeys(name for name in names if name and name not in taken))
            taken.update(more)
            if more:
                model = msgspec.structs.replace(model, hidden_aliases=(*model.hidden_aliases, *more))
        told.append(model)
    return tuple(told)


def _other_tag(name: str) -> str | None:
    """The name without the tag that goes without saying, or with it; None where another tag is said."""
    if name.endswith(_LATEST):
        return name.removesuffix(_LATEST)
    return None if ":" in name.rpartition("/")[2] else name + _LATEST


def generated(
    taken: Iterable[str],
    deployments: Sequence[DeploymentSettings],
    tiers: Sequence[TierSettings],
    strategy: StrategyName = "weighted",
    retries: int = 1,
) -> list[ModelSettings]:
    """`auto`, each tier, and each deployment under its own name, except names already taken."""
    used = set(taken)
    models: list[ModelSettings] = []

    def add(name: str, indexes: Iterable[int], description: str) -> None:
        groups = grouped(indexes, deployments, tiers)
        if name not in used and groups:
            used.add(name)
            models.append(
                ModelSettings(
                    name=name, groups=groups, strategy=strategy, retries=retries, description=description
                )
            )

    chat = [i for i, d in enumerate(deployments) if d.mode in ("chat", "any")]
    add("auto", chat, "the nearest tier that can answer")
    for tier in tiers:
        add(tier.name, [i for i in chat if deployments[i].tier == tier.name], f"tier {tier.name}")
    for index, deployment in enumerate(deployments):
        add(deployment.name, [index], deployment.description)
        if not deployment.name.startswith(f"{deployment.tier}/"):
            add(f"{deployment.tier}/{deployment.name}", [index], deployment.description)
    return models
