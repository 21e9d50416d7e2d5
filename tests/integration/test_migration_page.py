"""docs/migrate_from_litellm.md is true: its files load, its commands do what it says."""

from pathlib import Path

from tests.support.gateway import ROOT
from tests.support.snippets import Snippets, unmarked

PAGE = ROOT / "docs" / "migrate_from_litellm.md"


def test_every_command_and_file_of_the_page(tmp_path: Path) -> None:
    assert not unmarked(PAGE)
    with Snippets(PAGE, tmp_path) as snippets:
        snippets.play()
