"""What a person sees once the gateway is up: which names answer, where each goes, and what to try first.

A newcomer reads it in place of the documentation, an operator reads it for what is loaded. It says
nothing that `hybridgw check` does not say at greater length, and it holds no key. Warnings are not
here: `announcement` says them, after this, because the end of what is written is what people read.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import hybridgw
from hybridgw.config.schema import BoundaryName, DeploymentSettings, ModelSettings, Settings
from hybridgw.host.runtime import RuntimeInfo

_MAY_SEE: dict[BoundaryName, str] = {
    "device": "everything",
    "organization": "public, internal",
    "external": "public",
}
_COLUMNS = ("deployment", "model", "tier", "boundary", "may see")
_ROWS = 16
"""Deployments and names shown; a large configuration may have hundreds."""
_WIDEST = 36
_SHIPPED = Path("share", "doc", "hybridgw")
"""Where a wheel puts the pages, under the prefix of the environment."""


def screen(settings: Settings, info: RuntimeInfo, width: int | None = None) -> list[str]:
    """The lines, at most `width` characters where a table is concerned (default: the terminal's)."""
    width = width or shutil.get_terminal_size((120, 24)).columns
    base = base_url(info)
    lines = [_title(settings), ""]
    table = _table(_rows(settings), width)
    if table:
        lines += [*table, ""]
    lines += _names(settings, width)
    if example := _example(settings, base):
        lines += ["", "try it:", *example, ""]
    lines += [f"{name:<9}{text}" for name, text in _places(settings, info, base)]
    return lines


def base_url(info: RuntimeInfo) -> str:
    """Where a client on this machine reaches the gateway, without a slash at the end."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(info.host, info.host)
    return f"http://[{host}]:{info.port}" if ":" in host else f"http://{host}:{info.port}"


def docs_folder() -> Path | None:
    """The pages of this version: in a checkout its own, else those that the wheel brought."""
    checkout = Path(hybridgw.__file__).resolve().parents[2] / "docs"
    shipped = Path(sys.prefix) / _SHIPPED
    return next((one for one in (checkout, shipped) if (one / "configuration.md").is_file()), None)


def _title(settings: Settings) -> str:
    source = settings.source
    kinds = {
        "native": f"{source.path}",
        "litellm": f"{source.path} (a LiteLLM file)",
        "agent": f"{source.path} (an agent file)",
        "discovery": "no configuration: the engines found on this machine",
        "demo": "no configuration and no engine found: DEMO upstreams answer, no model is running",
    }
    return f"hybridgw {hybridgw.__version__}, {kinds[source.kind]}"


def _rows(settings: Settings) -> list[tuple[str, ...]]:
    """A row per deployment, in the order in which tiers are tried."""
    rank = {tier.name: number for number, tier in enumerate(settings.tiers)}
    ordered = sorted(settings.deployments, key=lambda one: (rank.get(one.tier, len(rank)), one.order))
    return [_row(one) for one in ordered]


def _row(deployment: DeploymentSettings) -> tuple[str, ...]:
    sees = (
        _MAY_SEE[deployment.boundary] if deployment.unusable is None else f"OUT OF USE: {deployment.unusable}"
    )
    return (deployment.name, deployment.model, deployment.tier, deployment.boundary, sees)


def _names(settings: Settings, width: int) -> list[str]:
    """What clients may ask for; the deployments' own names, which the table shows, are left out."""
    own = {name for one in settings.deployments for name in (one.name, f"{one.tier}/{one.name}")}
    names = [
        name
        for model in settings.models
        if not model.hidden and any(model.groups)
        for name in (model.name, *model.aliases)
        if name not in own
    ]
    if not names:
        return []
    more = f"... and {len(names) - _ROWS} more" if len(names) > _ROWS else ""
    text = ", ".join([*names[:_ROWS], *filter(None, [more])])
    return textwrap.wrap("models   " + text, width, subsequent_indent=" " * 9, break_long_words=False)


def _table(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Columns padded; the last one ends where the line does."""
    if not rows:
        return []
    shown = [_COLUMNS, *rows[:_ROWS]]
    wide = [min(max(len(row[column]) for row in shown), _WIDEST) for column in range(len(_COLUMNS))]
    wide[-1] = max(width - sum(wide[:-1]) - 2 * (len(wide) - 1), len("public, internal"))
    lines = ["  ".join(map(_cut, row, wide)).rstrip() for row in shown]
    if len(rows) > _ROWS:
        lines.append(f"... and {len(rows) - _ROWS} more: hybridgw check lists all, GET /v1/models too")
    return lines


def _cut(text: str, size: int) -> str:
    return text.ljust(size) if len(text) <= size else text[: size - 1] + "…"


def _example(settings: Settings, base: str) -> list[str]:
    """A call that works as it stands: a shell can take it, a key is named and not shown."""
    name = _first_chat(settings)
    if name is None:
        return []
    lines = [f"  curl {base}/v1/chat/completions -H 'content-type: application/json' \\"]
    if settings.auth.master_key:
        lines.append('    -H "authorization: Bearer $HYBRIDGW_MASTER_KEY" \\')
    body = f'{{"model": "{name}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return [*lines, f"    -d '{body}'"]


def _first_chat(settings: Settings) -> str | None:
    """`auto` where it answers, else the first name of a usable chat model that a shell takes as it is."""

    def answers(model: ModelSettings) -> bool:
        behind = (settings.deployments[index] for group in model.groups for index in group)
        return any(one.unusable is None and one.mode == "chat" for one in behind)

    names = [
        model.name
        for model in settings.models
        if not model.hidden and not set("*'\"\\") & set(model.name) and answers(model)
    ]
    return "auto" if "auto" in names else next(iter(names), None)


def _places(settings: Settings, info: RuntimeInfo, base: str) -> list[tuple[str, str]]:
    needs_key = settings.auth.master_key and not settings.server.metrics_open
    found = [
        ("state", info.state_dir),
        ("journal", f"hybridgw journal --state-dir {_quoted(info.state_dir)}"),
        ("metrics", f"{base}/metrics" + (" (with the key)" if needs_key else "")),
    ]
    if settings.source.path is not None:
        found.append(("check", f"hybridgw check {_quoted(settings.source.path)}"))
    elif settings.source.kind in ("discovery", "demo"):
        found.append(("next", "hybridgw init writes a configuration"))
    docs = docs_folder()
    if docs is not None:
        found.append(("docs", str(docs)))
    return found


def _quoted(path: str) -> str:
    return (
        path if all(c.isalnum() or c in "/._-+@%:," for c in path) else "'" + path.replace("'", "'\\''") + "'"
    )


def show(lines: Iterable[str]) -> None:
    """Write the screen to standard error at once; a closed one is no reason to fail."""
    text = "\n".join(lines) + "\n\n"
    try:
        os.write(2, text.encode(errors="replace"))
    except OSError:
        return
