"""References to variables inside a file: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `$${`.

The environment arrives as a mapping; nothing here reads the process's own. A variable that is
absent or empty is missing: `${NAME:?…}` then stops the start, `${NAME:-…}` takes its default, and
`${NAME}` leaves the setting out, which degrades that part of the gateway and nothing else.
"""

import re
from collections.abc import Mapping as Environment

from hybridgw.config.errors import ConfigError

_REFERENCE = re.compile(r"\$(\$\{|\{([A-Za-z_][A-Za-z0-9_]*)(?::(-|\?)([^{}]*))?\})", re.ASCII)


class MissingVariable(Exception):
    """A plain `${NAME}` has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def has_reference(text: str) -> bool:
    """Whether there is anything to expand; the cheap test before `expand`."""
    return "${" in text


def expand(text: str, environ: Environment[str, str], where: str, key: str) -> str:
    """`text` with every reference replaced. MissingVariable for a plain one that has no value,
    ConfigError for a required one and for a malformed reference."""
    pieces: list[str] = []
    position = 0
    while (start := text.find("${", position)) >= 0:
        if start > 0 and text[start - 1] == "$":
            start -= 1
        match = _REFERENCE.match(text, start)
        if match is None:
            raise ConfigError(
                where,
                key,
                "has a malformed variable reference",
                "write ${NAME}, or $${ for the two characters",
            )
        pieces.append(text[position:start])
        position = match.end()
        if match[1] == "${":
            pieces.append("${")
            continue
        name, operator, argument = match[2], match[3], match[4]
        value = environ.get(name, "")
        if not value:
            if operator == "?":
                fix = argument.strip() or "set it in the environment"
                raise ConfigError(where, key, f"the variable {name} is not set", fix)
            if operator != "-":
                raise MissingVariable(name)
            value = argument
        pieces.append(value)
    pieces.append(text[position:])
    return "".join(pieces)
