"""Reasons of a failure, each said once."""

from market.process.reasons import MOST_REASONS, Reasons


def test_each_reason_is_said_once_until_it_has_worked() -> None:
    """A second reason is said beside the first one, and after a success all of them are said again."""
    reasons = Reasons()
    said = [reasons.is_new(reason, anew=anew) for reason, anew in (("a", True), ("b", False), ("a", False))]
    assert [True, True, False] == said
    assert [True, True] == [reasons.is_new("a", anew=True), reasons.is_new("b", anew=False)]


def test_a_reason_that_is_another_each_time_is_bounded() -> None:
    """Whatever a server says, the log does not grow by it."""
    reasons = Reasons()
    assert MOST_REASONS == sum(reasons.is_new(str(number), anew=number == 0) for number in range(100))
