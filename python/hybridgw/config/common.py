"""The sections that every file may hold, and the checks that all loaders share.

In our own file they stand at top level; in a LiteLLM or agent file under one key, `hybridgw:`, so
that somebody who keeps such a file can still set a port, a network or a breaker without leaving
his format (LiteLLM ignores the key).
"""

import re
from collections.abc import Mapping as Environment
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from hybridgw.config.addresses import BoundaryNetworks, parse_network
from hybridgw.config.bind import Binder, Missing
from hybridgw.config.errors import ConfigError
from hybridgw.config.ledger import check_ledger
from hybridgw.config.place import networks_of
from hybridgw.config.privacy import scanner_of
from hybridgw.config.schema import (
    AuthSettings,
    BoundarySettings,
    BreakerSettings,
    ComplexitySettings,
    HealthSettings,
    LedgerSettings,
    LogSettings,
    NetworkSettings,
    Notice,
    PrivacySettings,
    Problem,
    ResponseSettings,
    RetrySettings,
    Section,
    ServerSettings,
    StateSettings,
    TimeoutSettings,
    TranslationSettings,
    TransportSettings,
)
from hybridgw.config.tree import Mapping, Node, Sequence

S = TypeVar("S", bound=Section)
DEVICE_NETWORKS = "HYBRIDGW_DEVICE_NETWORKS"
ORGANIZATION_NETWORKS = "HYBRIDGW_ORGANIZATION_NETWORKS"
_RESERVED_HEADERS = ("host", "content-length", "transfer-encoding", "connection")


class Common(Section, frozen=True, kw_only=True):
    """Sections that any file may hold: at top level or under `hybridgw:`."""

    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    state: StateSettings = StateSettings()
    ledger: LedgerSettings = LedgerSettings()
    boundaries: BoundarySettings = BoundarySettings()
    privacy: PrivacySettings = PrivacySettings()
    complexity: ComplexitySettings = ComplexitySettings()
    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    transport: TransportSettings = TransportSettings()
    health: HealthSettings = HealthSettings()
    translation: TranslationSettings = TranslationSettings()
    responses: ResponseSettings = ResponseSettings()
    log: LogSettings = LogSettings()
    accept_ignored: Annotated[
        tuple[str, ...],
        Meta(description="Keys of security functions of somebody else's file that may be ignored."),
    ] = ()


class Embedded(msgspec.Struct, frozen=True):
    """The `hybridgw:` section of somebody else's file."""

    common: Common
    given: dict[str, frozenset[str]]
    """Keys that stand in the file, by section; all others follow from the file's own keys."""
    missing: tuple[Missing, ...]
    networks: BoundaryNetworks
    notices: tuple[Notice, ...]

    def over(self, name: str, derived: S) -> S:
        """A section that follows from the file's own keys, with what stands under `hybridgw:`."""
        own = getattr(self.common, name)
        return msgspec.structs.replace(
            derived, **{key: getattr(own, key) for key in self.given.get(name, ())}
        )


def child(node: Node | None, *path: str | int) -> Node | None:
    """The node at a path below, or None."""
    for step in path:
        if isinstance(step, str):
            node = node.items.get(step) if isinstance(node, Mapping) else None
        elif isinstance(node, Sequence) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def embedded(root: Node, file: str, environ: Environment[str, str]) -> Embedded:
    """Reads the `hybridgw:` section, which is ours and therefore strict."""
    node = child(root, "hybridgw")
    binder = Binder(environ)
    common = binder.struct(node, Common, "hybridgw") if node is not None else Common()
    given = {
        name: frozenset(section.items) if isinstance(section, Mapping) else frozenset()
        for name, section in (node.items.items() if isinstance(node, Mapping) else ())
    }
    boundaries, networks = resolve_boundaries(common.boundaries, node, file, environ, "hybridgw.")
    common = msgspec.structs.replace(common, boundaries=boundaries)
    loosened = check_privacy(common.privacy, node, file, "hybridgw.")
    check_ledger(common.ledger, common.state, node, file, "hybridgw.")
    return Embedded(common, given, tuple(binder.missing), networks, loosened)


def resolve_boundaries(
    settings: BoundarySettings, node: Node | None, file: str, environ: Environment[str, str], prefix: str = ""
) -> tuple[BoundarySettings, BoundaryNetworks]:
    """The networks checked, a list that the file leaves empty taken from its variable."""
    lists: dict[str, NetworkSettings] = {}
    for name, variable in (("device", DEVICE_NETWORKS), ("organization", ORGANIZATION_NETWORKS)):
        texts = getattr(settings, name).networks
        for index, text in enumerate(texts):
            place = child(node, "boundaries", name, "networks", index)
            _check_network(
                text, place.where if place else file, f"{prefix}boundaries.{name}.networks[{index}]"
            )
        if not texts:
            texts = tuple(t.strip() for t in environ.get(variable, "").split(",") if t.strip())
            for text in texts:
                _check_network(text, "environment", variable)
        lists[name] = NetworkSettings(networks=texts)
    result = BoundarySettings(device=lists["device"], organization=lists["organization"])
    return result, networks_of(result)


def check_privacy(
    settings: PrivacySettings, node: Node | None, file: str, prefix: str = ""
) -> tuple[Notice, ...]:
    """What is to be looked for, tried on the scanner itself; ConfigError names the line. Returns what
    the settings loosen."""

    def notice(level: Literal["info", "warning"], message: str, *path: str) -> Notice:
        place = child(node, "privacy", *path)
        key = f"{prefix}privacy.{'.'.join(path)}"
        return Notice(level=level, where=place.where if place else file, key=key, message=message)

    notices: list[Notice] = []
    if settings.mode == "observe":
        # Not a warning here: a start says it by itself, and louder.
        notices.append(notice("info", "sensitive content is reported and not kept back", "mode"))
    for index, named in enumerate(settings.trusted_prompts):
        if re.fullmatch("[0-9a-f]{64}", named) is None:
            place = child(node, "privacy", "trusted_prompts", index)
            raise ConfigError(
                place.where if place else file,
                f"{prefix}privacy.trusted_prompts[{index}]",
                "is no hash of a text: 64 hexadecimal digits in lower case",
                "write what `hybridgw scan --hash FILE` prints of the system text",
            )
    if settings.unknown == "public":
        notices.append(notice("warning", "media and token ids may travel anywhere, unread", "unknown"))
    if settings.levels or settings.patterns:
        try:
            scanner = scanner_of(settings)
        except ValueError as error:
            raise _privacy_fault(str(error), node, file, prefix) from None
        for kind, default, level in scanner.loosened():
            message = f"counts as {level} instead of {default}, so it may travel farther"
            notices.append(notice("warning", message, "levels", kind))
    return tuple(notices)


def _privacy_fault(text: str, node: Node | None, file: str, prefix: str) -> ConfigError:
    """The first of the scanner's lines."""
    path, _, rest = text.splitlines()[0].partition(": ")
    message, _, fix = rest.rpartition("; ")
    steps = re.findall(r"[a-z_]+|[0-9]+", path.partition(" ")[0])
    place = child(node, "privacy", *(int(step) if step.isdigit() else step for step in steps[:2]))
    return ConfigError(place.where if place else file, f"{prefix}privacy.{path}", message, fix)


def _check_network(text: str, where: str, key: str) -> None:
    try:
        parse_network(text)
    except ValueError:
        raise ConfigError(
            where, key, f"{text[:60]!r} is no network", "write it like 10.0.0.0/8 or 192.168.1.20"
        ) from None


def auth_unavailable(missing: list[Missing] | tuple[Missing, ...], prefix: str = "") -> str | None:
    """Why the configured master key is not there; None when it is, or when none is configured."""
    for entry in missing:
        if entry.key == f"{prefix}auth.master_key":
            return f"auth.master_key needs the variable {entry.variable}, which is not set"
    return None


def missing_problems(missing: list[Missing] | tuple[Missing, ...]) -> list[Problem]:
    """Problems for missing variables outside deployments (those are reported with theirs)."""
    return [
        Problem(where=m.where, key=m.key, message=f"the variable {m.variable} is not set: {_effect(m.key)}")
        for m in missing
    ]


def _effect(key: str) -> str:
    if key.endswith(".master_key"):
        return "every call that needs a key is refused"
    return "the setting has no effect"


def header_fault(name: str, value: str) -> str | None:
    """Why a header cannot be sent upstream; None if it can."""
    if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
        return f"{name[:60]!r} is no header name"
    if name.lower() in _RESERVED_HEADERS:
        return f"{name} is set by the gateway itself"
    if not value.isascii() or any((c < " " and c != "\t") or c == "\x7f" for c in value):
        return f"the value of {name} holds characters that no header can carry"
    return None
