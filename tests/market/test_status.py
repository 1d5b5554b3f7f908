"""The beat."""

from typing import get_args

import pytest

from market.codec import decode_beat, encode_beat
from market.status import Source
from tests.market.samples import beat


@pytest.mark.parametrize("source", get_args(Source))
@pytest.mark.parametrize("link", ["up", "down"])
def test_every_source_and_state_has_a_beat(source: str, link: str) -> None:
    """Each source can say of its link that it is up, or down and why."""
    original = beat(source=source, link=link, reason="x" * 200)
    assert original == decode_beat(encode_beat(original))
