"""The figures of ``docs/capacity.md``."""

from pathlib import Path

import pytest

from bench.capacity import document, unit_costs
from tests.bench.capacity.costs import ROUND


def test_a_block_is_replaced_and_the_rest_is_kept(tmp_path: Path) -> None:
    """A document without its marks is left alone."""
    page = tmp_path / "capacity.md"
    begin, end = document.marks("costs")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    document.put("costs", "new", page)
    assert page.read_text(encoding="utf-8") == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    with pytest.raises(ValueError, match=r"capacity\.md has no block other"):
        document.put("other", "new", page)


@pytest.mark.parametrize(("name", "made"), [("costs", document.costs), ("examples", document.examples)])
def test_the_document_has_what_follows_from_the_costs_kept_here(name: str, made: type) -> None:
    """`python -m bench.capacity --document` writes it anew."""
    begin, end = document.marks(name)
    text = document.FILE.read_text(encoding="utf-8")
    assert text.partition(begin)[2].partition(end)[0].strip() == made(unit_costs.load())


def test_what_was_not_measured_is_named() -> None:
    """No figure stands in for it."""
    text = document.costs(ROUND)
    assert "Not measured: `nginx`, `kafka`." in text
    assert "| a ping and its pong | haproxy | 20.00 |" in text
