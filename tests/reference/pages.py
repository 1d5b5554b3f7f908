"""The parts of docs/ that are made of the code, and their places: between two comments that readers do not see."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.reference import configuration, metrics, protocol
from tests.reference.sources import ROOT

DOCS = ROOT / "docs"
COMMAND = "make reference"

_PART = re.compile(r"(<!-- made of the code by `make reference`: ([\w-]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


class UnknownPartError(Exception):
    """A page has a place for a part that nothing makes; the message names both."""


@cache
def parts() -> Mapping[str, Mapping[str, str]]:
    """Page -> name of a part -> its text, as the code is now."""
    return {
        "configuration.md": configuration.tables(),
        "protocol.md": protocol.parts(),
        "metrics.md": metrics.parts(),
    }


def renewed(page: Path) -> str:
    """The text of a page, with its parts made anew.

    Raises:
        UnknownPartError: the page has a place for a part that there is not, or lacks one.
    """
    made = parts()[page.name]
    text = page.read_text(encoding="utf-8")
    places = [name for _, name, _ in _PART.findall(text)]
    if sorted(places) != sorted(made):
        raise UnknownPartError(f"{page.name} has places for {sorted(places)}; the parts are {sorted(made)}")
    return _PART.sub(lambda place: f"{place[1]}\n{made[place[2]]}\n\n{place[3]}", text)
