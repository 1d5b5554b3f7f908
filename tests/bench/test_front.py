"""What may stand in front of a gateway while it is measured."""

import pytest

from bench.front import HAPROXYS
from bench.processes import ROOT
from bench.trees import FRONT


@pytest.mark.parametrize("name", HAPROXYS)
def test_what_is_replaced_in_the_configuration_is_in_it(name: str) -> None:
    """Each once: another way of HAProxy is never measured as it ships."""
    text = (ROOT / FRONT).read_text(encoding="utf-8")
    assert [text.count(old) for old, _ in HAPROXYS[name]] == [1] * len(HAPROXYS[name])
