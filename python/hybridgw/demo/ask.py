"""Requests to the imitated model, read as far as they change the answer.

What no engine would take is refused: a demo that forgives makes a client look right that is wrong.
Members that the demo does not act on are ignored, as most engines do.
"""

import re
from typing import Any

import msgspec

TOKEN = re.compile(r"\S+\s*|\s+")
"""What counts as a token: a word with the blanks behind it."""


class AskError(ValueError):
    """The request is not one that an OpenAI endpoint would take; `param` names the member."""

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.status = status


class Ask(msgspec.Struct, frozen=True):
    """The members of a request that change the answer."""

    chat: bool
    model: str
    stream: bool
    include_usage: bool
    prompts: int
    n: int
    limit: int | None
    stops: tuple[str, ...]
    logprobs: bool
    top: int
    json_mode: bool
    tool: tuple[str, str] | None
    """Name and arguments of the tool call to make."""
    prompt_tokens: int
    prompt_chars: int


def read(body: Any, *, chat: bool) -> Ask:
    """Read a decoded chat (or legacy completion) request. Raises AskError."""
    if not isinstance(body, dict):
        raise AskError("the body is not a JSON object")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise AskError("you must provide a model parameter", "model")
    texts, users, prompts = _texts(body, chat)
    options = body.get("stream_options") or {}
    limit = body.get("max_completion_tokens")
    if limit is None:
        limit = body.get("max_tokens")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise AskError("max_tokens is a positive integer", "max_tokens")
    n = body.get("n") or 1
    if not isinstance(n, int) or not 1 <= n <= 128:
        raise AskError("n is an integer between 1 and 128", "n")
    stop = body.get("stop")
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    wanted = body.get("logprobs")
    chars = sum(map(len, texts))
    return Ask(
        chat=chat,
        model=model,
        stream=body.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        prompts=prompts,
        n=n,
        limit=limit,
        stops=tuple(s for s in stops if isinstance(s, str) and s),
        logprobs=bool(wanted) if chat else isinstance(wanted, int) and wanted is not False,
        top=int(body.get("top_logprobs") or 0) if chat else int(wanted or 0),
        json_mode=(body.get("response_format") or {}).get("type") in ("json_object", "json_schema"),
        tool=_tool(body, users) if chat else None,
        prompt_tokens=max(1, sum(len(TOKEN.findall(t)) for t in texts) + 3 * len(texts)),
        prompt_chars=chars,
    )


def _texts(body: dict[str, Any], chat: bool) -> tuple[list[str], str, int]:
    """Every text of the request, the last user text, and the number of prompts."""
    if not chat:
        prompt = body.get("prompt")
        if isinstance(prompt, str):
            return [prompt], prompt, 1
        if isinstance(prompt, list) and prompt and all(isinstance(p, str) for p in prompt):
            return prompt, prompt[-1], len(prompt)
        if isinstance(prompt, list) and prompt and all(isinstance(p, int) for p in prompt):
            return [" x" * len(prompt)], "", 1
        if isinstance(prompt, list) and prompt and all(isinstance(p, list) for p in prompt):
            return [" x" * len(p) for p in prompt], "", len(prompt)
        raise AskError("prompt is a string, a list of strings or token ids", "prompt")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise AskError("messages is a non-empty list", "messages")
    texts: list[str] = []
    user = ""
    for i, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise AskError(f"messages[{i}] needs a role", f"messages[{i}].role")
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        text = " ".join(p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str))
        texts.append(text)
        if message["role"] == "user":
            user = text
    return texts, user, 1


def _tool(body: dict[str, Any], user: str) -> tuple[str, str] | None:
    """The tool call to make: only when tools were given and the user (or `tool_choice`) asked for one."""
    tools = [t.get("function") or {} for t in body.get("tools") or () if isinstance(t, dict)]
    tools = [t for t in tools if isinstance(t.get("name"), str)]
    choice = body.get("tool_choice")
    if not tools or choice == "none":
        return None
    named = (choice.get("function") or {}).get("name") if isinstance(choice, dict) else None
    if named is None and choice != "required" and "use a tool" not in user.lower():
        return None
    tool = next((t for t in tools if t["name"] == named), tools[0])
    properties = (tool.get("parameters") or {}).get("properties") or {}
    samples: dict[Any, Any] = {"string": "demo", "integer": 1, "number": 1.5, "boolean": True}
    samples |= {"array": [], "object": {}}
    arguments = {k: samples.get((v or {}).get("type"), "demo") for k, v in properties.items()}
    return tool["name"], msgspec.json.encode(arguments).decode()
