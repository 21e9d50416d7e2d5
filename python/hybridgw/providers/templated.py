"""Conversations for engines that put them through their model's template.

Many templates take one system message and only as the first; they raise on a second one, and on one
amid the conversation, which agents write. Nothing of it may be lost, and what stands late was said late:
so leading ones are joined into one, and later ones become text of the user at their place: before what the
user says next, else behind what was said last, because other templates demand that user and assistant take
turns.

`one_system` does it at the hub, `edited` in a body that otherwise passes as it is (Chat, Ollama's chat).
The native side says whether a body needs it (`Decision.late_system`), so that others cost nothing.
"""

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


_content = msgspec.json.Decoder(str | list[dict[str, Raw]] | None)


def one_system(messages: list[Message]) -> list[Message]:
    """The same conversation with at most one system message, at the front. Shares what it need not change."""
    begun = next((at for at, message in enumerate(messages) if message.role != "system"), len(messages))
    if begun <= 1 and all(message.role != "system" for message in messages[begun:]):
        return messages
    told: list[Message] = []
    if preamble := _GAP.join(filter(None, map(_text, messages[:begun]))):
        told.append(Message("system", [Text(preamble)]))
    late: list[str] = []
    for message in messages[begun:]:
        if message.role == "system":
            late.append(_text(message))
            continue
        if (text := _taken(late)) and message.role == "user":
            message = msgspec.structs.replace(message, parts=_joined([Text(text)], message.parts))
        elif text:
            _tell(told, text)
        told.append(message)
    if text := _taken(late):
        _tell(told, text)
    return told


def _tell(told: list[Message], text: str) -> None:
    """Behind what the user said last, or as words of its own."""
    if told and told[-1].role == "user":
        told[-1] = msgspec.structs.replace(told[-1], parts=_joined(told[-1].parts, [Text(text)]))
    else:
        told.append(Message("user", [Text(text)]))


def _taken(late: list[str]) -> str:
    """What was held back, which it is no longer."""
    text = _GAP.join(filter(None, late))
    late.clear()
    return text


def _text(message: Message) -> str:
    return _GAP.join(part.text for part in message.parts if isinstance(part, Text) and part.text)


def _joined(before: list[Part], behind: list[Part]) -> list[Part]:
    """Both; texts that meet become one, since many templates take no list."""
    last, more = before[-1:], behind[:1]
    if last and more and isinstance(last[0], Text) and isinstance(more[0], Text):
        return [*before[:-1], Text(last[0].text + _GAP + more[0].text), *behind[1:]]
    return [*before, *behind]


def edited(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The same for a body with `messages` in the words of Chat or of Ollama; and the names of what cannot be
    said of an instruction that is joined or moved (who says it, where to cache it). A message of role
    `developer` is one of role `system`. A body of which the rest cannot be read so (a system message that
    holds more than text) stays as it is: the engine judges it."""
    members = _members.decode(body)
    lost: dict[str, None] = {}
    try:
        turns = _rearranged(_turns.decode(members["messages"]), lost)
    except (msgspec.ValidationError, KeyError):
        return body, ()
    return _encode({**members, "messages": turns}), tuple(lost)


def _rearranged(turns: list[_Turn], lost: dict[str, None]) -> list[_Turn]:
    begun = next((at for at, turn in enumerate(turns) if not _is(turn, _SYSTEM)), len(turns))
    told: list[_Turn] = []
    if begun == 1:
        # Many templates take no list.
        text = _instruction({"content": turns[0].get("content", Raw(b"null"))}, lost)
        told.append({**turns[0], "role": _ROLE, "content": _raw(text)})
    elif begun:
        preamble = _GAP.join(filter(None, [_instruction(turn, lost) for turn in turns[:begun]]))
        told.append({"role": _ROLE, "content": _raw(preamble)})
    late: list[str] = []
    for turn in turns[begun:]:
        if _is(turn, _SYSTEM):
            late.append(_instruction(turn, lost))
            continue
        # Nothing may part a call from its answers.
        text = "" if _is(turn, _ANSWERS) else _taken(late)
        if text and _speaks(turn):
            turn = {**turn, "content": _raw(text + _GAP + _said(turn))}
        elif text:
            _put(told, text)
        told.append(turn)
    if text := _taken(late):
        _put(told, text)
    return told


_ROLE = Raw(b'"system"')


def _instruction(turn: _Turn, lost: dict[str, None]) -> str:
    """Its text; adds to `lost` what else it says."""
    lost.update(dict.fromkeys(name for name in turn if name not in ("role", "content")))
    content = _content.decode(turn.get("content", Raw(b"null")))
    for piece in content if isinstance(content, list) else ():
        lost.update(dict.fromkeys(name for name in piece if name not in ("type", "text")))
    return _said(turn)


def _put(told: list[_Turn], text: str) -> None:
    if told and _speaks(told[-1]):
        told[-1] = {**told[-1], "content": _raw(_said(told[-1]) + _GAP + text)}
    else:
        told.append({"role": Raw(b'"user"'), "content": _raw(text)})


def _is(turn: _Turn, roles: frozenset[str]) -> bool:
    return _string.decode(turn["role"]).lower() in roles


def _speaks(turn: _Turn) -> bool:
    """Whether it is a user's and its content one text."""
    return _is(turn, frozenset({"user"})) and bytes(turn.get("content", b""))[:1] == b'"'


def _said(turn: _Turn) -> str:
    content = _content.decode(turn.get("content", Raw(b"null")))
    if content is None or isinstance(content, str):
        return content or ""
    return _GAP.join(filter(None, [_string.decode(piece["text"]) for piece in content]))


def _raw(text: str) -> Raw:
    return Raw(_encode(text))
