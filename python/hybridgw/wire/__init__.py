"""The vocabulary between dialects and providers: one request and one answer, apart from any wire.

Where client and backend speak the same dialect nothing here is used: their bytes pass through.
Elsewhere a dialect reads the client's request into an `Ask`, a provider writes it for its backend
and reads the backend's answer into events, and the dialect writes these for the client. So n
dialects and m providers need n + m translators.

The hub is Chat plus typed extensions (thinking and its signatures, cache marks, signatures of tool
calls): what one wire has and another knows nothing of. It does no I/O, and it never holds a number,
a schema or the arguments of a call in any other form than the text that it came in.
"""

from hybridgw.wire.ask import (
    LONGEST_TOOL_NAME,
    Ask,
    Audio,
    File,
    Format,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from hybridgw.wire.events import (
    OWN_SIGNATURE,
    SEALED_SIGNATURE,
    Event,
    Failure,
    Finish,
    Refusal,
    Signature,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
)
from hybridgw.wire.usage import Usage

__all__ = [
    "LONGEST_TOOL_NAME",
    "OWN_SIGNATURE",
    "SEALED_SIGNATURE",
    "Ask",
    "Audio",
    "Event",
    "Failure",
    "File",
    "Finish",
    "Format",
    "Image",
    "Message",
    "Part",
    "Refusal",
    "Signature",
    "Start",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolDelta",
    "ToolResult",
    "ToolStart",
    "Usage",
]
