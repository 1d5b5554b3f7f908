"""``LOG_LEVELS``."""

import pytest

from market.settings.environ import SettingError
from market.settings.log_levels import log_levels


def test_parts_and_their_levels() -> None:
    """Packages, modules, libraries, and loggers that are none of them; a later entry replaces an earlier one."""
    value = " gateway.client = debug,poller.stream.shard=INFO, redis=error,gateway.access=Warning,,redis=info"
    assert (
        ("gateway.client", "DEBUG"),
        ("poller.stream.shard", "INFO"),
        ("redis", "INFO"),
        ("gateway.access", "WARNING"),
    ) == log_levels(value)
    assert () == log_levels("")


@pytest.mark.parametrize(
    "value",
    [
        "gateway.client",
        "gateway.client=loud",
        "=debug",
        "debug",
        "gateway.clent=debug",
        "gatway=debug",
        "gateway.=info",
    ],
)
def test_what_would_have_no_effect_is_refused(value: str) -> None:
    """A level that nobody knows, or a name that no line of the log has, is a mistake."""
    with pytest.raises(SettingError, match=r"^LOG_LEVELS (has|names) "):
        log_levels(value)


@pytest.mark.parametrize("value", ["gateway/client=info", "..=info", "gateway...etc=info"])
def test_a_part_is_no_path(value: str) -> None:
    """Nothing but a dotted name is looked for in the file system."""
    with pytest.raises(SettingError, match=r"^LOG_LEVELS names "):
        log_levels(value)
