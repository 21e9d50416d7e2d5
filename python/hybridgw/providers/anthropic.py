"""Anthropic's own API, for clients that do not speak Messages.

Requests go out under the newest version of the API, which refuses sampling parameters even at their
defaults; a model that is configured with `sampling` still takes them, under the older version. What
Anthropic has no counterpart for is noted as dropped; content that it cannot take is refused.

Ids and names of tools have a small alphabet there. They are rewritten on the way out and names are put
back on the way in, so that no client sees that.
"""

import hashlib
from typing import Any

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.anthropic_answer import Answer
from hybridgw.providers.anthropic_models import Thinks, how_it_thinks, longest_answer, takes_both
from hybridgw.providers.anthropic_turns import Turns, Words
from hybridgw.providers.base import Backend, Header
from hybridgw.providers.configured import leave_out, write
from hybridgw.wire import Ask, Event, Tool

Raw = msgspec.Raw

_NEWEST = ((b"anthropic-version", b"2026-10-21"),)
_SAMPLING = ((b"anthropic-version", b"2023-06-01"),)

_LONGEST_NAME = 128
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_TEXT_INPUT = Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')
_ANYTHING = Raw(b'{"type":"object"}')
_JSON_ONLY = "Answer with one JSON object and nothing else."

_EFFORTS = {"minimal": "low"}
_BUDGETS = {"minimal": 2048, "low": 2048, "medium": 8192}
_LARGEST_BUDGET = 16384
_SMALLEST_BUDGET = 1024

_OWN = ("thinking", "cache_control", "inference_geo", "speed", "container")
"""Members of Messages that clients of other dialects add by hand, and mean."""
_WRITTEN = frozenset({*_OWN, "metadata"})
"""What a configuration says in Anthropic's words, though Chat has a member of this name."""
_NO_COUNTERPART = ("seed", "presence_penalty", "frequency_penalty", "top_logprobs", "verbosity")

_encode = msgspec.json.Encoder().encode


class Anthropic:
    """One exchange."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._names = Words(_LONGEST_NAME)
        self._answer = Answer(self._names)

    def path(self, ask: Ask) -> str:
        """The same for all."""
        return "/messages" + self._backend.query

    def headers(self, ask: Ask) -> tuple[Header, ...]:
        """The version of the API: the older one takes sampling parameters."""
        return _SAMPLING if self._backend.sampling else _NEWEST

    def request(self, ask: Ask) -> bytes:
        """The body. RequestError for content that Anthropic's models cannot take."""
        if ask.n != 1:
            raise RequestError("unsupported_parameter", "Anthropic's models give one answer", field="n")
        tools = self._tools(ask)
        turns = Turns(self._names)
        turns.add(ask)
        body: dict[str, Any] = {"model": ask.model, "max_tokens": self._limit(ask)}
        if turns.system:
            body["system"] = turns.system
        body["messages"] = turns.messages
        if not tools and turns.called:
            # Calls in the history are refused where no tools are, so they are described, and closed.
            tools = [{"name": self._names.say(name), "input_schema": _NO_PARAMETERS} for name in turns.called]
            body["tools"], body["tool_choice"] = tools, {"type": "none"}
        elif tools:
            body["tools"] = tools
            choice = self._choice(ask)
            if choice is not None:
                body["tool_choice"] = choice
        self._think(ask, body, turns)
        self._format(ask, body)
        if ask.stop:
            body["stop_sequences"] = [text for text in ask.stop if text.strip()]
            if len(body["stop_sequences"]) < len(ask.stop):
                ask.drop("stop")
        self._sample(ask, body)
        if ask.user:
            # Never a name or an address of a person, which many clients put here.
            body["metadata"] = {"user_id": hashlib.sha256(ask.user.encode()).hexdigest()}
        if ask.service_tier == "auto" or ask.service_tier == "default":
            body["service_tier"] = "auto" if ask.service_tier == "auto" else "standard_only"
        elif "service_tier" in ask.configured:
            body["service_tier"] = ask.service_tier
        elif ask.service_tier is not None:
            ask.drop("service_tier")
        if ask.stream:
            body["stream"] = True
        self._leftovers(ask, body)
        return _encode(body)

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""
        return self._answer.whole(body)

    def feed(self, events: bytes) -> list[Event]:
        """Complete events of a stream."""
        return self._answer.feed(events)

    def close(self) -> list[Event]:
        """Nothing: the end is told by events."""
        return []

    def _limit(self, ask: Ask) -> int:
        return longest(self._backend, ask.model) if ask.max_tokens is None else ask.max_tokens

    def _tools(self, ask: Ask) -> list[dict[str, Any]]:
        choice = ask.tool_choice
        narrowed = choice is not None and choice.allowed is not None
        return [self._tool(tool) for tool in (choice.among(ask.tools) if choice and narrowed else ask.tools)]

    def _tool(self, tool: Tool) -> dict[str, Any]:
        told: dict[str, Any] = {"name": self._names.say(tool.name)}
        if tool.description:
            told["description"] = tool.description
        if tool.custom:
            told["input_schema"] = _TEXT_INPUT
            if tool.format is not None:
                # The grammar cannot be enforced, but it can be followed.
                grammar = f"The input must follow this format: {bytes(tool.format).decode()}"
                told["description"] = f"{tool.description}\n\n{grammar}" if tool.description else grammar
        else:
            told["input_schema"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
            if tool.strict is not None:
                told["strict"] = tool.strict
        if tool.cache is not None:
            told["cache_control"] = tool.cache
        return told

    def _choice(self, ask: Ask) -> dict[str, Any] | None:
        wanted = ask.tool_choice
        choice: dict[str, Any] | None = None
        if wanted is not None:
            if wanted.mode == "none":
                return {"type": "none"}
            if wanted.mode == "required":
                choice = {"type": "any"}
            elif wanted.mode == "named":
                choice = {"type": "tool", "name": self._names.say(wanted.name or "")}
            else:
                choice = {"type": "auto"}
        if ask.parallel is False:
            choice = choice or {"type": "auto"}
            choice["disable_parallel_tool_use"] = True
        return choice

    def _think(self, ask: Ask, body: dict[str, Any], turns: Turns) -> None:
        """Whether and how much to think. A model that must call a tool does not think before it."""
        effort = ask.effort
        own = "thinking" in ask.extra or "thinking" in ask.configured
        if own or (effort is None and ask.thinking is None):
            return
        way: Thinks = "never" if self._backend.thinking is False else how_it_thinks(ask.model)
        if effort == "none" or ask.thinking == "disabled":
            if way != "never":
                body["thinking"] = {"type": "disabled"}
            return
        forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
        if way == "never":
            ask.drop("reasoning_effort")
        elif way == "adaptive":
            if effort is not None:
                body["output_config"] = {"effort": _EFFORTS.get(effort, effort)}
            if not forced:
                # Said, because the newest models keep their thoughts to themselves otherwise.
                display = "summarized" if ask.show_thinking else "omitted"
                body["thinking"] = {"type": "adaptive", "display": display}
        elif forced or not turns.thinks_on or not self._budget(ask, body):
            ask.drop("reasoning_effort")

    def _budget(self, ask: Ask, body: dict[str, Any]) -> bool:
        """Give the thoughts a budget, on top of the client's limit, which it meant for the answer. False
        where the longest answer of the model has no room for one."""
        budget = ask.thinking_budget or _BUDGETS.get(ask.effort or "medium", _LARGEST_BUDGET)
        asked: int = body["max_tokens"]
        total = max(asked, min(asked + budget, longest(self._backend, ask.model)))
        budget = min(max(budget, _SMALLEST_BUDGET), total - 1)
        if budget < _SMALLEST_BUDGET:
            return False
        body["max_tokens"] = total
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        return True

    def _format(self, ask: Ask, body: dict[str, Any]) -> None:
        form = ask.format
        if form is None:
            return
        if form.kind == "json_schema":
            schema = {"type": "json_schema", "schema": _ANYTHING if form.schema is None else form.schema}
            body.setdefault("output_config", {})["format"] = schema
        else:
            body.setdefault("system", []).append({"type": "text", "text": _JSON_ONLY})
            ask.drop("response_format")

    def _sample(self, ask: Ask, body: dict[str, Any]) -> None:
        """Sampling, where the model still takes it; one that thinks does not."""
        given = {"temperature": ask.temperature, "top_p": ask.top_p, "top_k": ask.top_k}
        thinks = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
        for name, value in given.items():
            if value is None:
                continue
            alone = name == "top_p" and "temperature" in body and not takes_both(ask.model)
            if not self._backend.sampling or thinks or alone:
                ask.drop(name)
            elif name == "temperature" and float(bytes(value)) > 1:
                body[name] = 1.0
            else:
                body[name] = value

    def _leftovers(self, ask: Ask, body: dict[str, Any]) -> None:
        """Own members, what the configuration forces, and the names of what is left."""
        ask.drop(*[name for name in _NO_COUNTERPART if getattr(ask, name) is not None])
        if ask.logprobs:
            ask.drop("logprobs")
        for name, value in ask.extra.items():
            if name in _OWN:
                body[name] = value
            else:
                ask.drop(name)
        write(ask, self._backend, body, _WRITTEN)
        leave_out(ask, self._backend, body)


def longest(backend: Backend, model: str) -> int:
    """The limit for a client that gave none: the API demands one."""
    return backend.max_output_tokens or longest_answer(model)
