"""Hashes that outlive a process: the identity of a deployment and of a whole configuration.

Identity is what breakers, counters and the ledger are kept under, so it must stay the same when a
file is reordered, renamed or edited elsewhere, and change when another upstream is meant. It covers
provider, upstream model, credential and base URL, nothing else. A credential enters only through
its own digest.
"""

import hashlib

import msgspec

from hybridgw.config.schema import Settings

_ZERO = "0" * 16


def deployment_identity(
    provider: str, model: str, api_key: str | None, base_url: str, occurrence: int = 0
) -> str:
    """16 hex digits, never all zero (zero marks a free slot in the state file).

    A file may name one upstream twice (two weights, two sets of defaults): `occurrence` counts them
    from 0 and tells them apart, as they are two places to count requests.
    """
    key = hashlib.sha256((api_key or "").encode("utf-8", "surrogatepass")).hexdigest()
    parts = "\0".join((provider, model, key, base_url, *(str(occurrence),) * bool(occurrence)))
    digest = hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return digest if digest != _ZERO else "0" * 15 + "1"


def config_hash(settings: Settings) -> int:
    """A u64 over everything that changes behaviour: equal settings hash alike in every process."""
    # Where a setting stood and what was said about it are no behaviour.
    effective = msgspec.structs.replace(
        settings,
        source=msgspec.structs.replace(settings.source, path=None, files=()),
        deployments=tuple(msgspec.structs.replace(d, where="") for d in settings.deployments),
        models=tuple(msgspec.structs.replace(m, where="") for m in settings.models),
        notices=(),
        problems=(),
    )
    data = msgspec.json.encode(effective, order="deterministic")
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
