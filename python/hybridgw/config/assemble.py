"""From what a file says about an upstream to a complete deployment: the rules all loaders share.

A loader translates words and hands over a `Draft`; here the vendor is looked up, the base URL and
key completed, the tier and boundary found, the identity computed. Keeping this out of the loaders
is what makes the same upstream the same deployment whichever file named it.

A deployment that cannot work is kept and marked, never dropped and never fatal: its name still
answers, with a reason. Boundaries only ever move outwards here; nothing makes an upstream count as
nearer than its address allows.
"""

from collections.abc import Iterable
from collections.abc import Mapping as Environment
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.config.azure import azure_address, azure_model, is_azure
from hybridgw.config.bind import nearest
from hybridgw.config.digest import deployment_identity
from hybridgw.config.errors import ConfigError
from hybridgw.config.limits import Written, limits
from hybridgw.config.place import RANK, Place, place_of
from hybridgw.config.providers import VENDORS, Vendor, is_hosted_ollama
from hybridgw.config.schema import BoundaryName, DeploymentSettings, Notice, Problem, TierSettings
from hybridgw.core import Target

_PATH_TAILS = ("/chat/completions", "/completions", "/embeddings", "/messages")
_UNKNOWN = Vendor(provider=None)


class Draft(msgspec.Struct, kw_only=True):
    """An upstream in a file's own words."""

    where: str
    key: str
    vendor: str
    model: str
    model_name: str
    name: str | None = None
    """None: `tier/model_name`, made unique."""
    url: str | None = None
    api_key: str | None = None
    tier: str | None = None
    boundary: BoundaryName | None = None
    unusable: str | None = None
    limits: Written = Written()
    rest: dict[str, Any] = {}
    """Further members of DeploymentSettings, as they are."""


def secret_fault(text: str) -> str | None:
    """Why a credential cannot stand in a header, without showing it; None if it can."""
    if all("!" <= c <= "~" for c in text):
        return None
    return "the key holds a space, a control character or a letter outside ASCII"


def clean_url(text: str, vendor: Vendor) -> str:
    """A base URL in its one form: no trailing slash, ending in the version path that the
    provider's own paths follow. ValueError says what is wrong."""
    url = text.strip()
    if not all("!" <= c <= "~" for c in url) or any(c in url for c in '\\"<>^`{|}'):
        raise ValueError("holds characters that no URL has")
    if "@" in url:
        # Said before anything quotes the address: what stands before the @ may be a password.
        raise ValueError("a base URL carries no user or password")
    target = Target.parse(url)
    host = target.host
    if not all(c.isalnum() or c in "-._:%" for c in host) or not any(c.isalnum() or c == ":" for c in host):
        raise ValueError("names no valid host")
    path = target.path
    for tail in _PATH_TAILS:
        if path.endswith(tail):
            path = path[: -len(tail)]
            break
    if not path or (vendor.engine and not path.endswith("/v1")):
        path = f"{path}{vendor.version}"
    return f"{target.scheme}://{target.authority}{path}"


class Assembler:
    """Collects the deployments of one configuration, with everything to be said about them."""

    def __init__(
        self,
        environ: Environment[str, str],
        networks: BoundaryNetworks,
        tiers: Iterable[TierSettings],
        strict: bool,
    ) -> None:
        self.environ = environ
        self.networks = networks
        self.tiers = tuple(tiers)
        self.strict = strict
        """Native files: a mistake is an error. Others: it puts the deployment out of use."""
        self.deployments: list[DeploymentSettings] = []
        self.notices: list[Notice] = []
        self.problems: list[Problem] = []
        self._names: set[str] = set()
        self._hosts_noted: set[str] = set()

    def notice(self, where: str, key: str, message: str, warning: bool = False) -> None:
        self.notices.append(
            Notice(level="warning" if warning else "info", where=where, key=key, message=message)
        )

    def add(self, draft: Draft) -> int:
        """Completes a draft; its index in `deployments`."""
        vendor = VENDORS.get(draft.vendor)
        reason = draft.unusable
        if vendor is None:
            vendor = _UNKNOWN
            reason = reason or self._unknown_vendor(draft.vendor)
        elif vendor.provider is None:
            reason = reason or f"provider {draft.vendor} is not supported yet"
        if not draft.model:
            reason = reason or "no upstream model is given"
        if vendor.azure:
            draft.model = azure_model(draft.model)
        else:
            draft.rest.pop("api_version", None)
        if draft.rest.get("api") == "responses" and vendor.provider != "openai":
            raise ConfigError(
                draft.where,
                f"{draft.key}.api",
                f"provider {draft.vendor[:60]} is not asked by Responses",
                "leave it out, or use provider openai with the server's URL",
            )
        base_url, url_fault = self._base_url(draft, vendor)
        api_key, key_fault = self._api_key(draft, vendor, base_url)
        reason = reason or url_fault or key_fault
        draft.rest.setdefault("lacking", vendor.provider is None)
        place = self._place(draft, vendor, base_url)
        tier, boundary = self._tier(draft, place, base_url)
        provider = vendor.provider or draft.vendor
        thoughts = draft.rest.pop("thoughts", None) or vendor.thoughts
        name = self._name(draft, tier)
        stream, whole = limits(boundary, draft.limits)
        same = (provider, draft.model, api_key, base_url)
        occurrence = sum((d.provider, d.model, d.api_key, d.base_url) == same for d in self.deployments)
        self.deployments.append(
            DeploymentSettings(
                name=name,
                model_name=draft.model_name,
                provider=provider,
                model=draft.model,
                base_url=base_url,
                tier=tier,
                boundary=boundary,
                identity=deployment_identity(*same, occurrence),
                api_key=api_key,
                thoughts=thoughts,
                unusable=reason,
                where=draft.where,
                timeouts=stream,
                answer_timeouts=whole,
                first_token_written=draft.limits.first_token is not None,
                **draft.rest,
            )
        )
        if reason:
            self.problems.append(Problem(where=draft.where, key=draft.key, message=reason, deployment=name))
        return len(self.deployments) - 1

    @staticmethod
    def _unknown_vendor(name: str) -> str:
        hint = nearest(name, VENDORS)
        hint = hint if hint.startswith("did") else "use openai_compatible with a URL"
        return f"provider {name[:60]!r} is not known; {hint}"

    def _base_url(self, draft: Draft, vendor: Vendor) -> tuple[str, str | None]:
        text = draft.url
        if not text:
            text = next((v for n in vendor.base_env if (v := self.environ.get(n, ""))), vendor.base_url)
        if not text:
            return "", f"no address is known for provider {draft.vendor[:60]}; give its URL"
        try:
            if vendor.azure:
                text = self._azure(draft, text)
            return (clean_url(text, vendor) if vendor.provider else text.strip().rstrip("/")), None
        except ValueError as error:
            message = str(error)
            if self.strict and not draft.unusable:
                raise ConfigError(
                    draft.where, f"{draft.key}.url", message, "write it like http://127.0.0.1:8000"
                ) from None
            return "", f"the address cannot be used: {message}"

    def _azure(self, draft: Draft, text: str) -> str:
        said = draft.rest.get("api_version") or self.environ.get("AZURE_API_VERSION") or None
        url, draft.rest["api_version"] = azure_address(text, draft.model, said)
        return url

    def _api_key(self, draft: Draft, vendor: Vendor, base_url: str) -> tuple[str | None, str | None]:
        key = (draft.api_key or "").strip()
        if not key and self._is_own_address(vendor, base_url):
            # A key from the environment goes to its vendor only, never to another address.
            key = next((v for n in vendor.key_env if (v := self.environ.get(n, "").strip())), "")
            if not key and vendor.needs_key:
                return None, f"no api_key is given and {vendor.key_env[0]} is not set"
        if key and (fault := secret_fault(key)):
            return None, fault
        return key or None, None

    def _is_own_address(self, vendor: Vendor, base_url: str) -> bool:
        def domain(url: str) -> str:
            return ".".join((_host(url)).rsplit(".", 2)[-2:])

        if vendor.azure and is_azure(_host(base_url)):
            return True
        own = [vendor.base_url, *(self.environ.get(n, "") for n in vendor.base_env)]
        if vendor.base_url and vendor.needs_key and domain(vendor.base_url) == domain(base_url):
            return True
        return any(u and _host(u) == _host(base_url) for u in own)

    def _place(self, draft: Draft, vendor: Vendor, base_url: str) -> Place:
        if not base_url:
            # Nothing is known about where it is, so it is far away.
            return Place("cloud", "external", False)
        if vendor.provider == "ollama" and is_hosted_ollama(draft.model):
            return Place("cloud", "external", True)
        host = _host(base_url)
        place = place_of(host, self.networks)
        if place.unlisted and draft.tier is None and draft.boundary is None and host not in self._hosts_noted:
            self._hosts_noted.add(host)
            self.notice(
                draft.where,
                draft.key,
                f"{host} looks like a host of the organization, or of this device's containers; its network "
                "must stand in boundaries.organization.networks, or boundaries.device.networks, or what is "
                "sensitive is refused when connecting; where the name resolves, the line to write is named",
                warning=True,
            )
        return place

    def _tier(self, draft: Draft, place: Place, base_url: str) -> tuple[str, BoundaryName]:
        known = {t.name: t for t in self.tiers}
        chosen = known.get(draft.tier) if draft.tier else None
        if draft.tier and chosen is None:
            fix = nearest(draft.tier, known)
            key, what = f"{draft.key}.tier", f"{draft.tier[:60]!r} is not a tier"
            if self.strict:
                raise ConfigError(draft.where, key, what, fix)
            self.notice(draft.where, key, f"{what}, ignored; {fix}", True)
        boundary: BoundaryName = draft.boundary or (chosen.boundary if chosen else place.boundary)
        if RANK[place.boundary] > RANK[boundary]:
            if place.certain:
                self.notice(
                    draft.where,
                    draft.key,
                    f"declared {boundary}, but its address is {place.boundary}: treated as {place.boundary}",
                    True,
                )
                boundary = place.boundary
            elif base_url:
                self.notice(
                    draft.where,
                    draft.key,
                    f"declared {boundary}: requests limited to {boundary} are refused when {_host(base_url)} "
                    f"does not resolve into boundaries.{boundary}.networks",
                    True,
                )
        if chosen is not None:
            return chosen.name, boundary
        if place.tier in known and draft.boundary is None:
            return place.tier, boundary
        same = [t.name for t in self.tiers if t.boundary == boundary]
        return (same[0] if same else self.tiers[-1].name), boundary

    def _name(self, draft: Draft, tier: str) -> str:
        if draft.name is not None:
            if draft.name in self._names:
                raise ConfigError(
                    draft.where,
                    f"{draft.key}.name",
                    f"{draft.name[:60]!r} is used by two deployments",
                    "give each its own name",
                )
            name = draft.name
        else:
            base = name = f"{tier}/{draft.model_name}"
            number = 2
            while name in self._names:
                name = f"{base}-{number}"
                number += 1
        self._names.add(name)
        return name


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
