"""The parts of docs/ that are made of the code, and their places: between two comments that readers do not see."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from tests.reference import binance, configuration, log_events, metrics, protocol
from tests.reference.sources import ROOT

DOCS: Final = ROOT / "docs"
COMMAND: Final = "make reference"

PAGES: Final[Mapping[str, Callable[[], Mapping[str, str]]]] = {
    "binance.md": binance.parts,
    "configuration.md": configuration.parts,
    "protocol.md": protocol.parts,
    "metrics.md": metrics.parts,
    "logs.md": log_events.parts,
}
"""Page -> what makes its parts: name -> text."""

_PART = re.compile(r"(<!-- made of the code by `make reference`: ([\w-]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


class UnknownPartError(Exception):
    """A page has a place for a part that nothing makes, or none for one that is made."""


@cache
def parts(page: str) -> Mapping[str, str]:
    """Name of each part of a page -> its text, as the code is now."""
    return PAGES[page]()


def renewed(page: str) -> str:
    """The text of a page, with its parts made anew.

    Raises:
        UnknownPartError: the places of the page are not those of its parts.
    """
    made = parts(page)
    text = (DOCS / page).read_text(encoding="utf-8")
    places = [name for _, name, _ in _PART.findall(text)]
    if sorted(places) != sorted(made):
        raise UnknownPartError(f"docs/{page} has places for {sorted(places)}; the parts are {sorted(made)}")
    return _PART.sub(lambda place: f"{place[1]}\n{made[place[2]]}\n\n{place[3]}", text)
