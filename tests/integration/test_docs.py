"""The pages of docs/ are true: every command runs, every snippet loads, every link leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.support.gateway import ROOT
from tests.support.snippets import Snippets, blocks, unmarked

PAGES = sorted((ROOT / "docs").glob("*.md"))
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_a_page_is_true(page: Path, tmp_path: Path) -> None:
    assert not unmarked(page), "say behind the language what becomes of the block (tests/support/snippets.py)"
    with Snippets(page, tmp_path) as snippets:
        snippets.play()


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *PAGES], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text())
    assert not [target for target in targets if not (page.parent / target).exists()]
