"""What `hybridgw check` shows: one row per deployment and per pattern, then everything that needs saying.

The rows are data; the command prints them. Names are resolved by a function that is passed in, so
that a test needs no resolver; without one, nothing is said about addresses.
"""

import msgspec

from hybridgw.config.networks import (
    Advice,
    Classify,
    Resolver,
    advise,
    in_container,
    links,
    resolve,
    target_of,
)
from hybridgw.config.place import RANK, name_of, networks_of
from hybridgw.config.privacy import LOWERED, rules, scanner_of, undecided, unseen
from hybridgw.config.schema import (
    BoundaryName,
    DeploymentSettings,
    LevelName,
    Notice,
    PrivacySettings,
    Problem,
    Settings,
    SourceKind,
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment."""

    name: str
    models: tuple[str, ...]
    """Names by which clients reach it directly, generated ones left out."""
    tier: str
    boundary: BoundaryName
    """As declared."""
    sees: tuple[LevelName, ...]
    """Levels of content that may be sent there."""
    reached: BoundaryName | None
    """That of the farthest address the name resolves to; None if it does not, or was not looked up."""
    provider: str
    model: str
    address: str
    """host:port, or "" if none is known."""
    resolved: tuple[str, ...]
    usable: bool
    why: str
    """Why not usable, or what will be refused; "" when there is nothing to say."""
    advice: str
    """What to write where its network is the operator's own; "" where that is no question."""
    where: str


class PatternRow(msgspec.Struct, frozen=True, kw_only=True):
    """One pattern of `privacy.patterns` and what it costs each request and each process."""

    name: str
    level: LevelName
    steps_per_kb: int
    """Steps through a table for 1 KB of text, whatever the text."""
    memory: int
    """Bytes, per process."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one configuration."""

    kind: SourceKind
    path: str | None
    rows: tuple[Row, ...]
    patterns: tuple[PatternRow, ...]
    notices: tuple[Notice, ...]
    problems: tuple[Problem, ...]
    unseen: tuple[LevelName, ...]
    """Levels that no deployment may see: such requests are refused."""
    undecided: str
    """What there is to decide about it; "" where it was."""
    rules: int
    """Version of the scanner's rules."""
    lowered: str
    """What has counted as less since that version; "" if nothing."""
    locked: str | None
    """Why no key can be accepted, although one is configured."""


_SEES: dict[BoundaryName, tuple[LevelName, ...]] = {
    "device": ("public", "internal", "regulated"),
    "organization": ("public", "internal"),
    "external": ("public",),
}


def check(settings: Settings, resolver: Resolver | None, classify: Classify | None = None) -> Report:
    """The report. Calls the resolver once per deployment that has an address; `classify` judges what it
    says."""
    judge = classify or _by_networks(settings)
    asked: dict[int, list[str]] = {}
    for model in settings.models:
        for group in model.groups:
            for index in group:
                asked.setdefault(index, []).extend((model.name, *model.aliases))
    version = rules()
    return Report(
        kind=settings.source.kind,
        path=settings.source.path,
        rows=tuple(
            _row(deployment, tuple(dict.fromkeys(asked.get(index, ()))), settings, resolver, judge)
            for index, deployment in enumerate(settings.deployments)
        ),
        patterns=_patterns(settings.privacy),
        notices=settings.notices,
        problems=settings.problems,
        unseen=unseen(settings),
        undecided=undecided(settings),
        rules=version,
        lowered="; ".join(text for since, text in LOWERED.items() if since <= version),
        locked=settings.auth_unavailable,
    )


def _patterns(privacy: PrivacySettings) -> tuple[PatternRow, ...]:
    if not privacy.patterns:
        return ()
    return tuple(
        PatternRow(name=name, level=pattern.level, steps_per_kb=steps * 1024, memory=memory)
        for pattern, (name, memory, steps) in zip(privacy.patterns, scanner_of(privacy).costs(), strict=True)
    )


def _row(
    deployment: DeploymentSettings,
    models: tuple[str, ...],
    settings: Settings,
    resolver: Resolver | None,
    classify: Classify,
) -> Row:
    why = deployment.unusable or ""
    address = ""
    resolved: tuple[str, ...] = ()
    reached: BoundaryName | None = None
    advice: Advice | None = None
    # A mock has no address: nothing is sent for it.
    target = target_of(deployment.base_url) if deployment.mock is None else None
    if target is not None:
        address = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    if target is not None and resolver is not None and not deployment.unusable:
        resolved = resolve(target, resolver)
        judged = [classify(address) for address in resolved]
        if judged:
            farthest = max(judged, key=RANK.__getitem__)
            reached = farthest
        advice = advise(settings, deployment, resolved, classify, links(), in_container())
        if not resolved:
            why = f"{target.host} does not resolve"
        elif reached is not None and RANK[reached] > RANK[deployment.boundary]:
            why = f"its address is {reached}: requests limited to {deployment.boundary} are refused"
    return Row(
        name=deployment.name,
        models=models,
        tier=deployment.tier,
        boundary=deployment.boundary,
        sees=_SEES[deployment.boundary],
        reached=reached,
        provider=deployment.provider,
        model=deployment.model,
        address=address,
        resolved=resolved,
        usable=deployment.unusable is None,
        why=why,
        advice=str(advice) if advice else "",
        where=deployment.where,
    )


def _by_networks(settings: Settings) -> Classify:
    networks = networks_of(settings.boundaries)
    return lambda text: name_of(networks.classify(text))
