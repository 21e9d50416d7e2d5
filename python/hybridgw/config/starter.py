"""The first hybridgw.yaml of a newcomer, from what was found and what was answered.

A pure function from answers to text, so that every answer can be tested. What is decided is written
plainly; what a newcomer will want next stands below it, commented out: `# ` begins a sentence, `#`
without a space begins an option that works once the sign is removed. Every value is written as JSON,
which YAML reads as it stands, so no name of a model can break the file. It never holds a secret.
"""

import msgspec
import orjson


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What `hybridgw init` knows when it writes."""

    engines: "tuple[EngineModel, ...]" = ()
    clouds: "tuple[CloudModel, ...]" = ()
    key: bool = False
    """Whether clients must send the master key."""
    host: str = "127.0.0.1"
    port: int = 4000
    device_networks: tuple[str, ...] = ()
    organization_networks: tuple[str, ...] = ()


class EngineModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model of an engine that was found."""

    provider: str
    model: str
    url: str
    mode: str = "chat"
    external: bool = False
    """The engine itself passes its prompts on to a cloud."""


class CloudModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a cloud whose key is in the environment, and the variable's name."""

    provider: str
    model: str
    variable: str


_HEAD = """\
# hybridgw.yaml, written by `hybridgw init`.
# `hybridgw check {path}` says what it means, `hybridgw serve --config {path}` serves it; a change is
# taken up while it runs.
# A line that begins with `#` and no space is an option: remove the sign to use it.
"""

_KEY = """\
# Clients send this key (Authorization: Bearer ...). It lies in the environment, never in the file.
auth:
  master_key: "${HYBRIDGW_MASTER_KEY:?export the key that clients send}"
"""

_NO_KEY = """\
# Without a key only programs on this machine can call. To open the gateway to others, set one.
#auth:
#  master_key: "${HYBRIDGW_MASTER_KEY:?export the key that clients send}"
"""

_NETWORKS = """\
# Which addresses count as this machine, and which as your organization's. Loopback is the machine
# without being listed; every address that is not listed is external, and sees public content only.
"""

_NOBODY = """\
# Nobody answers yet: no engine and no cloud was chosen. One of each kind, to be filled in:
#deployments:
#  - {name: local/qwen3, provider: ollama, model: "qwen3:8b", tier: local}
#  - {name: cloud/gpt, provider: openai, model: gpt-4o-mini, api_key: "${OPENAI_API_KEY}", tier: cloud}
"""

_LATER = """\
# Privacy: every request is scanned. What is found decides how far it may go; `hybridgw scan FILE` shows it.
#privacy:
#  profile: strict
#  patterns: [{name: project, pattern: "PRJ-[0-9]{6}", level: internal}]

# Time limits of an upstream; docs/timeouts.md lists all with their defaults.
#timeouts:
#  connect: 3s

# Let the hardest tenth of the requests for `auto` start in the cloud.
#complexity:
#  starts: {complex: cloud}

# Store responses, so that `previous_response_id` works. They hold conversations, on this host only.
#responses: {store: true, ttl: 30d}
"""


def starter(answers: Answers, path: str = "hybridgw.yaml") -> str:
    """The file's text."""
    parts = [_HEAD.format(path=path), _server(answers), _KEY if answers.key else _NO_KEY]
    parts.append(_boundaries(answers))
    parts.append(_deployments(answers))
    parts.append(_LATER)
    return "\n".join(parts)


def _value(value: object) -> str:
    return orjson.dumps(value).decode()


def _server(answers: Answers) -> str:
    return f"server: {{host: {_value(answers.host)}, port: {answers.port}}}\n"


def _boundaries(answers: Answers) -> str:
    lines = []
    for name, networks in (
        ("device", answers.device_networks),
        ("organization", answers.organization_networks),
    ):
        if networks:
            lines.append(f"  {name}: {{networks: {_value(list(networks))}}}")
    if lines:
        return _NETWORKS + "\n".join(["boundaries:", *lines]) + "\n"
    return _NETWORKS + "#boundaries:\n#  organization: {networks: [10.0.0.0/8]}\n"


def _deployments(answers: Answers) -> str:
    names: set[str] = set()
    lines = ["# Who answers. `auto` asks the nearest tier first; each name below can be asked for, too."]
    for engine in answers.engines:
        tier = "cloud" if engine.external else "local"
        entry = {
            "name": _unique(f"{tier}/{engine.model}", names),
            "provider": engine.provider,
            "model": engine.model,
            "url": engine.url,
            "tier": tier,
        }
        if engine.mode != "chat":
            entry["mode"] = engine.mode
        lines.append(_entry(entry))
    for cloud in answers.clouds:
        entry = {
            "name": _unique(f"cloud/{cloud.model}", names),
            "provider": cloud.provider,
            "model": cloud.model,
            "api_key": f"${{{cloud.variable}}}",
            "tier": "cloud",
        }
        lines.append(_entry(entry))
    if len(lines) == 1:
        return _NOBODY
    return "\n".join([lines[0], "deployments:", *lines[1:]]) + "\n"


def _entry(entry: dict[str, str]) -> str:
    return "  - {" + ", ".join(f"{name}: {_value(value)}" for name, value in entry.items()) + "}"


def _unique(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    taken.add(found)
    return found
