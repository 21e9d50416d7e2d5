"""Members inside of messages, tools and options: which of them each kind of backend takes, as one table.

A protocol's top-level members are told apart by the plan. Those further inside (`cache_control` of a part,
a custom tool, `strict` of a function, a message of role `developer`) would need a parsed body to be found,
which requests without them must not pay for. So the native side notes them while it reads a body
(`Decision.nested`, a bit each), and here stands what a bit means for a backend:

- it takes the member: nothing is done, and bytes pass as they are;
- it takes no notice of it: nothing is done, and the client is told (`x-hybridgw-dropped`);
- it refuses it, or must not have it: it is cut out of the body (`edited`), and the client is told;
- it wants other words for it: a name is changed in the body, or the request goes through the hub
  (`translate`), which says a custom tool as a function and gives its calls back as the client knows them;
  what even the hub cannot say without another meaning is refused by the name of its field.

The hub carries some of them and not others: `unheard` is what is left unsaid there. Nothing that a user or
a tool said is ever cut here: the table holds hints, marks and thoughts of earlier turns.
"""

from collections.abc import Iterable

import msgspec

from hybridgw.native import NESTED
from hybridgw.providers.capabilities import ANYBODYS, CAPABILITIES

Raw = msgspec.Raw
_Object = dict[str, Raw]

_BITS = {name: 1 << at for at, name in enumerate(NESTED)}
_TOLD_AS = {
    "strict": "tools.function.strict",
    "description": "response_format.json_schema.description",
    "include_obfuscation": "stream_options.include_obfuscation",
}
"""How the client is told of a member, where its own name alone would be unclear."""

_HINTS = frozenset(
    {"cache_control", "prompt_cache_breakpoint", "strict", "detail", "description", "include_obfuscation"}
)
"""What may be left out without another meaning."""
_LOST = _HINTS | {
    "audio", "citations", "transformations", "caller", "toolset_name", "allowed_callers", "defer_loading",
    "eager_input_streaming", "input_examples", "redacted_thinking",
}  # fmt: skip
"""What the hub carries only where a row says so. (Of speech it carries what was said, if that is there.)"""
_THOUGHTS = frozenset({"reasoning_content", "reasoning", "reasoning_details", "thinking"})
"""Thoughts of earlier turns, by the names that makers have for them."""
_KINDS = {"custom": "custom_tools", "allowed_tools": "custom_tools", "file": "files", "input_audio": "audio"}
"""What is said in other words, or refused by name, to a backend that cannot do it; and the capability."""

_CACHE = frozenset({"cache_control", "prompt_cache_breakpoint"})
_OWN_WIRES = {
    # Only thoughts that it signed itself.
    "anthropic": _CACHE | {"strict", "thinking", "reasoning_details", "redacted_thinking"},
    # Notes `strict` where a tool is written.
    "gemini": frozenset({"strict"}),
    "ollama": _THOUGHTS,
}
"""What the outbounds of other wires than Chat carry."""
_NAMELESS = frozenset({"anthropic", "ollama"})
"""Wires without a name for who speaks in a message. (Gemini's notes it where it writes a message.)"""
_OPENAI = frozenset({"openai", "azure_openai"})
"""They refuse members that are not theirs."""


class Nested(msgspec.Struct, frozen=True):
    """What becomes of such members at one deployment."""

    translate: int = 0
    """A Chat request with one of these goes through the hub although its bytes could pass."""
    edit: int = 0
    """A Chat body with one of these is changed before it passes."""
    told: int = 0
    """Where bytes pass: what the backend is not told, or takes no notice of."""
    unheard: int = 0
    """The same for what goes through the hub."""
    strip: frozenset[str] = frozenset()
    thoughts: str = ""
    """The name by which it reads thoughts of earlier turns, where that is one of two."""
    names: bool = True
    """Whether its wire can say who speaks in a message."""

    def edits(self, nested: int) -> bool:
        """Whether a body with these has to be changed."""
        if not nested & self.edit:
            return False
        # Many clients give thoughts back under both names: then the right one is there.
        other = nested & self.edit & ~_bits(self.strip)
        return bool(nested & _bits(self.strip)) or bool(other and not nested & _BITS[self.thoughts])

    @staticmethod
    def names_of(bits: int) -> list[str]:
        """What the client calls these, or what is clear to it; empty for none."""
        return [_TOLD_AS.get(name, name) for name, bit in _BITS.items() if bits & bit] if bits else []

    def left_unsaid(self, nested: int, *, by_responses: bool = False) -> list[str]:
        """What the hub does not carry of these. `by_responses`: its outbound speaks Responses, and notes
        thoughts itself, of which it carries those that it sealed."""
        bits = nested & self.unheard
        if bits and (by_responses or nested & ~self.unheard & _bits(_THOUGHTS)):
            bits &= ~_bits(_THOUGHTS)  # they are told, in one of the forms
        return self.names_of(bits)


def nested(provider: str, templated: bool, thoughts: str | None = None) -> Nested:
    """The row of a provider. `templated`: it puts conversations through its model's template; `thoughts`:
    the configured name of what it takes thoughts back in."""
    if provider in _OWN_WIRES:
        return Nested(
            unheard=_bits((_LOST | _THOUGHTS) - _OWN_WIRES[provider]), names=provider not in _NAMELESS
        )
    can = CAPABILITIES.get(provider)
    if can is None:
        return Nested()
    keeps = thoughts or can.keeps
    carried = (
        can.nested | (_CACHE if can.cache_marks else frozenset()) | (_THOUGHTS if keeps else frozenset())
    )
    unheard = _bits((_LOST | _THOUGHTS) - carried)
    if provider in ANYBODYS:
        # What stands behind such an address is not known: it is sent what the client wrote, but for tools
        # of which an engine knows one kind.
        return Nested(translate=_bits({"custom", "allowed_tools"}) if templated else 0, unheard=unheard)
    translate = {name for name, capability in _KINDS.items() if not getattr(can, capability)}
    if not can.names_tool:
        translate.add("tool_choice")
    if provider in _OPENAI:
        strip = frozenset({"cache_control", "reasoning_content", "reasoning", "reasoning_details"})
        return Nested(
            translate=_bits({"thinking"}),
            edit=_bits(strip),
            told=_bits(strip),
            unheard=unheard,
            strip=strip,
        )
    if provider == "openrouter":
        return Nested(translate=_bits(translate), unheard=unheard)
    translate |= {"refusal", "audio"}
    if not can.reads_thoughts:
        translate.add("thinking")
    told = _HINTS - carried
    other = ""
    if keeps in ("reasoning_content", "reasoning"):
        other = "reasoning" if keeps == "reasoning_content" else "reasoning_content"
        told |= {"reasoning_details"}
    else:
        told |= _THOUGHTS - {"thinking"}
    return Nested(
        translate=_bits(translate),
        edit=_bits({other}) if other else 0,
        told=_bits(told),
        unheard=unheard,
        thoughts=keeps if other else "",
    )


def _bits(names: Iterable[str]) -> int:
    return sum(_BITS[name] for name in names)


_members = msgspec.json.Decoder(_Object)
_objects = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.Encoder().encode


def edited(body: bytes, row: Nested) -> bytes:
    """A Chat body without what the backend must not have, and with thoughts under its name for them. Text
    stays byte for byte; where something is of another type than it should be, the backend judges it."""
    members = _members.decode(body)
    for name in ("messages", "tools"):
        if name in members:
            members[name] = _each(members[name], row, inside=("content",) if name == "messages" else ())
    return _encode(members)


def _each(raw: Raw, row: Nested, inside: tuple[str, ...]) -> Raw:
    if memoryview(raw)[0] != ord("["):
        return raw
    return Raw(_encode([_one(item, row, inside) for item in _objects.decode(raw)]))


def _one(raw: Raw, row: Nested, inside: tuple[str, ...]) -> Raw:
    if memoryview(raw)[0] != ord("{"):
        return raw
    said = _members.decode(raw)
    kept = {name: value for name, value in said.items() if name not in row.strip}
    if row.thoughts:
        for name in ("reasoning_content", "reasoning"):
            if name != row.thoughts and name in kept:
                value = kept.pop(name)
                kept.setdefault(row.thoughts, value)
    for name in inside:
        if name in kept:
            kept[name] = _each(kept[name], row, ())
    return Raw(_encode(kept)) if kept != said else raw
