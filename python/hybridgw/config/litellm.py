"""A LiteLLM Proxy file as it is, into the same Settings as our own.

The promise is that a file which works there loads here unchanged and means the same where we act
on it; everything else is named in the notices. Nothing in such a file but the file itself being
unreadable stops a start: a database that cannot be reached, a variable that is not set or a
provider that we do not serve costs exactly the part that needs it.

Tier and boundary, which LiteLLM does not know, follow from provider and address, or from
`model_info.tier`. Settings that it has no word for may stand under `hybridgw:`.
"""

from collections.abc import Mapping as Environment
from typing import Any

import msgspec

from hybridgw.config.assemble import Assembler
from hybridgw.config.common import Embedded, auth_unavailable, embedded, missing_problems
from hybridgw.config.errors import ConfigError
from hybridgw.config.litellm_groups import Groups, read_allowed_fails, read_groups, read_retries
from hybridgw.config.litellm_keys import (
    GENERAL_SETTINGS,
    GUARDS,
    LITELLM_SETTINGS,
    ROUTER_SETTINGS,
    TOP_LEVEL,
)
from hybridgw.config.litellm_models import Limits, read_entries
from hybridgw.config.litellm_read import Reader, Values, with_includes
from hybridgw.config.schema import (
    AuthSettings,
    BreakerSettings,
    HealthSettings,
    LogSettings,
    ModelSettings,
    Problem,
    RetrySettings,
    ServerSettings,
    Settings,
    Source,
    TranslationSettings,
)
from hybridgw.config.tree import Mapping, Node, Sequence

_DEFAULT_RETRIES = 2
_WEAK_KEYS = {"sk-1234", "sk-", "sk-test", "sk-master"}


class Sections(msgspec.Struct, frozen=True):
    """The three sections of settings."""

    litellm: Values
    router: Values
    general: Values


def load_litellm(
    root: Node, file: str, environ: Environment[str, str], repeated: list[ConfigError]
) -> Settings:
    """Settings of a LiteLLM file; ConfigError if it is no such file after all. `repeated` are keys that
    it gives twice."""
    if not isinstance(root, Mapping):
        raise ConfigError(root.where, "", "expected keys and values", "write `model_list:` and its entries")
    root, files = with_includes(root, file, repeated)
    own = embedded(root, file, environ)
    reader = Reader(environ, file)
    for error in repeated:
        if error.key.partition(".")[0] == "hybridgw":
            raise error
        reader.say(error.where, error.key, f"{error.message}; the last one counts, as in LiteLLM", True)
    for name in root.items:
        reader.fate(root, "", name, TOP_LEVEL)
    variables = reader.section(root.items.get("environment_variables"), "environment_variables")
    reader.environ.update({k: str(v) for k, v in variables.data.items() if v is not None})
    sections = Sections(
        reader.section(root.items.get("litellm_settings"), "litellm_settings", LITELLM_SETTINGS),
        reader.section(root.items.get("router_settings"), "router_settings", ROUTER_SETTINGS),
        reader.section(root.items.get("general_settings"), "general_settings", GENERAL_SETTINGS),
    )
    _note_guards(sections.litellm, reader)
    groups = read_groups(sections.litellm, sections.router, reader)
    limits = Limits(
        timeout=reader.seconds(sections.litellm, "request_timeout")
        or reader.seconds(sections.router, "timeout"),
        stream_timeout=reader.seconds(sections.router, "stream_timeout"),
        by_group=groups.timeouts,
        max_parallel=reader.integer(sections.router, "default_max_parallel_requests") or 0,
        tls_verify=sections.litellm.get("ssl_verify") is not False,
        drop_params=sections.litellm.get("drop_params") is True,
    )
    entries = read_entries(root.items.get("model_list"), reader, limits, _credentials(root, reader))
    tiers = Settings(source=Source(kind="litellm")).tiers
    assembler = Assembler(reader.environ, own.networks, tiers, strict=False)
    for entry in entries:
        assembler.add(entry.draft)
    models = _models(assembler, groups, sections, reader)
    default_fallbacks = groups.resolve(groups.default_fallbacks, models, reader, "default_fallbacks")
    auth, locked = _auth(sections.general, reader, own)
    problems = [*missing_problems([*reader.missing, *own.missing]), *assembler.problems]
    if not entries:
        problems.append(
            Problem(where=file, key="model_list", message="it is empty: no request can be answered")
        )
    derived: dict[str, Any] = {
        "server": own.over("server", _server(sections, reader)),
        "breaker": own.over("breaker", _breaker(sections, reader)),
        "retry": own.over(
            "retry", _retry(sections.router, reader, _attempts(models, len(default_fallbacks)))
        ),
        "translation": own.over("translation", _translation(sections.litellm)),
        "log": own.over("log", _log(sections.litellm, reader)),
        "health": own.over("health", _health(sections.general, reader)),
        "auth": auth,
    }
    for field in msgspec.structs.fields(type(own.common)):
        derived.setdefault(field.name, getattr(own.common, field.name))
    return Settings(
        source=Source(kind="litellm", path=file, files=files),
        auth_unavailable=locked,
        error_catalogue="litellm",
        tiers=tiers,
        deployments=tuple(assembler.deployments),
        models=models,
        default_fallbacks=default_fallbacks,
        notices=(*own.notices, *reader.notices, *assembler.notices),
        problems=tuple(problems),
        **derived,
    )


def _note_guards(litellm: Values, reader: Reader) -> None:
    """Callbacks that keep something back are more than observers."""
    for name in ("callbacks", "success_callback", "failure_callback", "service_callback"):
        value = litellm.get(name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and item in GUARDS:
                key = f"litellm_settings.{name}.{item}"
                reader.say(litellm.where(name), key, "IGNORED, not acted on yet", True, "security")


def _credentials(root: Mapping, reader: Reader) -> dict[str, Any]:
    node = root.items.get("credential_list")
    result: dict[str, Any] = {}
    for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
        values = reader.section(item, f"credential_list[{index}]")
        name = reader.text(values, "credential_name")
        if name:
            result[name] = values.get("credential_values")
    return result


def _models(
    assembler: Assembler, groups: Groups, sections: Sections, reader: Reader
) -> tuple[ModelSettings, ...]:
    members: dict[str, list[int]] = {}
    for index, deployment in enumerate(assembler.deployments):
        members.setdefault(deployment.model_name, []).append(index)
    retries = reader.integer(sections.router, "num_retries", 0, 15)
    if retries is None:
        retries = reader.integer(sections.litellm, "num_retries", 0, 15)
    policy = read_retries(sections.router, reader)
    if policy.count is not None:
        retries = policy.count
    if retries is None:
        retries = _DEFAULT_RETRIES
    aliases = groups.aliases_of(members, reader)
    models = []
    for name, indexes in members.items():
        deployments = assembler.deployments
        levels: dict[int, list[int]] = {}
        for index in indexes:
            levels.setdefault(deployments[index].order, []).append(index)
        own = [r for i in indexes if (r := deployments[i].retries) is not None]
        shown, hidden = aliases.get(name, ((), ()))
        by_kind = groups.policies.get(name, policy)
        models.append(
            ModelSettings(
                name=name,
                groups=tuple(tuple(levels[order]) for order in sorted(levels)),
                strategy=groups.strategy,
                retries=groups.retries.get(name, max(own) if own else retries),
                retries_throttled=by_kind.throttled,
                retries_failed=by_kind.failed,
                fallbacks=groups.fallbacks.get(name, ()),
                context_fallbacks=groups.context_fallbacks.get(name, ()),
                aliases=shown,
                hidden_aliases=hidden,
                description=deployments[indexes[0]].description,
                where=deployments[indexes[0]].where,
            )
        )
    return tuple(
        msgspec.structs.replace(
            m,
            fallbacks=groups.resolve(m.fallbacks, models, reader, f"fallbacks.{m.name}"),
            context_fallbacks=groups.resolve(
                m.context_fallbacks, models, reader, f"context_window_fallbacks.{m.name}"
            ),
        )
        for m in models
    )


def _attempts(models: tuple[ModelSettings, ...], defaults: int) -> int:
    """Attempts that the longest chain of retries and fallbacks of the file needs, 3 to 16."""
    longest = max(
        (
            (1 + max(m.retries, m.retries_throttled or 0, m.retries_failed or 0))
            * (len(m.groups) + max(len(m.fallbacks), defaults))
            for m in models
        ),
        default=3,
    )
    return min(16, max(3, longest))


def _server(sections: Sections, reader: Reader) -> ServerSettings:
    server = ServerSettings()
    megabytes = reader.number(sections.general, "max_request_size_mb", 0.001, 4096)
    if megabytes is not None:
        server = msgspec.structs.replace(server, max_body=int(megabytes * 1024 * 1024))
    if sections.litellm.get("require_auth_for_metrics_endpoint") is False:
        server = msgspec.structs.replace(server, metrics_open=True)
    limits = [
        count
        for name in ("global_max_parallel_requests", "max_parallel_requests")
        if (count := reader.integer(sections.general, name, 1, 1_000_000)) is not None
    ]
    return msgspec.structs.replace(server, max_parallel=min(limits, default=0))


def _log(litellm: Values, reader: Reader) -> LogSettings:
    """`LITELLM_LOG` says how much there, and `set_verbose` said it before."""
    said = reader.environ.get("LITELLM_LOG", "").lower()
    level: Any = said if said in ("debug", "info", "warning", "error") else "info"
    if litellm.get("set_verbose") is True:
        level = "debug"
    return LogSettings(level=level, json=litellm.get("json_logs") is True)


def _retry(router: Values, reader: Reader, attempts: int) -> RetrySettings:
    retry = RetrySettings(max_attempts=attempts)
    wait = reader.number(router, "retry_after", 0, 600)
    if not wait:
        return retry
    return msgspec.structs.replace(
        retry, backoff=max(wait, retry.backoff), backoff_max=max(wait, retry.backoff_max)
    )


def _translation(litellm: Values) -> TranslationSettings:
    """`drop_params: true` leaves out what a backend refuses by name, too; `false`, where somebody wrote it,
    wants a refusal instead of a dropped parameter."""
    drop = litellm.get("drop_params")
    return TranslationSettings(unsupported="error" if drop is False else "drop", drop_refused=drop is True)


def _breaker(sections: Sections, reader: Reader) -> BreakerSettings:
    router = sections.router
    fails = reader.integer(router, "allowed_fails", 0, 1000)
    if fails is None:
        fails = reader.integer(sections.litellm, "allowed_fails", 0, 1000)
    policy = read_allowed_fails(router, reader)
    fails = policy.failed if policy.failed is not None else fails
    cooldown = reader.number(router, "cooldown_time", 0, 86400)
    breaker = BreakerSettings(enabled=router.get("disable_cooldowns") is not True and cooldown != 0)
    if fails is not None:
        breaker = msgspec.structs.replace(breaker, consecutive=fails + 1)
        reader.say(router.where("allowed_fails"), "allowed_fails", "read as failures in a row")
    if policy.timed_out is not None:
        breaker = msgspec.structs.replace(breaker, consecutive_timeouts=policy.timed_out + 1)
    if cooldown:
        breaker = msgspec.structs.replace(
            breaker, open=max(0.001, cooldown), open_max=max(breaker.open_max, cooldown)
        )
    return breaker


def _health(general: Values, reader: Reader) -> HealthSettings:
    interval = reader.seconds(general, "health_check_interval")
    if general.get("background_health_checks") is True and interval is not None:
        return HealthSettings(interval=interval)
    return HealthSettings()


def _auth(general: Values, reader: Reader, own: Embedded) -> tuple[AuthSettings, str | None]:
    """Who may call, and why the configured key is not there."""
    if "master_key" in own.given.get("auth", ()):
        return own.common.auth, auth_unavailable(own.missing, "hybridgw.")
    lost = [m for m in reader.missing if m.key == "general_settings.master_key"]
    locked = None
    if lost:
        locked = f"general_settings.master_key needs the variable {lost[0].variable}, which is not set"
    key = (reader.text(general, "master_key") or "").strip() or None
    where = general.where("master_key")
    if key is None and not lost and general.get("master_key") is not None:
        reader.say(where, "general_settings.master_key", "is empty: only loopback may call", True)
    if key is not None and (key in _WEAK_KEYS or len(key) < 8):
        reader.say(where, "general_settings.master_key", "is easy to guess; use a long random one", True)
    header = reader.text(general, "litellm_key_header_name")
    return own.over("auth", AuthSettings(master_key=key, key_header=header)), locked
