"""Every error a client can get: its code, and its status and type in both catalogues.

`native` uses the statuses and codes that OpenAI's clients act on. `litellm` answers as a LiteLLM
Proxy does, where applications have come to depend on it: an unknown model is a 400, `code` holds
the status. The table is data, so that `docs/errors.md` is made from it and a test can demand a
case for each row. Only `server.rescue` reads it.
"""

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One error: what it means, whose fault it is, how it is answered."""

    meaning: str
    whose: str
    status: int
    type: str
    litellm_status: int
    litellm_type: str
    retry: bool | None = None
    """`x-should-retry`: False forbids the SDKs' own retries, None leaves it to the status."""
    code: str | None = None
    """The code on the wire where it is not the internal one (OpenAI's own words)."""


_INVALID = "invalid_request_error"
_SERVER = "server_error"
_INTERNAL = "internal_server_error"


def _bad_request(meaning: str, code: str | None = None) -> Row:
    return Row(meaning, "client", 400, _INVALID, 400, _INVALID, code=code)


CATALOGUE: dict[str, Row] = {
    "invalid_json": _bad_request("The body is not one JSON object."),
    "invalid_utf8": _bad_request("The body is not UTF-8.", "invalid_json"),
    "duplicate_key": _bad_request("A top-level member occurs twice."),
    "ambiguous_key": _bad_request("A top-level member differs from a known one in case only."),
    "too_deep": _bad_request("The body nests deeper than 64 levels.", "invalid_json"),
    "too_many_members": _bad_request("The body has too many top-level members.", "invalid_json"),
    "wrong_type": _bad_request("A member has the wrong type.", "invalid_type"),
    "invalid_value": _bad_request("A member has a value that is not allowed."),
    "missing_field": _bad_request("A required member is missing.", "missing_required_parameter"),
    "unknown_hint": _bad_request("A routing hint, or its value, does not exist."),
    "unsupported_content": _bad_request("The chosen backend cannot take a part of the content."),
    "unsupported_parameter": _bad_request("The chosen backend cannot do what a member asks for."),
    "context_length_exceeded": _bad_request("The prompt is longer than any allowed model takes."),
    "previous_response_not_found": _bad_request("No stored response of this key has that id."),
    "content_filter": _bad_request("The upstream's content filter refused."),
    "invalid_encoding": _bad_request("The body is not what its content-encoding says."),
    "bad_request": _bad_request("The HTTP request itself is malformed."),
    "upstream_rejected": _bad_request("The upstream refused the request; its own status is passed on."),
    "unsupported_media_type": Row(
        "The body is not declared as JSON, or its content-encoding is not taken.",
        "client", 415, _INVALID, 400, _INVALID,
    ),
    "missing_api_key": Row(
        "No key was sent.", "client", 401, _INVALID, 401, "auth_error", code="invalid_api_key"
    ),
    "invalid_api_key": Row("The key is not known.", "client", 401, _INVALID, 401, "auth_error"),
    "policy_denied": Row(
        "No deployment that exists may see this request.",
        "client", 403, "permission_error", 403, "permission_error", retry=False,
    ),
    "forbidden_host": Row(
        "Without a master key only loopback Host names are answered.",
        "client", 403, "permission_error", 403, "permission_error", retry=False,
    ),
    "forbidden_origin": Row(
        "A web page of another origin called.",
        "client", 403, "permission_error", 403, "permission_error", retry=False,
    ),
    "model_not_found": Row("The model is not configured.", "client", 404, _INVALID, 400, _INVALID),
    "response_not_found": Row(
        "No stored response of this key has that id.", "client", 404, _INVALID, 404, _INVALID
    ),
    "unknown_url": Row("The path does not exist.", "client", 404, _INVALID, 404, _INVALID),
    "method_not_allowed": Row("The path takes another method.", "client", 405, _INVALID, 405, _INVALID),
    "request_timeout": Row("The body did not arrive in time.", "client", 408, _INVALID, 408, _INVALID),
    "request_too_large": Row("The body is larger than allowed.", "client", 413, _INVALID, 413, _INVALID),
    "headers_too_large": Row("The headers are larger than 64 KiB.", "client", 431, _INVALID, 431, _INVALID),
    "upgrade_required": Row("WebSockets are not spoken here.", "client", 426, _INVALID, 426, _INVALID),
    "rate_limit_exceeded": Row(
        "Every allowed deployment is shedding load.",
        "upstream", 429, "rate_limit_error", 429, "throttling_error",
    ),
    "too_many_requests": Row(
        "As many requests run as `server.max_parallel` allows.",
        "gateway", 429, "rate_limit_error", 429, "throttling_error", code="rate_limit_exceeded",
    ),
    "upstream_quota": Row(
        "Our account with the upstream is out of credit, or its spend limit is reached.",
        "gateway", 429, "insufficient_quota", 429, "insufficient_quota",
        retry=False, code="insufficient_quota",
    ),
    "over_quota": Row(
        "The request is larger than what the upstream's quota or credit admits at once.",
        "client", 429, "rate_limit_error", 429, "throttling_error", retry=False, code="rate_limit_exceeded",
    ),
    "upstream_model": Row(
        "The upstream does not have the configured model, or does not serve this kind of request with it.",
        "gateway", 502, _SERVER, 502, _INTERNAL, retry=False,
    ),
    "upstream_auth": Row(
        "The upstream rejected our key. Not a 401: agents would ask their user to log in again.",
        "gateway", 502, _SERVER, 502, _INTERNAL, retry=False,
    ),
    "upstream_error": Row(
        "The upstream failed, refused the connection or did not speak the protocol.",
        "upstream", 502, _SERVER, 500, _INTERNAL,
    ),
    "upstream_truncated": Row(
        "The upstream closed before its answer was complete.", "upstream", 502, _SERVER, 500, _INTERNAL
    ),
    "upstream_timeout": Row(
        "The upstream was silent for too long.", "upstream", 504, _SERVER, 408, _INVALID
    ),
    "client_timeout": Row(
        "The time that the request itself gave ran out.", "client", 504, _SERVER, 408, _INVALID, retry=False
    ),
    "no_candidate": Row(
        "The model is configured but no deployment of it can serve this request.",
        "client", 404, _INVALID, 400, _INVALID, code="model_not_found",
    ),
    "all_unavailable": Row(
        "Deployments exist but none can be tried now.",
        "upstream", 503, _SERVER, 429, "all_deployments_in_cooldown", code="overloaded",
    ),
    "misconfigured": Row(
        "The model is configured, but no deployment of it can be called; the message says what is missing.",
        "gateway", 500, _SERVER, 500, _INTERNAL, retry=False,
    ),
    "overloaded": Row("The gateway is at its limits.", "gateway", 503, _SERVER, 503, _INTERNAL),
    "journal_full": Row(
        "The journal has no space: nothing is served that cannot be accounted for.",
        "gateway", 503, _SERVER, 503, _INTERNAL, code="overloaded",
    ),
    "draining": Row(
        "The gateway is stopping.", "gateway", 503, _SERVER, 503, _INTERNAL, code="overloaded"
    ),
    "not_ready": Row("The gateway is not ready yet.", "gateway", 503, _SERVER, 503, _INTERNAL),
    "internal_error": Row("A fault of the gateway itself.", "gateway", 500, _SERVER, 500, _INTERNAL),
}  # fmt: skip
