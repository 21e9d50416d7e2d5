"""`hybridgw scan`: what would be found in a text, and what that would mean. Nothing is sent.

Places are shown by line and column with the kind that was found; the text itself is masked, because
the report is likely to be pasted into a ticket.
"""

import sys
from pathlib import Path
from typing import Any

import orjson

from hybridgw.config.errors import ConfigError
from hybridgw.config.privacy import scanner_of
from hybridgw.host.configure import resolve
from hybridgw.native import prompt_hash

_REACHES = {
    "public": "any deployment",
    "internal": "device and organization",
    "regulated": "this device only",
}
_SHOWN = 100


def run(files: tuple[str, ...], *, config: str | None, as_json: bool, hashes: bool = False) -> int:
    """Scan files (`-` is standard input); 1 when something above public was found, 2 on bad input.
    `hashes`: only print what names each text as a trusted prompt."""
    try:
        texts = [
            (name, sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()) for name in files
        ]
        if hashes:
            for name, text in texts:
                print(f"{prompt_hash(text)}  {name}")
            return 0
        settings = resolve(config)
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    scanner = scanner_of(settings.privacy)
    # Too much was found where a text is not known: `unknown: public` is about what is no text.
    unknown = "regulated" if settings.privacy.unknown == "regulated" else "internal"
    reports = [_report(name, text, scanner.scan(text), unknown) for name, text in texts]
    if as_json:
        print(orjson.dumps(reports, option=orjson.OPT_INDENT_2).decode())
    else:
        for report in reports:
            _print(report)
    return int(any(report["level"] != "public" for report in reports))


def _report(name: str, text: bytes, findings: dict[str, Any], unknown: str) -> dict[str, Any]:
    level = findings["level"] or max(unknown, findings["found"], key=list(_REACHES).index)
    return {
        "file": name,
        "level": level,
        "known": findings["level"] is not None,
        "may_reach": _REACHES[level],
        "kinds": findings["kinds"],
        "findings": [
            {
                "line": line,
                "column": column,
                "length": _characters(text[start:end]),
                "kind": kind,
                "name": shown,
            }
            for (start, end, kind, shown) in findings["spans"]
            for line, column in [_place(text, start)]
        ],
    }


def _place(text: bytes, offset: int) -> tuple[int, int]:
    """Line and column, both from 1."""
    start = text.rfind(b"\n", 0, offset) + 1
    return text.count(b"\n", 0, offset) + 1, _characters(text[start:offset]) + 1


def _characters(piece: bytes) -> int:
    """How many; a byte that is not UTF-8 is one."""
    return len(piece.decode(errors="surrogateescape"))


def _print(report: dict[str, Any]) -> None:
    known = "" if report["known"] else " (not everything could be judged)"
    print(f"{report['file']}: {report['level']}{known}; may reach {report['may_reach']}")
    for finding in report["findings"][:_SHOWN]:
        mask = "*" * min(finding["length"], 24)
        print(f"  {finding['line']}:{finding['column']}  {finding['name']}  {mask}")
    if len(report["findings"]) > _SHOWN:
        print(f"  and {len(report['findings']) - _SHOWN} more")
