"""OpenAI's encrypted thoughts in the place that the hub has for a maker's proof.

They must come back to OpenAI and may go to nobody else. So they wear the gateway's own mark, by which every
other outbound, and what passes to Anthropic untranslated, knows that a signature is not its maker's.
"""

from hybridgw.wire import SEALED_SIGNATURE


def sealed(encrypted: str) -> str:
    """What stands for `encrypted_content` as a signature."""
    return SEALED_SIGNATURE + encrypted


def unsealed(signature: str | None) -> str | None:
    """The `encrypted_content` of a thought; None for one that is not OpenAI's."""
    if signature is None or not signature.startswith(SEALED_SIGNATURE):
        return None
    return signature[len(SEALED_SIGNATURE) :]
