"""Tools in namespaces: one name for backends, the pair for the client, the same in every turn."""

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.dialects.namespaces import Names
from hybridgw.dialects.responses import RESPONSES
from hybridgw.dialects.responses_read import read
from hybridgw.providers.base import Backend
from hybridgw.providers.registry import PROVIDERS
from hybridgw.wire import Finish, ToolCall, ToolDelta, ToolStart

FLAT = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


def function(name: str, kind: str = "function") -> dict[str, Any]:
    return {"type": kind, "name": name, "description": f"does {name}"}


def space(name: str, *tools: dict[str, Any]) -> dict[str, Any]:
    return {"type": "namespace", "name": name, "description": f"all of {name}", "tools": list(tools)}


def call(name: str, namespace: str | None = None, at: int = 0) -> list[dict[str, Any]]:
    made = {"type": "function_call", "call_id": f"c{at}", "name": name, "arguments": "{}"}
    if namespace is not None:
        made["namespace"] = namespace
    return [made, {"type": "function_call_output", "call_id": f"c{at}", "output": "x"}]


TOOLS = [function("read"), space("mcp__files", function("read")), space("wiki", function("read", "custom"))]


def asked(**members: Any) -> Any:
    body = {"model": "m", "input": [{"role": "user", "content": "q"}], "tools": TOOLS, **members}
    return read(orjson.dumps(body))


def test_each_tool_is_told_under_one_name() -> None:
    ask = asked()
    assert [tool.name for tool in ask.tools] == ["read", "mcp__files__read", "wiki__read"]
    assert [tool.custom for tool in ask.tools] == [False, False, True]
    assert ask.dropped == ["tools.namespace.description"]


def test_the_history_calls_what_the_backend_is_told_of() -> None:
    said = [*call("read", "mcp__files", 0), *call("read", None, 1), *call("mcp__files__read", None, 2),
            *call("gone", "old", 3)]  # fmt: skip
    ask = asked(input=[{"role": "user", "content": "q"}, *said])
    names = [part.name for turn in ask.messages for part in turn.parts if isinstance(part, ToolCall)]
    assert names == ["mcp__files__read", "read", "mcp__files__read", "old__gone"]
    outbound = PROVIDERS["vllm"].outbound
    assert outbound is not None
    written = orjson.loads(outbound(Backend()).request(ask))
    assert [turn["tool_calls"][0]["function"]["name"] for turn in written["messages"][1::2]] == names


@pytest.mark.parametrize(
    ("choice", "named", "allowed"),
    [
        ({"type": "function", "name": "read", "namespace": "mcp__files"}, "mcp__files__read", None),
        ({"type": "function", "name": "read"}, "read", None),
        ({"type": "custom", "name": "read", "namespace": "wiki"}, "wiki__read", None),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [
                {"type": "namespace", "name": "wiki"}, {"type": "function", "name": "read"}]},
            None,
            ("wiki__read", "read"),
        ),
    ],
)  # fmt: skip
def test_a_choice_names_the_same_tool(choice: Any, named: str | None, allowed: Any) -> None:
    chosen = asked(tool_choice=choice).tool_choice
    assert (chosen.name, chosen.allowed) == (named, allowed)


def test_a_name_without_its_namespace_is_the_only_tool_of_that_name() -> None:
    ask = asked(tools=[space("wiki", function("find"))], tool_choice={"type": "function", "name": "find"})
    assert ask.tool_choice.name == "wiki__find"


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_comes_back_in_its_namespace(stream: bool) -> None:
    events: list[Any] = []
    for index, name in enumerate(("read", "mcp__files__read", "wiki__read")):
        events += [ToolStart(index, f"c{index}", name), ToolDelta(index, '{"input":"x"}')]
    events.append(Finish("tool_calls"))
    writer = RESPONSES.writer(asked())
    if stream:
        lines = (writer.feed(events) + writer.close()).split(b"\n")
        told = [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]
        items = [event["item"] for event in told if event["type"] == "response.output_item.added"]
        assert told[-1]["type"] == "response.completed"
        assert [(i["name"], i.get("namespace")) for i in told[-1]["response"]["output"]] == [
            (i["name"], i.get("namespace")) for i in items
        ]
    else:
        items = orjson.loads(writer.whole(events))["output"]
    assert [(item["type"], item["name"], item.get("namespace")) for item in items] == [
        ("function_call", "read", None),
        ("function_call", "read", "mcp__files"),
        ("custom_tool_call", "read", "wiki"),
    ]


def test_a_plain_tool_that_is_called_like_a_flattened_one() -> None:
    for tools in (
        [function("wiki__read"), space("wiki", function("read"))],
        [space("wiki", function("read")), function("wiki__read")],
    ):
        ask = asked(tools=tools)
        first, second = (tool.name for tool in ask.tools)
        assert first == "wiki__read" and second != first and FLAT(second)
        pair = ("wiki", "read") if tools[0]["type"] == "function" else (None, "wiki__read")
        assert ask.renamed[second] == pair


names = st.one_of(st.text("ab_.", min_size=1, max_size=4), st.text(min_size=1, max_size=90))


@given(st.lists(st.tuples(names, names), max_size=8))
def test_names_are_short_plain_unique_and_reversible(pairs: list[tuple[str, str]]) -> None:
    one, again = Names(), Names()
    told = {pair: one.add(*pair) for pair in pairs}
    assert all(map(FLAT, told.values()))
    assert len(set(told.values())) == len(told)
    for pair, flat in told.items():
        assert one.renamed[flat] == pair
        assert again.add(*pair) == flat or len(told) > 1
        assert one.say(*pair) == flat
