"""`model_list` of a LiteLLM file: each entry a draft of a deployment, grouped by `model_name`.

Weights follow LiteLLM's rule, which looks at a whole group: by `weight` if any member has one (then
those without get nothing), else by `rpm`, else by `tpm`, else equal. `order` splits a group into
levels; `priority`, which people write for the same thing, counts where there is no `order`.
"""

from typing import Any

import msgspec

from hybridgw.config.assemble import Draft
from hybridgw.config.common import header_fault
from hybridgw.config.errors import ConfigError
from hybridgw.config.limits import Written
from hybridgw.config.litellm_keys import (
    ENTRY,
    MODEL_INFO,
    MODES,
    PARAM_PREFIXES,
    PARAMS,
    THINKS,
    UNTHINKING,
    Fate,
)
from hybridgw.config.litellm_ollama import VENDORS as VENDORS_OF_OLLAMA
from hybridgw.config.litellm_ollama import as_ollama
from hybridgw.config.litellm_read import Reader, Values
from hybridgw.config.providers import VENDORS, vendor_of_name
from hybridgw.config.schema import ApiName
from hybridgw.config.tree import Mapping, Node, Sequence

UNORDERED = 1_000_000
"""Order of a member without one in a group that has ordered members: it serves last."""


class Limits(msgspec.Struct, frozen=True):
    """Time limits from the rest of the file, seconds."""

    timeout: float | None
    stream_timeout: float | None
    by_group: dict[str, float]
    max_parallel: int
    tls_verify: bool
    drop_params: bool
    """What an entry that does not say it does with parameters that its model refuses."""


class Entry(msgspec.Struct):
    """One member of a group, before weights are known."""

    draft: Draft
    weight: float | None
    rpm: float | None
    tpm: float | None
    order: int | None


def read_entries(
    node: Node | None, reader: Reader, limits: Limits, credentials: dict[str, Any]
) -> list[Entry]:
    """All entries in file order. ConfigError for one that is no model at all."""
    if node is None:
        return []
    if not isinstance(node, Sequence):
        raise ConfigError(
            node.where, "model_list", "expected a list", "begin each model with `- model_name:`"
        )
    entries = []
    for index, item in enumerate(node.items):
        entry = _entry(item, f"model_list[{index}]", reader, limits, credentials)
        if entry is not None:
            entries.append(entry)
    _share_weights(entries)
    return entries


def _share_weights(entries: list[Entry]) -> None:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.draft.model_name, []).append(entry)
    for members in groups.values():
        ordered = any(m.order is not None for m in members)
        source = next((s for s in ("weight", "rpm", "tpm") if any(getattr(m, s) for m in members)), None)
        for member in members:
            unordered = UNORDERED if ordered else 0
            member.draft.rest["order"] = unordered if member.order is None else member.order
            member.draft.rest["weight"] = 1.0 if source is None else float(getattr(member, source) or 0.0)


def _entry(item: Node, key: str, reader: Reader, limits: Limits, credentials: dict[str, Any]) -> Entry | None:
    if not isinstance(item, Mapping):
        raise ConfigError(item.where, key, "expected keys and values", "write model_name and litellm_params")
    for name in ("model_name", "litellm_params"):
        if name not in item.items:
            raise ConfigError(item.where, f"{key}.{name}", "is missing", f"add `{name}:`")
    top = Values(item, key, {n: c for n, c in _own(item, key, reader).items()})
    params_node = item.items["litellm_params"]
    if not isinstance(params_node, Mapping):
        raise ConfigError(
            params_node.where, f"{key}.litellm_params", "expected keys and values", "add `model:`"
        )
    params = reader.section(params_node, f"{key}.litellm_params")
    for name in params_node.items:
        if name.startswith("supports_"):
            continue
        if name in PARAMS or name.startswith(PARAM_PREFIXES) or "cost_per" in name:
            table = PARAMS if name in PARAMS else {**PARAMS, name: Fate.LATER}
            reader.fate(params_node, "model_list[].litellm_params", name, table)
    info = reader.section(item.items.get("model_info"), f"{key}.model_info")
    if isinstance(info.node, Mapping):
        # Whatever else stands there is shown to clients that ask, and means nothing here.
        for name in info.node.items:
            if name in MODEL_INFO:
                reader.fate(info.node, "model_list[].model_info", name, MODEL_INFO)
    lost = reader.take_missing(f"{key}.")
    model_name = reader.text(top, "model_name") or ""
    if not model_name:
        raise ConfigError(item.where, f"{key}.model_name", "is empty", "give the name that clients ask for")
    environments = info.get("supported_environments")
    if isinstance(environments, list) and reader.environ.get("LITELLM_ENVIRONMENT") not in environments:
        reader.say(item.where, key, f"{model_name} is not for this LITELLM_ENVIRONMENT, left out")
        return None
    return _build(key, item, top, params, info, model_name, reader, limits, credentials, lost)


def _own(item: Mapping, key: str, reader: Reader) -> dict[str, Any]:
    for name in item.items:
        reader.fate(item, "model_list[]", name, ENTRY)
    return {
        n: reader.plain(c, f"{key}.{n}") for n, c in item.items.items() if n in ("model_name", "rpm", "tpm")
    }


def _build(
    key: str,
    item: Mapping,
    top: Values,
    params: Values,
    info: Values,
    model_name: str,
    reader: Reader,
    limits: Limits,
    credentials: dict[str, Any],
    lost: list[Any],
) -> Entry:
    unusable = None
    if lost:
        unusable = f"the variable {lost[0].variable} is not set (needed by {lost[0].key})"
    if info.get("blocked") is True:
        unusable = unusable or "it is paused by model_info.blocked"
    mode = reader.text(info, "mode")
    if mode and mode not in MODES:
        unusable = unusable or f"mode {mode[:40]!r} is not supported yet"
    credential = _credential(params, reader, credentials)
    url = reader.text(params, "api_base") or reader.text(params, "base_url") or credential.get("api_base")
    vendor, model, fault = _vendor(params, reader, url)
    api, model = _api(params, vendor, model)
    where = item.where
    mock = params.get("mock_response")
    if mock is not None:
        # Nothing is sent anywhere, so neither key nor address nor provider is needed.
        vendor, url, credential, fault = "openai_compatible", "http://127.0.0.1:9/v1", {}, None
        unusable = None if isinstance(mock, str) else "mock_response is no text"
        params.data.pop("api_key", None)
    draft = Draft(
        where=where,
        key=key,
        vendor=vendor,
        model=model,
        model_name=model_name,
        url=url,
        api_key=reader.text(params, "api_key") or credential.get("api_key"),
        tier=reader.text(info, "tier"),
        unusable=unusable or fault,
        limits=_limits(params, model_name, reader, limits),
        rest={
            **_rest(params, info, model_name, MODES.get(mode or "", "any"), reader, limits),
            **({"mock": mock, "mode": "chat"} if isinstance(mock, str) else {}),
            "vision": _flag("supports_vision", info, params),
            "thinking": _flag("supports_reasoning", info, params),
            **({"lacking": True} if mode and mode not in MODES else {}),
            "api": api,
            "api_version": reader.text(params, "api_version") or credential.get("api_version"),
        },
    )
    if vendor in VENDORS_OF_OLLAMA:
        as_ollama(draft.rest, params, reader)
    order = reader.integer(params, "order", -1000, 999_999)
    if order is None:
        order = reader.integer(info, "order", -1000, 999_999)
    if order is None:
        order = reader.integer(params, "priority", -1000, 999_999)
    rates = {}
    for name in ("rpm", "tpm"):
        found = [r for s in (params, top, info) if (r := reader.number(s, name)) is not None]
        rates[name] = found[0] if found else None
        if found:
            reader.say(
                where, f"model_list[].{name}", "used as a weight; the limit itself is not acted on yet"
            )
    draft.rest["rpm"] = None if rates["rpm"] is None else int(rates["rpm"])
    draft.rest["tpm"] = None if rates["tpm"] is None else int(rates["tpm"])
    return Entry(draft, reader.number(params, "weight"), rates["rpm"], rates["tpm"], order)


def _credential(params: Values, reader: Reader, credentials: dict[str, Any]) -> dict[str, str]:
    name = reader.text(params, "litellm_credential_name")
    if name is None:
        return {}
    values = credentials.get(name)
    if not isinstance(values, dict):
        where, key = params.where("litellm_credential_name"), f"{params.key}.litellm_credential_name"
        reader.say(where, key, f"{name[:60]!r} is not in credential_list", True)
        return {}
    return {k: v for k, v in values.items() if isinstance(v, str)}


def _vendor(params: Values, reader: Reader, url: str | None) -> tuple[str, str, str | None]:
    """Vendor, upstream model, and why it cannot be told."""
    text = (reader.text(params, "model") or "").strip()
    forced = reader.text(params, "custom_llm_provider")
    prefix, slash, rest = text.partition("/")
    if forced:
        return forced, rest if slash and prefix == forced else text, None
    if slash and prefix in VENDORS:
        return prefix, rest, None
    vendor = vendor_of_name(text) if not slash else None
    if vendor is not None:
        return vendor, text, None
    if url:
        where, key = params.where("model"), f"{params.key}.model"
        reader.say(where, key, "names no known provider; taken as openai_compatible", True)
        return "openai_compatible", text, None
    if slash:
        return prefix, rest, None
    return "unknown", text, f"the provider of {text[:60]!r} cannot be told from its name; write provider/name"


def _api(params: Values, vendor: str, model: str) -> tuple[ApiName, str]:
    """By which of OpenAI's protocols the model is asked, and its name without the words that say so
    (`openai/responses/NAME`, `openai/chat_completions/NAME`)."""
    word, _, name = model.partition("/")
    api = _APIS.get(word) if name and vendor == "openai" else None
    if api is not None:
        model = name
    if params.get("use_chat_completions_api") is True:
        api = "chat"
    return api or "auto", model


_APIS: dict[str, ApiName] = {"responses": "responses", "chat_completions": "chat"}


def _limits(params: Values, model_name: str, reader: Reader, limits: Limits) -> Written:
    """A timeout of LiteLLM is how long nothing may arrive, and so a first token and a silence."""
    timeout = reader.seconds(params, "timeout") or limits.by_group.get(model_name) or limits.timeout
    stream = reader.seconds(params, "stream_timeout") or limits.stream_timeout
    key = "stream_timeout" if stream else "timeout"
    stream = stream or timeout
    return Written(
        connect=min(3.0, stream) if stream else None,
        first_token=stream,
        idle=stream,
        answer=timeout,
        stream_keys=(key, key, key),
        answer_key="timeout",
    )


def _rest(
    params: Values, info: Values, model_name: str, mode: str, reader: Reader, limits: Limits
) -> dict[str, Any]:
    retries = reader.integer(params, "num_retries", 0, 15)
    if retries is None:
        retries = reader.integer(params, "max_retries", 0, 15)
    window = reader.integer(info, "max_input_tokens", 1)
    if window is None:
        window = reader.integer(info, "max_tokens", 1)
    budget = reader.number(params, "max_budget")
    parallel = reader.integer(params, "max_parallel_requests", 0)
    return {
        "id": reader.text(info, "id"),
        "mode": mode,
        "description": reader.text(info, "description") or "",
        "defaults": _defaults(params),
        "extra_headers": _headers(params, reader),
        "extra_body": params.get("extra_body") if isinstance(params.get("extra_body"), dict) else {},
        "drop_params": _drops(params, limits),
        "drop_refused": _flag("drop_params", params),
        "retries": retries,
        "max_parallel": limits.max_parallel if parallel is None else parallel,
        "tls_verify": limits.tls_verify and params.get("ssl_verify") is not False,
        "input_price": _first(reader, "input_cost_per_token", params, info),
        "output_price": _first(reader, "output_cost_per_token", params, info),
        "context_window": window,
        "max_budget": reader.number(info, "max_budget") if budget is None else budget,
        "budget_duration": reader.text(params, "budget_duration") or reader.text(info, "budget_duration"),
        "tags": tuple(t for t in params.get("tags") or () if isinstance(t, str))
        if isinstance(params.get("tags"), list)
        else (),
    }


def _drops(params: Values, limits: Limits) -> tuple[str, ...]:
    """Members that are not sent: those that the entry names, and with `drop_params` those that the
    model is known to refuse. What a translation cannot carry is dropped without being asked for."""
    named = params.get("additional_drop_params")
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    said = params.get("drop_params")
    drop = limits.drop_params if said is None else said is True
    model = str(params.get("model") or "").rpartition("/")[2]
    if drop and THINKS.match(model):
        names += UNTHINKING
    return tuple(dict.fromkeys(names))


def _flag(name: str, *sections: Values) -> bool | None:
    return next((value for s in sections if isinstance(value := s.get(name), bool)), None)


def _first(reader: Reader, name: str, *sections: Values) -> float | None:
    found = [n for s in sections if (n := reader.number(s, name)) is not None]
    return found[0] if found else None


def _defaults(params: Values) -> dict[str, Any]:
    return {
        name: value
        for name, value in params.data.items()
        if name not in PARAMS
        and not name.startswith((*PARAM_PREFIXES, "supports_"))
        and "cost_per" not in name
        and value is not None
    }


def _headers(params: Values, reader: Reader) -> dict[str, str]:
    headers: dict[str, str] = {}
    organization = reader.text(params, "organization")
    if organization:
        headers["OpenAI-Organization"] = organization
    for section in ("headers", "extra_headers"):
        given = params.get(section)
        for name, value in given.items() if isinstance(given, dict) else ():
            if value is not None and not isinstance(value, dict | list):
                headers[name] = str(value)
    for name in list(headers):
        if fault := header_fault(name, headers[name]):
            reader.say(
                params.where("extra_headers"), f"{params.key}.extra_headers", f"{fault}: left out", True
            )
            del headers[name]
    return headers
