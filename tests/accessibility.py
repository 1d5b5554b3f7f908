"""axe-core in a page: what an automatic check of accessibility finds there (WCAG 2.2, levels A and AA).

It comes with npm, by ``tests/axe/package-lock.json``. The driver puts it into the page, past the page's policy.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Page

_AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe() -> str:
    """The source of axe-core; skips the test where it is not installed, and fails it where CI is true."""
    if _AXE.is_file():
        return _AXE.read_text(encoding="utf-8")
    reason = "no axe-core in tests/axe (make npm)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


async def violations(page: Page, source: str) -> list[Any]:
    """What is wrong on ``page``: the rule, and the elements."""
    await page.evaluate(f"{source}\n;0")
    # Colours are compared as they are at rest.
    run = f"axe.run(document, {{ runOnly: {_RULES!r} }})"
    await page.evaluate("document.getAnimations().forEach((one) => one.finish())")
    found: list[Any] = await page.evaluate(
        f"{run}.then(({{ violations }}) => violations.map(({{ id, nodes }}) =>"
        " [id, nodes.map((node) => node.html.slice(0, 120) + ' ' + node.any.map((one) => one.message).join())]))"
    )
    return found
