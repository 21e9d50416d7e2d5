"""Whether the arguments of a call are all there.

A model that is stopped amid a call leaves half a document, and backends tell such an end as an ordinary
one often enough. Every writer asks here before it tells a client that the call can be made.
"""

from collections.abc import Sequence

import msgspec

_document = msgspec.json.Decoder(msgspec.Raw)


def are_whole(fragments: Sequence[str]) -> bool:
    """Whether these fragments together are one JSON document. None at all are: a function without
    parameters is called so."""
    # The last one tells most often that more has to come; joining is for those that might be the end.
    last = fragments[-1].rstrip() if fragments else ""
    if last and last[-1] not in '}]"' and not last[-1].isalnum():
        return False
    text = "".join(fragments)
    if not text.strip():
        return True
    try:
        _document.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True
