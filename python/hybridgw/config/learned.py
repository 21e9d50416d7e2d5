"""The complexity section: tiers that exist, and a learned file that may be used.

A learned scorer decides where money is spent, so loading one asks for proof: it must beat the
prompt's mere length on the part of its outcomes that it was not trained on, which the file itself
records. `force` waives that and nothing else: a file of another version, or a damaged one, is
refused in any case.
"""

from pathlib import Path

import msgspec

from hybridgw.config.errors import ConfigError
from hybridgw.config.schema import Settings
from hybridgw.config.tree import Node

_LARGEST = 4 * 1024 * 1024


def with_learned(settings: Settings, node: Node | None, file: str) -> Settings:
    """The settings with the learned file read and checked; ConfigError names what is wrong."""
    complexity = settings.complexity
    where = node.where if node is not None else file
    known = [tier.name for tier in settings.tiers]
    for name in ("simple", "moderate", "complex"):
        tier = getattr(complexity.starts, name)
        if tier is not None and tier not in known:
            fix = f"use one of {', '.join(known)}"
            raise ConfigError(where, f"complexity.starts.{name}", f"there is no tier {tier[:60]!r}", fix)
    if complexity.simple + complexity.moderate > 1:
        raise ConfigError(
            where, "complexity", "the shares of simple and moderate exceed 1", "the rest is complex"
        )
    if complexity.learned is None:
        return settings
    from hybridgw.native import ComplexityScorer

    path = Path(file).parent / complexity.learned
    try:
        with path.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
    except OSError as error:
        fix = "make it with `hybridgw learn`, or remove the key"
        raise ConfigError(where, "complexity.learned", f"cannot be read: {error.strerror}", fix) from None
    try:
        ComplexityScorer(content, complexity.force)
    except ValueError as error:
        message, _, fix = str(error).rpartition("; ")
        raise ConfigError(where, "complexity.learned", message or str(error), fix or "learn anew") from None
    source = msgspec.structs.replace(settings.source, files=(*settings.source.files, str(path)))
    return msgspec.structs.replace(settings, learned=content, source=source)
