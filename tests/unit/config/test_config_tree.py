"""YAML with lines: meaning of scalars, duplicates, bounds, and that nothing hostile gets through."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.config import tree
from hybridgw.config.errors import ConfigError
from hybridgw.config.tree import Mapping, Node, Scalar, Sequence, parse, read_file, resolve


@pytest.fixture(autouse=True, params=["libyaml", "python"], scope="module")
def parser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both of PyYAML's parsers: which one there is depends on how it was installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "_LOADER", yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader)
        yield


def plain(node: Node | None) -> object:
    if isinstance(node, Mapping):
        return {k: plain(v) for k, v in node.items.items()}
    if isinstance(node, Sequence):
        return [plain(v) for v in node.items]
    assert node is None or isinstance(node, Scalar)
    return None if node is None else node.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("yes", True), ("off", False), ("TRUE", True),
        ("7", 7), ("-7", -7), ("+7", 7), ("1_000", 1000), ("0x1F", 31), ("0", 0),
        ("1e-6", 1e-6), ("2.5", 2.5), (".5", 0.5), ("1.", 1.0),
        ("007", "007"), ("-012", "-012"), ("12:30", "12:30"), ("2026-11-20", "2026-11-20"),
        ("1e9999", "1e9999"), (".inf", ".inf"), (".nan", ".nan"), ("9" * 60, "9" * 60),
        ("qwen3:8b", "qwen3:8b"),
    ],
)  # fmt: skip
def test_scalar_meaning(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_quotes_and_tags_make_text() -> None:
    assert plain(parse("{a: '7', b: !!str 7, c: 7, d: \"yes\"}", "f")) == {
        "a": "7",
        "b": "7",
        "c": 7,
        "d": "yes",
    }


def test_lines_are_kept() -> None:
    root = parse("a: 1\n\nb:\n  - x\n  - y: 2\n", "f.yaml")
    assert isinstance(root, Mapping)
    assert root.key_where("b") == "f.yaml:3"
    listed = root.items["b"]
    assert isinstance(listed, Sequence)
    assert [item.where for item in listed.items] == ["f.yaml:4", "f.yaml:5"]


def test_anchors_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\nmany: {<<: [*b, {z: 4}]}\nagain: *b\n"
    assert plain(parse(text, "f")) == {
        "base": {"x": 1, "y": 2},
        "one": {"y": 3, "x": 1},
        "many": {"x": 1, "y": 2, "z": 4},
        "again": {"x": 1, "y": 2},
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "given twice, first in line 1"),
        ("x:\n  - {k: 1, k: 2}\n", 2, "given twice"),
        ("a: [1, 2\nb: 3\n", 2, "is not YAML"),
        ("a: 1\n\tb: 2\n", 2, "is not YAML"),
        ("a: *nowhere\n", 1, "not defined"),
        ("a: &a [*a]\n", 1, "refers to itself"),
        ("a: !!python/object:os.system x\n", 1, "tag"),
        ("a: !custom {b: 1}\n", 1, "tag"),
        ("a: 1\n---\nb: 2\n", 2, "more than one YAML document"),
        ("? [a, b]\n: 1\n", 1, "key is a list"),
        ("a: 1\n<<: 7\n", 2, "merges something"),
        ("a: " + "[" * 100 + "]" * 100, 1, "nested deeper"),
        ("a: " + "{b: " * 100 + "1" + "}" * 100, 1, "nested deeper"),
        ("[" * 100_000, 1, "nested deeper"),
    ],
)
def test_refusals_have_a_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yaml")
    assert caught.value.where == f"f.yaml:{line}"
    assert words in caught.value.message
    assert caught.value.fix


def test_alias_bomb_is_bounded() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(ConfigError, match="aliases written out"):
        parse("\n".join(lines), "f")


def test_merge_bomb_is_bounded() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: 1" for i in range(100)) + "}"]
    lines += [f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}, <<: *a{i - 1}}}" for i in range(1, 30)]
    with pytest.raises(ConfigError):
        parse("\n".join(lines), "f")


def test_chain_of_anchors_cannot_outgrow_the_depth() -> None:
    lines = ["a0: &a0 " + "[" * 30 + "]" * 30]
    lines += [f"a{i}: &a{i} {'[' * 30}*a{i - 1}{']' * 30}" for i in range(1, 5)]
    with pytest.raises(ConfigError, match="nested deeper"):
        parse("\n".join(lines), "f")


def test_empty_documents() -> None:
    for text in ("", "\n# only a comment\n", "---\n", "~\n"):
        assert parse(text, "f") is None


@pytest.mark.parametrize("content", [b"a: \xff\n", "a: b\n".encode("utf-16")])
def test_not_utf8(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"ok: 1\n" + content)
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        read_file(str(path))
    assert caught.value.where == f"{path}:2"


def test_control_characters_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("a: 1\nb: \x07\n", "f")
    assert caught.value.where == "f:2"


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert plain(parse(read_file(str(path)), "f")) == {"a": 1}


def test_unreadable_files(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (tree.MAX_BYTES + 1))
    for path, words in ((tmp_path / "absent", "No such file"), (tmp_path, "regular file"), (large, "larger")):
        with pytest.raises(ConfigError, match=words):
            read_file(str(path))
    with pytest.raises(ConfigError):
        read_file("a\0b")


@given(st.text(alphabet=st.sampled_from(list("ab:-[]{}&*<>|!'\"#%@, \n\t0.~\\?$/\x00\ud800é")), max_size=80))
def test_nothing_but_a_tree_or_an_error(text: str) -> None:
    try:
        node = parse(text, "f")
    except ConfigError as error:
        assert error.where.startswith("f:")
        return
    assert node is None or isinstance(node, Node)
