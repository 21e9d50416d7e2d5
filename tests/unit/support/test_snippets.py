"""The harness of documentation pages: a page that is not true fails, and names its line."""

from pathlib import Path

import pytest

from tests.support.snippets import Snippets, blocks, unmarked

TRUE = """\
# A page

```yaml file=hybridgw.yaml
deployments:
- {name: local/a, provider: ollama, model: m}
```

```yaml part
privacy: {mode: observe}
```

```sh run
ls hybridgw.yaml
hybridgw check --no-resolve hybridgw.yaml
```

```text output
hybridgw.yaml
...
Who answers which path (each is found without /v1, too):
```

```sh run exit=3
exit 3
```
"""


def played(text: str, folder: Path) -> None:
    page = folder / "page.md"
    page.write_text(text)
    inner = folder / "inner"
    inner.mkdir()
    with Snippets(page, inner) as snippets:
        snippets.play()


def test_blocks_know_their_marks_and_lines(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TRUE)
    assert [(it.language, it.marks, it.line) for it in blocks(page)] == [
        ("yaml", {"file": "hybridgw.yaml"}, 3),
        ("yaml", {"part": ""}, 8),
        ("sh", {"run": ""}, 12),
        ("text", {"output": ""}, 17),
        ("sh", {"run": "", "exit": "3"}, 23),
    ]
    assert unmarked(page) == []
    page.write_text("```sh\nrm\n```\n\n```text\nanything\n```\n")
    assert [it.line for it in unmarked(page)] == [1]


def test_a_true_page_plays(tmp_path: Path) -> None:
    played(TRUE, tmp_path)


@pytest.mark.parametrize(
    "text, line",
    [
        ("\n```sh run\nfalse\n```\n", 2),
        ("```sh run\nfalse | true\n```\n", 1),
        ("```yaml part\nprivacy: {mode: nothing}\n```\n", 1),
        ("```yaml file=a.yaml\ndeployments: 1\n```\n", 1),
        ("```sh run\necho a b\n```\n\n```text output\nb\n```\n", 5),
        ("```sh run\necho a; echo b\n```\n\n```text output\nb\n...\na\n```\n", 5),
        ("```sh run\necho a; echo x; echo b\n```\n\n```text output\na\nb\n```\n", 5),
    ],
)
def test_a_false_page_fails_at_its_line(text: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=rf"^page\.md:{line}: "):
        played(text, tmp_path)


def test_a_gateway_of_a_page_answers_at_the_page_s_address(tmp_path: Path) -> None:
    played(
        "```yaml file=hybridgw.yaml\ndeployments: [{name: local/a, provider: ollama, model: m}]\n```\n\n"
        "```sh serve\nhybridgw serve --config hybridgw.yaml\n```\n\n"
        "```sh run\ncurl -s http://127.0.0.1:4000/health/liveliness > answer; test -s answer\n```\n",
        tmp_path,
    )
