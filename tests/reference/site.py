"""Gather the pages of the site: ``python -m tests.reference.site FOLDER``, which ``make site`` does.

The site is README.md and all that can be reached from it, each file at its place below ``FOLDER``. So a link that
works in the repository works on the site, and no page is written for one of the two. One thing is changed on the way:
`indented`.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.reference.sources import ROOT

START = "README.md"


def links(text: str) -> Iterator[str]:
    """The targets of a page's links and pictures within the repository, with their anchors."""
    # What stands in a block of code is no link.
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose)


def linked(page: Path) -> Iterator[Path]:
    """The files that a page links to."""
    for target in links(page.read_text(encoding="utf-8")):
        if path := target.partition("#")[0]:
            yield (page.parent / path).resolve()


def reached(root: Path = ROOT) -> list[Path]:
    """README.md and all files that can be reached from it by links, in the order of their names.

    Raises:
        FileNotFoundError: there is no such file, or it is a folder, for which a site has no page.
    """
    found, waiting = set(), [root / START]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        if not file.is_file():
            raise FileNotFoundError(f"a page links to {file.relative_to(root)}, which is no file")
        found.add(file)
        if file.suffix == ".md":
            waiting.extend(linked(file))
    return sorted(found)


def indented(text: str) -> str:
    """A page whose lists within lists have four blanks: CommonMark wants two or three, Python-Markdown four."""
    blocks = re.split(r"(^ *```.*?^ *```$)", text, flags=re.DOTALL | re.MULTILINE)
    # Every second one is code.
    blocks[::2] = [re.sub(r"^ {2,3}(?=\S)", "    ", block, flags=re.MULTILINE) for block in blocks[::2]]
    return "".join(blocks)


def gather(folder: Path) -> None:
    """Write all of them below ``folder``, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    for file in reached():
        to = folder / file.relative_to(ROOT)
        to.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            to.write_text(indented(file.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(file, to)


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
