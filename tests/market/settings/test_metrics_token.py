"""The token of metrics."""

import pytest

from market.settings.environ import SettingError
from market.settings.metrics_token import metrics_token


@pytest.mark.parametrize("value", ["", "0123456789abcdef", "a-token_for.the~scraper/+=="])
def test_what_a_header_can_carry_is_taken(value: str) -> None:
    """None means that metrics are for everybody who reaches them."""
    assert value == metrics_token(value)


@pytest.mark.parametrize("value", ["0123456789abcde", "with a blank in it", "nüchtern-und-lang", "x" * 15 + "=" * 4])
def test_others_are_refused_and_not_shown(value: str) -> None:
    """It may be the right one but for a slip."""
    with pytest.raises(SettingError, match="METRICS_TOKEN must be at least 16") as refused:
        metrics_token(value)
    assert value not in str(refused.value)
