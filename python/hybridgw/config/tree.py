"""YAML into a tree that remembers lines, with bounds on everything.

`yaml.safe_load` answers with plain dicts: the lines are gone, a key given twice has silently won,
an alias bomb has become gigabytes, and a thousand brackets have recursed through the C stack. So
this module takes only PyYAML's event parser (libyaml where it is there), which keeps its state on
the heap, and builds the tree itself: depth, size and alias expansion are bounded, duplicates are
errors, every node knows its file and line.

Scalars follow YAML 1.1 as PyYAML users know it (yes/no/on/off, merge keys) with three differences
that only ever surprised: `1e-6` is a number, `12:30` and dates are text, and so are numbers with a
leading zero. Tags other than the plain ones are refused; nothing is ever constructed from a tag.
"""

import math
import os
import re
import stat
from collections.abc import Iterator

import yaml

from hybridgw.config.errors import ConfigError

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 200_000
"""Nodes of the file with every alias written out."""

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,30})", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]{1,16}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?", re.ASCII)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]", re.ASCII)
_PLAIN_TAGS = {f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null", "map", "seq")}

ScalarValue = str | int | float | bool | None


class Node:
    """One node: where it stands, and how many nodes and levels it is with all aliases written out."""

    __slots__ = ("depth", "file", "line", "weight")

    def __init__(self, file: str, line: int) -> None:
        self.file = file
        self.line = line
        self.weight = 1
        self.depth = 0

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


class Scalar(Node):
    """A leaf. `text` is what stands in the file; `plain` says that it was not quoted."""

    __slots__ = ("plain", "text")

    def __init__(self, file: str, line: int, text: str, plain: bool) -> None:
        super().__init__(file, line)
        self.text = text
        self.plain = plain

    @property
    def value(self) -> ScalarValue:
        return resolve(self.text) if self.plain else self.text


class Sequence(Node):
    __slots__ = ("items",)

    def __init__(self, file: str, line: int, items: list[Node]) -> None:
        super().__init__(file, line)
        self.items = items


class Mapping(Node):
    """Keys are text, in file order; `key_where` is the line of a key."""

    __slots__ = ("items", "key_lines")

    def __init__(self, file: str, line: int, items: dict[str, Node], key_lines: dict[str, int]) -> None:
        super().__init__(file, line)
        self.items = items
        self.key_lines = key_lines

    def key_where(self, key: str) -> str:
        return f"{self.file}:{self.key_lines.get(key, self.line)}"


def resolve(text: str) -> ScalarValue:
    """The value of an unquoted scalar."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if len(text) <= 40:
        if _INT.fullmatch(text):
            return int(text.replace("_", ""))
        if _HEX.fullmatch(text):
            return int(text, 16)
        if _FLOAT.fullmatch(text) and not _LEADING_ZERO.match(text) and math.isfinite(number := float(text)):
            return number
    return text


def read_file(path: str) -> str:
    """The text of a configuration file, at most MAX_BYTES; ConfigError if it cannot be had."""
    try:
        # Opening a FIFO or a device could block for ever, so look before.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ConfigError(path, "", "is not a regular file", "give the path of a YAML file")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            path, "", f"cannot be read: {reason}", "check the path and its permissions"
        ) from None
    if len(data) > MAX_BYTES:
        raise ConfigError(path, "", f"is larger than {MAX_BYTES} bytes", "split it or remove data from it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}", "", "is not UTF-8", "save the file as UTF-8") from None


def parse(text: str, file: str, repeated: list[ConfigError] | None = None) -> Node | None:
    """The tree of one YAML document; None if there is nothing in it. Raises ConfigError only. With a list
    in `repeated`, a key that is given twice is no error: the last counts, and what is wrong with it is
    added to the list."""
    try:
        _check_text(text, file, 1)
        return _Builder(file, repeated).build(_events(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        message = error.problem or error.context or "is not YAML"
        raise ConfigError(f"{file}:{line}", "", f"is not YAML: {message}", "correct the syntax") from None
    except yaml.YAMLError as error:
        # A ReaderError knows a character position, not a line.
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position if isinstance(position, int) else 0) + 1
        raise ConfigError(
            f"{file}:{line}", "", "holds a character that YAML does not allow", "remove the character"
        ) from None


def _check_text(text: str, file: str, line: int) -> None:
    """Refuses lone surrogates, which an escape can write and no request could carry."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            line += text.count("\n", 0, error.start)
            raise ConfigError(f"{file}:{line}", "", "holds half a character", "remove it") from None


def _events(text: str) -> Iterator[yaml.Event]:
    return iter(yaml.parse(text, Loader=_LOADER))


class _Frame:
    """A collection being filled."""

    __slots__ = ("anchor", "key", "key_line", "merges", "node")

    def __init__(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: str | None = None
        self.key_line = 0
        self.merges: list[Node] = []


class _Builder:
    def __init__(self, file: str, repeated: list[ConfigError] | None) -> None:
        self.file = file
        self.repeated = repeated
        self.anchors: dict[str, Node | None] = {}
        self.stack: list[_Frame] = []
        self.root: Node | None = None
        self.documents = 0
        self.total = 0

    def build(self, events: Iterator[yaml.Event]) -> Node | None:
        for event in events:
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    raise self.error(line, "holds more than one YAML document", "keep one document per file")
            elif isinstance(event, yaml.AliasEvent):
                self.add(self.alias(event.anchor or "", line), None)
            elif isinstance(event, yaml.ScalarEvent):
                self.check_tag(event.tag, line)
                _check_text(event.value, self.file, line)
                # A leading "!" or "!!str" makes text of what looks like a number.
                plain = event.style in (None, "") and event.implicit[0] and event.tag is None
                self.add(Scalar(self.file, line, event.value, plain), event.anchor)
            elif isinstance(event, yaml.SequenceStartEvent):
                self.check_tag(event.tag, line)
                self.push(Sequence(self.file, line, []), event.anchor)
            elif isinstance(event, yaml.MappingStartEvent):
                self.check_tag(event.tag, line)
                self.push(Mapping(self.file, line, {}, {}), event.anchor)
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                self.pop()
        # An empty document parses as one empty scalar.
        return None if isinstance(self.root, Scalar) and self.root.value is None else self.root

    def error(self, line: int, message: str, fix: str, key: str = "") -> ConfigError:
        return ConfigError(f"{self.file}:{line}", key or self.path(), message, fix)

    def path(self) -> str:
        parts = ""
        for frame in self.stack:
            if isinstance(frame.node, Sequence):
                parts += f"[{len(frame.node.items)}]"
            elif frame.key is not None:
                parts += f".{frame.key}" if parts else frame.key
        return parts[:200]

    def check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag not in _PLAIN_TAGS and tag != "!":
            raise self.error(line, f"has the tag {tag[:60]!r}", "remove the tag; values are plain YAML")

    def check_depth(self, levels: int, line: int) -> None:
        if len(self.stack) + levels > MAX_DEPTH:
            raise self.error(line, f"is nested deeper than {MAX_DEPTH} levels", "flatten the file")

    def alias(self, name: str, line: int) -> Node:
        node = self.anchors.get(name)
        if node is None:
            what = "refers to itself" if name in self.anchors else "is not defined"
            raise self.error(line, f"the alias *{name[:60]} {what}", "define the anchor before its use")
        # A chain of anchors can be deeper than any bracket in the file.
        self.check_depth(node.depth, line)
        return node

    def push(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self.check_depth(1, node.line)
        frame = self.stack[-1] if self.stack else None
        if frame is not None and isinstance(frame.node, Mapping) and frame.key is None:
            raise self.error(node.line, "a key is a list or a mapping", "write keys as plain text")
        if anchor is not None:
            self.anchors[anchor] = None
        self.stack.append(_Frame(node, anchor))

    def pop(self) -> None:
        frame = self.stack.pop()
        node = frame.node
        if isinstance(node, Mapping):
            for source in frame.merges:
                self.merge(node, source)
            children = list(node.items.values())
        else:
            children = node.items
        node.weight = 1 + sum(child.weight for child in children)
        node.depth = 1 + max((child.depth for child in children), default=0)
        if frame.anchor is not None:
            self.anchors[frame.anchor] = node
        self.add(node, None, counted=True)

    def add(self, node: Node, anchor: str | None, counted: bool = False) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        # A collection was counted child by child and adds itself; an alias adds all it stands for.
        self.total += 1 if counted else node.weight
        if self.total > MAX_NODES:
            raise self.error(node.line, f"has over {MAX_NODES} values, aliases written out", "shorten it")
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        target = frame.node
        if isinstance(target, Sequence):
            target.items.append(node)
        elif frame.key is None:
            if not isinstance(node, Scalar):
                raise self.error(node.line, "a key is a list or a mapping", "write keys as plain text")
            self.open_key(frame, target, node)
        else:
            self.close_key(frame, target, node)

    def open_key(self, frame: _Frame, target: Mapping, node: Scalar) -> None:
        if node.text in target.items:
            first = target.key_lines[node.text]
            error = ConfigError(
                f"{self.file}:{node.line}",
                f"{self.path()}.{node.text}".lstrip(".")[:200],
                f"is given twice, first in line {first}",
                "remove one of the two",
            )
            if self.repeated is None:
                raise error
            self.repeated.append(error)
        frame.key = node.text
        frame.key_line = node.line

    def close_key(self, frame: _Frame, target: Mapping, node: Node) -> None:
        key = frame.key or ""
        if key == "<<":
            sources = node.items if isinstance(node, Sequence) else [node]
            for source in sources:
                if not isinstance(source, Mapping):
                    raise self.error(node.line, "<< merges something that is no mapping", "merge a mapping")
            frame.merges.extend(sources)
        else:
            target.items[key] = node
            target.key_lines[key] = frame.key_line
        frame.key = None

    def merge(self, target: Mapping, source: Node) -> None:
        if not isinstance(source, Mapping):
            return
        for key, node in source.items.items():
            if key not in target.items:
                target.items[key] = node
                target.key_lines[key] = source.key_lines.get(key, source.line)
                self.total += node.weight
        if self.total > MAX_NODES:
            raise self.error(target.line, f"has over {MAX_NODES} values, aliases written out", "shorten it")
