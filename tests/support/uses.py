"""What a source file reaches, whatever way it is written: the ground on which `test_layers` stands.

Text searches were passed by grouped Rust imports, by aliases and by `from os import environ`; here imports
are expanded to full paths first. It reads what names say, not what programs do: a call through a variable
that holds a module is not followed.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_COMMENT_OR_TEXT = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\])'""", re.DOTALL
)
_TESTS = re.compile(r"#\[cfg\(test\)\]\s*(?:pub )?mod \w+ \{.*", re.DOTALL)
_USE = re.compile(r"\buse\s+([^;]+);")
_PATH = re.compile(r"(?<![\w:])(?:[A-Za-z_]\w*)(?:\s*::\s*[A-Za-z_]\w*)+")


def rust_module(path: Path, source: Path) -> tuple[str, ...]:
    """The path of a file's module: `src/a/mod.rs` and `src/a.rs` are both `crate::a`."""
    parts = list(path.relative_to(source).with_suffix("").parts)
    if parts[-1] in ("mod", "lib"):
        parts.pop()
    return ("crate", *parts)


def rust_paths(text: str, module: tuple[str, ...]) -> set[str]:
    """All paths that a Rust file names outside of its own tests, in full: `crate::a::B`, `std::fs::read`."""
    text = _TESTS.sub("", _COMMENT_OR_TEXT.sub(" ", text))
    found = set()
    aliases: dict[str, str] = {}
    for match in _USE.finditer(text):
        for path, name in _expanded(match[1]):
            full = _resolved(path, module, {})
            found.add(full)
            aliases[name or path.rpartition("::")[2]] = full
    for match in _PATH.finditer(_USE.sub(" ", text)):
        found.add(_resolved(re.sub(r"\s", "", match[0]), module, aliases))
    return found


def _expanded(tree: str) -> Iterator[tuple[str, str]]:
    """The paths of a `use` tree, each with the name that it gets ("" for its own)."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        path, _, name = (part.strip() for part in tree.partition(" as "))
        yield path.removesuffix("::self").removesuffix("::*"), name
        return
    head = tree[:brace]
    inner = tree[brace + 1 : tree.rindex("}")]
    depth, start = 0, 0
    for at, letter in enumerate(inner + ","):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            if inner[start:at].strip():
                for path, name in _expanded(inner[start:at]):
                    yield (head.removesuffix("::") if path == "self" else f"{head}{path}"), name
            start = at + 1


def _resolved(path: str, module: tuple[str, ...], aliases: dict[str, str]) -> str:
    parts = path.split("::")
    if parts[0] in ("super", "self"):
        base = list(module)
        while parts and parts[0] in ("super", "self"):
            if parts.pop(0) == "super" and len(base) > 1:
                base.pop()
        return "::".join([*base, *parts])
    if parts[0] in aliases:
        return "::".join([aliases[parts[0]], *parts[1:]])
    return path


def python_names(text: str) -> set[str]:
    """Everything that a Python file imports, every member of an imported module that it names (under any
    alias), and every builtin that it uses."""
    tree = ast.parse(text)
    found: set[str] = set()
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.add(alias.name)
                aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            for alias in node.names:
                found.add(f"{node.module}.{alias.name}")
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    own = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            chain = _chain(node)
            if chain and chain[0] in aliases:
                found.add(".".join([aliases[chain[0]], *chain[1:]]))
        elif isinstance(node, ast.Name) and node.id not in own and hasattr(builtins, node.id):
            found.add(f"builtins.{node.id}")
    return found


def _chain(node: ast.expr) -> list[str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def circles(edges: dict[str, set[str]]) -> list[frozenset[str]]:
    """Groups of nodes that reach one another (Tarjan's components of more than one node)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[frozenset[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            group = frozenset(stack[at:])
            del stack[at:]
            if len(group) > 1:
                found.append(group)

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def nearest(path: str, modules: Iterable[str], mark: str) -> str | None:
    """The module that defines `path`: the longest of `modules` that it begins with."""
    known = set(modules)
    parts = path.split(mark)
    while parts:
        if mark.join(parts) in known:
            return mark.join(parts)
        parts.pop()
    return None
