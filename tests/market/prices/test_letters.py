"""Upper and lower case of names."""

from market.prices.letters import lower, upper


def test_only_the_case_of_a_to_z_changes() -> None:
    """No other letter does, whatever a language's rules: a name keeps its length, and two names stay two."""
    assert "KPEPE:币ßıİÉ" == upper("kpepe:币ßıİÉ")
    assert "kpepe:币ßıİÉ" == lower("KPEPE:币ßıİÉ")
    assert ("ABC-1", "abc-1") == (upper("abc-1"), lower("ABC-1"))
