"""The figures that routers are compared by, from scores and outcomes."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]

GRID: Floats = np.linspace(0.0, 1.0, 1001)
"""Shares of strong calls."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Prompts that were held out together; scores of different weights have no common scale."""

    rows: Integers
    weak: Bools
    strong: Bools
    cluster: Integers
    """What is drawn together in a bootstrap: the prompt itself, or its subject."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean recovered gap per share of strong calls, over slices."""

    apgr: float
    cpt50: float
    cpt80: float


def recovered(scores: Floats, weak: Bools, strong: Bools) -> Floats | None:
    """Gap recovered after 0, 1, ... n strong calls, most needed first; equal scores share their gain.

    None where the strong model is not better.
    """
    gap = strong.astype(float) - weak.astype(float)
    if gap.sum() <= 0:
        return None
    _, tie, size = np.unique(-scores, return_inverse=True, return_counts=True)
    order = np.argsort(tie, kind="stable")
    mean = np.bincount(tie, weights=gap) / size
    return np.asarray(np.concatenate([[0.0], np.cumsum(mean[tie[order]])]) / gap.sum())


def mean_gain(scores: Floats, slices: list[Slice]) -> Floats:
    """Recovered gap at equal steps of the share of strong calls, mean over slices that have a gap.

    ValueError when none has.
    """
    lines = []
    for it in slices:
        gain = recovered(scores[it.rows], it.weak, it.strong)
        if gain is not None:
            lines.append(np.interp(GRID, np.linspace(0.0, 1.0, len(gain)), gain))
    if not lines:
        raise ValueError("the strong model is nowhere better than the weak one")
    return np.asarray(np.mean(lines, axis=0))


def mean_curve(scores: Floats, slices: list[Slice]) -> Curve:
    """APGR, and the least share of strong calls that recovers half and four fifths of the gap."""
    gain = mean_gain(scores, slices)
    return Curve(
        apgr=float((gain[1:] + gain[:-1]).mean() / 2),
        cpt50=float(GRID[np.argmax(gain >= 0.5)]),
        cpt80=float(GRID[np.argmax(gain >= 0.8)]),
    )


def resampled(slices: list[Slice], rng: np.random.Generator) -> list[Slice]:
    """The slices with their clusters drawn again, with replacement."""
    again = []
    for it in slices:
        names, place = np.unique(it.cluster, return_inverse=True)
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        pick = np.repeat(np.arange(len(it.rows)), times[place])
        again.append(Slice(it.rows[pick], it.weak[pick], it.strong[pick], it.cluster[pick]))
    return again


def table(routers: dict[str, Floats], slices: list[Slice], rounds: int, seed: int) -> dict[str, Any]:
    """Figures of each router, their bootstrap errors, and the paired margin over `length only`."""
    rng = np.random.default_rng(seed)
    # A resample of a few subjects can have next to no gap, and a ratio to it says nothing.
    whole = float(np.mean([np.mean(it.strong.astype(float) - it.weak) for it in slices]))
    draws: dict[str, list[Curve]] = {name: [] for name in routers}
    for _ in range(rounds):
        again = resampled(slices, rng)
        gaps = [float(np.mean(it.strong.astype(float) - it.weak)) for it in again]
        if min(gaps) < whole / 4:
            continue
        for name, scores in routers.items():
            draws[name].append(mean_curve(scores, again))
    rows = {}
    for name, scores in routers.items():
        value = mean_curve(scores, slices)
        row: dict[str, Any] = {}
        for figure in ("apgr", "cpt50", "cpt80"):
            spread = [getattr(it, figure) for it in draws[name]]
            row[figure] = round(getattr(value, figure), 4)
            row[f"{figure}_error"] = round(float(np.std(spread, ddof=1)), 4)
        pairs = zip(draws[name], draws["length only"], strict=True)
        margins = [one.apgr - other.apgr for one, other in pairs]
        row["margin"] = round(row["apgr"] - mean_curve(routers["length only"], slices).apgr, 4)
        row["margin_error"] = round(float(np.std(margins, ddof=1)), 4)
        rows[name] = row
    return rows


def picture(scores: Floats, slices: list[Slice]) -> list[float]:
    """Mean recovered gap at a hundred equal steps of the share of strong calls."""
    return [round(float(value), 4) for value in mean_gain(scores, slices)[:: len(GRID) // 100]]
