"""Pages from results: Markdown and pictures, made from the JSON by this script and by nothing else.

Nobody types a figure into a page. `python -m bench.report` renders the newest result of each kind and
machine into `results/README.md` and one picture per comparison.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from bench.machine import RESULTS

PAGE = "README.md"

_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("cpu_request_us", "CPU per request, us", "{:.1f}"),
    ("per_second_request", "requests/s", "{:,.0f}"),
    ("cpu_stream_us", "CPU per stream, us", "{:,.0f}"),
    ("cpu_burst_us", "CPU per burst, us", "{:,.0f}"),
    ("cpu_translated_us", "CPU per translated stream, us", "{:,.0f}"),
    ("p50_us", "p50 c=1, us", "{:,.0f}"),
    ("p99_us", "p99 c=1, us", "{:,.0f}"),
    ("added_p99_us", "added p99, us", "{:,.0f}"),
    ("ttft_p50_ms", "first token p50, ms", "{:.2f}"),
    ("gap_p99_ms", "gap p99, ms", "{:.2f}"),
    ("idle_mb", "idle, MB", "{:,.0f}"),
    ("loaded_mb", "loaded, MB", "{:,.0f}"),
    ("cold_start_s", "cold start, s", "{:.2f}"),
)


def compare_page(document: dict[str, Any]) -> str:
    """Tables of one comparison."""
    parameters = document["parameters"]
    lines = [
        f"Non-stream: {parameters['connections']} connections, 1,150-byte chat body, 425-byte answer. "
        f"Streams: {parameters['streams']} at once, {parameters['events']} events "
        f"{parameters['gap_ms']:g} ms apart; burst: the same events at once. "
        f"c=1: median of {parameters['latency_rounds']} alternating rounds. "
        f"Load by {parameters['hammer']}; CPU is user and system time of all processes of the gateway.",
        "",
        "| gateway | " + " | ".join(title for _, title, _ in _COLUMNS) + " |",
        "| --- |" + " ---: |" * len(_COLUMNS),
    ]
    for name, figures in document["figures"].items():
        cells = [_cell(figures.get(key), form) for key, _, form in _COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "| target | limit | measured | met |", "| --- | ---: | ---: | --- |"]
    for row in document["targets"]:
        sign = "at most" if row["at_most"] else "at least"
        met = {True: "yes", False: "**no**", None: "not measured"}[row["met"]]
        lines.append(
            f"| {row['name']} | {sign} {row['limit']:g} {row['unit']} | "
            f"{_cell(row['value'], '{:g}')} {row['unit'] if row['value'] is not None else ''} | {met} |"
        )
    fronts = document.get("fronts") or {}
    if fronts:
        lines += [
            "",
            "| a server that does nothing | CPU per request, us | requests/s | p50 c=1, us | p99 c=1, us |",
        ]
        lines.append("| --- |" + " ---: |" * 4)
        for name, seen in fronts.items():
            lines.append(
                f"| {name} | {seen['cpu_request_us']:.1f} | {seen['per_second']:,.0f} | "
                f"{seen['p50_us']:.0f} | {seen['p99_us']:.0f} |"
            )
    errors = [
        f"{name}: {kind} {figures[f'errors_{kind}']}"
        for name, figures in document["figures"].items()
        for kind in ("request", "stream", "burst")
        if figures.get(f"errors_{kind}")
    ]
    if errors:
        lines += ["", "Errors during measurement: " + "; ".join(errors) + "."]
    for gap in document["missing"]:
        lines += ["", f"{gap['gateway']}: {gap['reason']}"]
    return "\n".join(lines)


def micro_page(document: dict[str, Any]) -> str:
    """Table of the native calls."""
    lines = [
        "| call | p50, us | p99 of rounds, us | rounds | target p50, us | bytes visited per byte |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in document["calls"]:
        target = _cell(row.get("target_us"), "{:g}")
        visited = _cell(row.get("visited"), "{:.2f}")
        times = f"{row['median_us']:,.2f} | {row['p99_us']:,.2f} | {row['rounds']}"
        lines.append(f"| {row['name']} | {times} | {target} | {visited} |")
    return "\n".join(lines)


def load_page(document: dict[str, Any]) -> str:
    """Table of open-loop runs."""
    lines = [
        "| run | answered | shed | errors | first token p50 / p99, ms | gap p50 / p99, ms "
        "| total p50 / p99, ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in document["runs"]:
        seen = row["result"]
        pairs = [f"{seen[k]['p50']:.1f} / {seen[k]['p99']:.1f}" for k in ("ttft_ms", "gap_ms", "total_ms")]
        lines.append(
            f"| {row['name']} | {seen['ok']} | {seen['shed']} | {seen['errors']} | "
            + " | ".join(pairs)
            + " |"
        )
    return "\n".join(lines)


def faults_page(document: dict[str, Any]) -> str:
    """Table of the figures of one fault run."""
    lines = ["| figure | value |", "| --- | ---: |"]
    for key, value in document["figures"].items():
        shown = msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value
        lines.append(f"| {key} | {shown} |")
    for promise in document["promises"]:
        kept = "kept" if promise["kept"] else "**broken**"
        lines.append(f"| {promise['promise']} | {kept} |")
    return "\n".join(lines)


_PAGES = {"compare": compare_page, "micro": micro_page, "load": load_page}
_TITLES = {"compare": "Gateways side by side", "micro": "Native calls", "load": "Open-loop load"}


def picture(document: dict[str, Any], path: Path) -> None:
    """Processor time and added latency by gateway. Points, not bars: the axis is logarithmic, and the
    length of a bar would mean nothing on it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = (
        ("cpu_request_us", "CPU per request"),
        ("cpu_stream_us", "CPU per paced stream"),
        ("added_p99_us", "added p99 at one connection"),
    )
    figure, axes = pyplot.subplots(1, len(kinds), figsize=(13, 3.6))
    for axis, (key, title) in zip(axes, kinds, strict=True):
        rows = [(n, f[key]) for n, f in document["figures"].items() if f.get(key) and f[key] > 0]
        names = [name for name, _ in rows][::-1]
        values = [value for _, value in rows][::-1]
        colours = ["#2a6f97" if name.startswith("hybridgw") else "#b0b7bf" for name in names]
        axis.scatter(values, names, c=colours, s=60, zorder=2)
        for name, value in rows:
            axis.annotate(
                f"{value:,.0f}", (value, name), (0, 8), textcoords="offset points", fontsize=8, ha="center"
            )
        axis.set_xscale("log")
        axis.grid(axis="x", color="#e4e7ea", zorder=0)
        axis.margins(x=0.2, y=0.2)
        axis.set_title(f"{title}, microseconds (log)", fontsize=9)
        axis.tick_params(labelsize=8)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    machine = document["machine"]
    figure.suptitle(f"{machine['cpu']}, {machine['cores']} cores, {document['at'][:10]}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def render(folder: Path = RESULTS) -> Path:
    """Render the newest result of each machine and kind; returns the page."""
    folder.mkdir(exist_ok=True)
    newest: dict[tuple[str, str], tuple[Path, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        document = msgspec.json.decode(path.read_bytes())
        machine = document["machine"]
        key = (f"{machine['cpu']}, {machine['cores']} cores", document["what"])
        if key not in newest or document["at"] >= newest[key][1]["at"]:
            newest[key] = (path, document)
    lines = [
        "# Results",
        "",
        "Made by `python -m bench.report` from the JSON files in this folder; do not edit. "
        "Our interest in these figures: [BIAS.md](../BIAS.md).",
    ]
    for machine_name in sorted({name for name, _ in newest}):
        lines += ["", f"## {machine_name}"]
        for (name, what), (path, document) in sorted(newest.items()):
            if name != machine_name:
                continue
            if what not in _PAGES and "promises" not in document:
                # Tokens, sensitivity and complexity print pages of their own; here is the way to them.
                own = path.with_suffix(".md")
                source = own if own.exists() else path
                lines += [
                    "",
                    f"### {what.replace('_', ' ').capitalize()}",
                    "",
                    f"[{source.name}]({source.name})",
                ]
                continue
            machine = document["machine"]
            title = _TITLES.get(what, what.replace("-", " ").capitalize())
            versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
            lines += [
                "",
                f"### {title}",
                "",
                f"{document['at']}, commit {machine['commit']}, Linux {machine['kernel']}, Python "
                f"{machine['python']}, load average before {machine['load_average']}; {versions}. "
                f"Source: [{path.name}]({path.name}).",
                "",
                _PAGES.get(what, faults_page)(document),
            ]
            if what == "compare":
                image = path.with_suffix(".png")
                picture(document, image)
                lines += ["", f"![processor time and latency by gateway]({image.name})"]
    page = folder / PAGE
    page.write_text("\n".join(lines) + "\n")
    return page


def _cell(value: Any, form: str) -> str:
    return "-" if value is None else form.format(value)


if __name__ == "__main__":
    sys.stdout.write(f"{render()}\n")
