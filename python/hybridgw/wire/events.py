"""An answer, apart from any wire: a sequence of events, whether it came whole or as a stream.

Order, and what a writer may rely on: at most one `Start`, before all others. Tools of a choice are
numbered from 0 without gaps in the order of their `ToolStart`, which comes before their deltas and
carries id and name once. A whole answer is the same sequence with each text in one delta. `Finish`
comes once per choice; `Usage` may come several times, the last one counts. `Failure` is the last.
"""

import msgspec

from hybridgw.wire.usage import Usage

Raw = msgspec.Raw

OWN_SIGNATURE = "hgw1:"
SEALED_SIGNATURE = OWN_SIGNATURE + "oai:"
"""What begins like one of ours and carries a thought that only OpenAI can read."""
"""How the signature of a thought begins that no maker signed: Messages clients want one and send it
back with the thought. Whoever takes only its own signatures must never be sent such a thought."""


class Start(msgspec.Struct):
    """What the backend says of the answer as a whole."""

    id: str = ""
    model: str = ""


class TextDelta(msgspec.Struct):
    """Text of the answer. `logprobs` is OpenAI's object for it."""

    text: str
    choice: int = 0
    logprobs: Raw | None = None


class ThinkingDelta(msgspec.Struct):
    """What the model thinks before it answers."""

    text: str
    choice: int = 0


class Signature(msgspec.Struct):
    """Ends a thought: its maker's proof, or all of it where only the maker may read it."""

    signature: str = ""
    redacted: str | None = None
    choice: int = 0


class Refusal(msgspec.Struct):
    """Why the model does not answer."""

    text: str
    choice: int = 0


class ToolStart(msgspec.Struct):
    """A call begins. An id is never empty: a reader makes one where the backend has none."""

    index: int
    id: str
    name: str
    choice: int = 0
    signature: str | None = None
    """Gemini's `thoughtSignature`."""


class ToolDelta(msgspec.Struct):
    """JSON text of the arguments of a call; all fragments joined are all of it. A custom tool is known
    to most backends as a function with one text, so what it is given is `{"input": …}` here too."""

    index: int
    arguments: str
    choice: int = 0


class Finish(msgspec.Struct):
    """A choice is complete: stop, length, tool_calls, content_filter."""

    reason: str
    choice: int = 0
    stop_sequence: str | None = None


class Failure(msgspec.Struct):
    """The backend failed inside its answer."""

    message: str
    type: str = ""
    code: str = ""


Event = (
    Start | TextDelta | ThinkingDelta | Signature | Refusal | ToolStart | ToolDelta | Finish | Usage | Failure
)
