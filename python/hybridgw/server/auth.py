"""Who is calling: from the headers of the request that was dispatched, in memory, without I/O.

With a master key every inference call needs it. Without one the gateway serves this machine only,
and three rules keep web pages and other hosts from borrowing it: a loopback `Host` (a rebound DNS
name is not one), no foreign `Origin`, and JSON declared as JSON (which no HTML form can send).
There is no fallback: an error in here refuses the request.
"""

from hybridgw.errors import Refused, RequestError
from hybridgw.native import Principal
from hybridgw.routing.plan import ANONYMOUS, Plan
from hybridgw.server.request import Facts, is_loopback_host, is_loopback_origin


def authenticate(plan: Plan, facts: Facts) -> Principal:
    """The principal of this request, or an error that says what is missing."""
    auth = plan.settings.auth
    if plan.settings.auth_unavailable:
        raise Refused("not_ready", "a key is configured but not available; nobody can be let in")
    if not auth.master_key:
        check_local(plan, facts)
        return ANONYMOUS
    if not facts.key:
        raise RequestError(
            "missing_api_key", "no API key; send it as `Authorization: Bearer KEY`", field="authorization"
        )
    principal = plan.principal(facts.key)
    if principal is None:
        raise RequestError("invalid_api_key", "the API key is not known", field="authorization")
    return principal


def admit(plan: Plan, facts: Facts) -> Principal:
    """The principal of a request with a body. Without a key the body's declared type is what keeps HTML
    forms out; a browser asks before it sends JSON."""
    principal = authenticate(plan, facts)
    if not plan.settings.auth.master_key:
        kind = facts.content_type.partition(b";")[0].strip().lower()
        if kind != b"application/json" and not kind.endswith(b"+json"):
            raise RequestError(
                "unsupported_media_type", "send the body as application/json", field="content-type"
            )
    return principal


def check_local(plan: Plan, facts: Facts) -> None:
    """The rules of a gateway without a key: callers on this machine, and no web page of another
    origin among them."""
    if not is_loopback_host(facts.host):
        raise RequestError(
            "forbidden_host",
            "without a master key the gateway answers to loopback names only; "
            "set auth.master_key to serve other hosts",
            field="host",
        )
    if facts.origin is not None and not origin_allowed(plan, facts.origin):
        raise RequestError("forbidden_origin", "this origin may not call the gateway", field="origin")


def origin_allowed(plan: Plan, origin: bytes) -> bool:
    """Whether a page of this origin may call: listed ones always, local ones while no key is set."""
    listed = plan.settings.server.allowed_origins
    if "*" in listed or origin.decode("latin-1") in listed:
        return True
    return not plan.settings.auth.master_key and is_loopback_origin(origin)
