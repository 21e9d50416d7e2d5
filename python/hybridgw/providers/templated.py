"""Conversations for engines that put them through their model's template.

Many templates take one system message and only as the first; they raise on a second one, and on one
amid the conversation, which agents write. Nothing of it may be lost, and what stands late was said late:
so leading ones are joined into one, and later ones become text of the user at their place, joined with
what the user says beside them, because other templates demand that user and assistant take turns.

`one_system` does it at the hub, `edited` in a body that otherwise passes as it is (Chat, Ollama's chat).
The native side says whether a body needs it (`Decision.late_system`), so that others cost nothing.
"""

from typing import Any

import msgspec

from hybridgw.wire import Message, Part, Text

Raw = msgspec.Raw
_Turn = dict[str, Raw]

_members = msgspec.json.Decoder(dict[str, Raw])
_turns = msgspec.json.Decoder(list[dict[str, Raw]])
_string = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode
_GAP = "\n\n"
_SYSTEM = frozenset({"system", "developer"})
_ANSWERS = frozenset({"tool", "function"})


class _Piece(msgspec.Struct):
    type: str
    text: str


_content = msgspec.json.Decoder(str | list[_Piece] | None)


def one_system(messages: list[Message]) -> list[Message]:
    """The same conversation with at most one system message, at the front. Shares what it need not change."""
    begun = next((at for at, message in enumerate(messages) if message.role != "system"), len(messages))
    if begun <= 1 and all(message.role != "system" for message in messages[begun:]):
        return messages
    told: list[Message] = []
    if preamble := _GAP.join(filter(None, map(_text, messages[:begun]))):
        told.append(Message("system", [Text(preamble)]))
    moved = False
    """Whether the last message told is a user's who would not have spoken."""
    for message in messages[begun:]:
        if message.role == "system":
            if not (text := _text(message)):
                continue
            if told and told[-1].role == "user":
                told[-1] = _joined(told[-1], [Text(text)])
            else:
                told.append(Message("user", [Text(text)]))
                moved = True
            continue
        if moved and message.role == "user" and told[-1].role == "user":
            message = msgspec.structs.replace(_joined(told.pop(), message.parts), name=message.name)
        told.append(message)
        moved = False
    return told


def _text(message: Message) -> str:
    return _GAP.join(part.text for part in message.parts if isinstance(part, Text) and part.text)


def _joined(message: Message, parts: list[Part]) -> Message:
    """`message` with more behind it; texts that meet become one, since many templates take no list."""
    last, more = message.parts[-1:], parts[:1]
    if last and more and isinstance(last[0], Text) and isinstance(more[0], Text):
        parts = [Text(last[0].text + _GAP + more[0].text), *parts[1:]]
        return msgspec.structs.replace(message, parts=[*message.parts[:-1], *parts])
    return msgspec.structs.replace(message, parts=[*message.parts, *parts])


def edited(body: bytes) -> bytes:
    """The same for a body with `messages` in the words of Chat or of Ollama. A body of which the rest
    cannot be read so (a system message that holds more than text) stays as it is: the engine judges it."""
    members = _members.decode(body)
    try:
        turns = _rearranged(_turns.decode(members["messages"]))
    except (msgspec.ValidationError, KeyError):
        return body
    return _encode({**members, "messages": turns})


def _rearranged(turns: list[_Turn]) -> list[_Turn]:
    begun = next((at for at, turn in enumerate(turns) if not _is(turn, _SYSTEM)), len(turns))
    told: list[_Turn] = []
    if begun:
        preamble = _GAP.join(filter(None, map(_said, turns[:begun])))
        told.append({**turns[0], "role": Raw(b'"system"'), "content": _raw(preamble)})
    late: list[str] = []
    """Said between a call and its answers, which nothing may part."""
    moved = False
    for turn in turns[begun:]:
        if _is(turn, _SYSTEM):
            late.append(_said(turn))
            continue
        if _is(turn, _ANSWERS):
            told.append(turn)
            continue
        moved = _tell(told, late) or moved
        if moved and _speaks(turn) and _speaks(told[-1]):
            turn = {**turn, "content": _raw(_said(told.pop()) + _GAP + _said(turn))}
        told.append(turn)
        moved = False
    _tell(told, late)
    return told


def _tell(told: list[_Turn], late: list[str]) -> bool:
    """Put what was held back behind what was told; whether that took a message of its own."""
    text = _GAP.join(filter(None, late))
    late.clear()
    if not text:
        return False
    if told and _speaks(told[-1]):
        told[-1] = {**told[-1], "content": _raw(_said(told[-1]) + _GAP + text)}
        return False
    told.append({"role": Raw(b'"user"'), "content": _raw(text)})
    return True


def _is(turn: _Turn, roles: frozenset[str]) -> bool:
    return _string.decode(turn["role"]).lower() in roles


def _speaks(turn: _Turn) -> bool:
    """Whether it is a user's and its content one text."""
    return _is(turn, frozenset({"user"})) and bytes(turn.get("content", b""))[:1] == b'"'


def _said(turn: _Turn) -> str:
    content: Any = _content.decode(turn.get("content", Raw(b"null")))
    if content is None or isinstance(content, str):
        return content or ""
    return _GAP.join(piece.text for piece in content if piece.text)


def _raw(text: str) -> Raw:
    return Raw(_encode(text))
