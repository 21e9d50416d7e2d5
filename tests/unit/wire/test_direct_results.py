"""What tools answered stands right behind the turn that called them."""

from hybridgw.wire import Message, Text, ToolCall, ToolResult
from hybridgw.wire.ask import direct_results


def call(*ids: str) -> Message:
    return Message("assistant", [ToolCall(id_, "f", "{}") for id_ in ids])


def result(*ids: str) -> Message:
    return Message("tool", [ToolResult(id_, []) for id_ in ids])


NOTE = Message("user", [Text("remember")])


def test_a_note_goes_behind_the_answers() -> None:
    messages = [NOTE, call("a", "b"), NOTE, result("b"), NOTE, result("a")]
    direct_results(messages)
    assert messages == [NOTE, call("a", "b"), result("b"), result("a"), NOTE, NOTE]


def test_each_answer_finds_its_turn() -> None:
    messages = [call("a"), NOTE, call("b"), result("a"), result("b")]
    direct_results(messages)
    assert messages == [call("a"), result("a"), NOTE, call("b"), result("b")]


def test_what_is_in_order_stays() -> None:
    messages = [NOTE, call("a", "b"), result("a", "b"), NOTE, result("?")]
    before = list(messages)
    direct_results(messages)
    assert messages == before
