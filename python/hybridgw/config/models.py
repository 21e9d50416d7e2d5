"""The names that every configuration has without writing them: `auto`, `<tier>`, `<tier>/<name>`.

`auto` is the whole gateway behind one name: one group per tier, nearest tier first. A tier's name
stands for its chat deployments. These names are made last and never replace one that the file
defines itself.
"""

from collections.abc import Iterable, Sequence

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
