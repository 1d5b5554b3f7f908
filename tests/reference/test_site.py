"""The site has every page, and a menu that leads to all of them."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.reference.pages import DOCS
from tests.reference.site import gather, indented, linked, links, reached
from tests.reference.sources import ROOT

CONFIGURATION = ROOT / "zensical.toml"


def menu(entries: list[dict[str, Any]]) -> Iterator[str]:
    """The pages of a menu, in order."""
    for entry in entries:
        for below in entry.values():
            yield from [below] if isinstance(below, str) else menu(below)


def test_the_menu_has_every_page() -> None:
    """Each page of docs/ is there once, and each entry is a page of the site."""
    pages = list(menu(tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["project"]["nav"]))
    assert len(pages) == len({*pages})
    assert {path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md")} <= {*pages}
    assert {*pages} <= {path.relative_to(ROOT).as_posix() for path in reached()}


def test_links_in_code_are_none() -> None:
    """What looks like a link in a block of code is not followed, nor is one to another host."""
    text = "[a](b.md#c) ![d](e.png) [f](https://example.com) [g](#h)\n```\n[i](j.md)\n```\n"
    assert ["b.md#c", "e.png", "#h"] == list(links(text))


def test_lists_within_lists_stay_so() -> None:
    """They get the blanks that the site's tool wants; code keeps its own."""
    text = "- a\n  - b\n\n  c\n1. d\n   - e\n```\n  f\n```\n"
    assert "- a\n    - b\n\n    c\n1. d\n    - e\n```\n  f\n```\n" == indented(text)


def test_what_is_gathered_can_be_read_in_its_place(tmp_path: Path) -> None:
    """Each link of each page leads to a file that was gathered too, and nothing is there that no page leads to."""
    gather(tmp_path)
    there = {path for path in tmp_path.rglob("*") if path.is_file()}
    led = {file for page in there if page.suffix == ".md" for file in linked(page)}
    assert led | {tmp_path / "README.md"} == there


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    """A host of repositories shows folders; a site has no page for one."""
    (tmp_path / "README.md").write_text("[all](docs)")
    (tmp_path / "docs").mkdir()
    with pytest.raises(FileNotFoundError, match="docs, which is no file"):
        reached(tmp_path)


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """By its own tool, which checks links and anchors as readers will have them."""
    if find_spec("zensical") is None:
        reason = "the site needs zensical, the extra `docs`"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    gather(tmp_path / "pages")
    text = CONFIGURATION.read_text(encoding="utf-8")
    for name in ("site-pages", "site"):
        assert f'"build/{name}"' in text
    moved = text.replace('"build/site-pages"', '"pages"').replace('"build/site"', '"site"')
    (tmp_path / "zensical.toml").write_text(moved, encoding="utf-8")
    words = (sys.executable, "-m", "zensical", "build", "--strict")
    built = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == built.returncode, built.stdout + built.stderr
    pages = {page.stem: page.read_text(encoding="utf-8") for page in (tmp_path / "site" / "docs").rglob("*.html")}
    assert {"protocol", "react"} <= pages.keys()
    # A list or a table that the tool takes for words of a paragraph.
    assert [name for name, page in pages.items() if re.search(r"<p>(?:(?!</p>).)*\n(- |\| )", page, re.DOTALL)] == []
