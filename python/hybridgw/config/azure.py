"""Addresses of Azure OpenAI, of which there are two kinds.

The older one names the deployment in the path and demands an `api-version` behind it; the newer one
(`…/openai/v1`) is as OpenAI's own and names the deployment in the body. People write anything from the
bare host to the whole address that the portal shows; all of it ends in one of the two here.
"""

from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

OLDEST_KEPT = "2024-10-21"
"""The version asked for where nobody said one: the last one of the older kind that is not a preview."""

DOMAINS = ("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com")
"""Where keys for Azure may go without being named for an address."""


def azure_address(url: str, model: str, version: str | None) -> tuple[str, str | None]:
    """Base URL and version. ValueError where no address can be made."""
    parts = urlsplit(url.strip())
    asked = parse_qs(parts.query).get("api-version")
    version = version or (asked[0] if asked else None)
    path = parts.path.rstrip("/")
    before, found, after = path.partition("/openai/deployments/")
    if (at := path.find("/openai/v1")) >= 0 and path[at + 10 : at + 11] in ("", "/"):
        path = path[: at + len("/openai/v1")]
    else:
        name = after.partition("/")[0] if found else quote(model, safe="")
        if "*" in model and not found:
            raise ValueError("for a wildcard it must end in /openai/v1")
        before = before if found else path.removesuffix("/openai")
        path = f"{before}/openai/deployments/{name}"
        version = version or OLDEST_KEPT
    if version is not None and not all(c.isalnum() or c in "-._" for c in version):
        raise ValueError("holds no valid api-version")
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), version


def azure_model(model: str) -> str:
    """The deployment's name without the words that LiteLLM puts before it."""
    for word in ("o_series/", "gpt5_series/"):
        model = model.removeprefix(word)
    return model


def is_azure(host: str) -> bool:
    """Whether a host is one of Azure's for these models."""
    return host.endswith(tuple("." + domain for domain in DOMAINS))
