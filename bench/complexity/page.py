"""The page and the picture of one evaluation; every figure stems from the document."""

from pathlib import Path
from typing import Any


def page(document: dict[str, Any], picture: str) -> str:
    """Markdown."""
    data, splits = document["data"], document["splits"]
    worst = min(splits, key=lambda name: float(splits[name]["figures"]["learned"]["margin"]))
    row = splits[worst]["figures"]["learned"]
    lines = [
        f"Worst case first: on **{worst}** the learned scorer has APGR {row['apgr']:.3f} ± "
        f"{row['apgr_error']:.3f}, a margin of {row['margin']:+.3f} ± {row['margin_error']:.3f} over the "
        f"length of the prompt ({_verdict(row)}).",
        "",
        f"Data: {data['file']}, {data['samples']:,} different prompts of {data['subjects']} subjects. The "
        f"weak model is right on {data['weak']:.1%}, the strong one on {data['strong']:.1%}, one of both on "
        f"{data['oracle']:.1%}; only the strong one on {data['only_strong']:.1%}, only the weak one on "
        f"{data['only_weak']:.1%}.",
        f"Each prompt is scored by a file learned from other folds ({document['parameters']['folds']} folds, "
        f"{document['parameters']['rounds']} bootstrap rounds; by subject where subjects are held out).",
    ]
    for name, split in splits.items():
        lines += [
            "",
            f"### {name[0].upper()}{name[1:]}",
            "",
            "| router | APGR | CPT 50 % | CPT 80 % | APGR over length only |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for router, figures in split["figures"].items():
            cells = [
                f"{figures[key]:.3f} ± {figures[f'{key}_error']:.3f}" for key in ("apgr", "cpt50", "cpt80")
            ]
            margin = f"{figures['margin']:+.3f} ± {figures['margin_error']:.3f}"
            lines.append(f"| {router} | {' | '.join(cells)} | {margin if router != 'length only' else ''} |")
    lines += [
        "",
        f"![recovered gap by share of strong calls]({picture})",
        "",
        f"Training: {document['training_seconds']:.1f} s for one fold on one core; the file has "
        f"{document['file']['bytes']:,} bytes.",
        "",
        "| microseconds per score, called from Python | " + " | ".join(_sizes(document)) + " |",
        "| --- |" + " ---: |" * len(_sizes(document)),
    ]
    for scorer in ("learned", "heuristic"):
        cells = [f"{it['us']:.1f}" for it in document["times"] if it["scorer"] == scorer]
        lines.append(f"| {scorer} | {' | '.join(cells)} |")
    lines += [
        "",
        "APGR: area under the share of the quality gap that is recovered over the share of prompts sent to "
        "the strong model. CPT: the least share of strong calls that recovers half, or four fifths, of the "
        "gap. The best single model is the strong one for all: any mix of the two single models is the "
        "straight line, so it has APGR 0.5 and pays in proportion.",
        "",
        "What this does not show: one pair of models, both old; multiple-choice questions in English; one "
        "answer per model; no prices, no conversations, no tools; no split by time. Savings in money do not "
        "follow from it. The label and the penalty were settled on cross-validated figures of MMLU "
        "outcomes, so figures on those are a little flattering; another choice of folds moves the APGR of "
        "the learned scorer by about 0.01.",
        "",
    ]
    return "\n".join(lines)


def draw(document: dict[str, Any], path: Path) -> None:
    """One panel per split."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    splits = document["splits"]
    figure, axes = pyplot.subplots(1, len(splits), figsize=(6 * len(splits), 5), squeeze=False)
    for axis, (name, split) in zip(axes[0], splits.items(), strict=True):
        for router, values in split["curves"].items():
            steps = [at / (len(values) - 1) for at in range(len(values))]
            dashed = router in ("random", "best single (strong for all)")
            axis.plot(steps, values, label=router, linestyle="--" if dashed else "-", linewidth=1.4)
        axis.set_title(name)
        axis.set_xlabel("share of prompts sent to the strong model")
        axis.set_ylabel("share of the quality gap recovered")
        axis.set_ylim(0, 1.6)
        axis.grid(alpha=0.3)
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _verdict(row: dict[str, Any]) -> str:
    if row["margin"] > 1.645 * row["margin_error"]:
        return "better than length"
    if row["margin"] < -1.645 * row["margin_error"]:
        return "worse than length"
    return "not told from length"


def _sizes(document: dict[str, Any]) -> list[str]:
    return [f"{it['bytes']:,} B" for it in document["times"] if it["scorer"] == "learned"]
