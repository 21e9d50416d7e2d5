"""Renders `docs/errors.md` from the catalogue: `python -m hybridgw.server.error_page > docs/errors.md`.

A page that somebody keeps by hand would be wrong within a month; a test compares the two.
"""

import sys

from hybridgw.server.catalogue import CATALOGUE

_HEAD = """# Errors

Every error is a JSON object `{"error": {"message", "type", "param", "code"}}`, in a stream the last
event. Two catalogues exist: `native`, and `litellm`, which is the default for a LiteLLM file and
answers as that proxy does (there, `code` is the status as a string). `error_catalogue`
chooses. Whose fault says who can do something about it. `x-should-retry: false` is sent where the
official SDKs must not try again by themselves.

| internal code | meaning | whose fault | native | litellm | SDK retry |
| --- | --- | --- | --- | --- | --- |
"""


def render() -> str:
    """The whole page as Markdown."""
    lines = []
    for name, row in CATALOGUE.items():
        retry = {None: "by status", True: "yes", False: "no"}[row.retry]
        native = f"{row.status} {row.type} `{row.code or name}`"
        lines.append(
            f"| `{name}` | {row.meaning} | {row.whose} | {native} | "
            f"{row.litellm_status} {row.litellm_type} | {retry} |\n"
        )
    return _HEAD + "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(render())
