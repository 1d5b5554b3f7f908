"""A finding, as a line."""

from deploy.checks.finding import Finding, split


def test_a_line_has_mark_subject_text_and_fix() -> None:
    """In columns; without a fix the text ends it."""
    assert "ok       bus        is there" == Finding("ok", "bus", "is there").line
    assert "wrong    exchange   is away; wait" == Finding("wrong", "exchange", "is away", "wait").line


def test_an_error_is_split_before_its_fix() -> None:
    """The fix is what stands behind the last semicolon."""
    assert Finding("wrong", "settings", "A; B is bad", "write C") == split("settings", "A; B is bad; write C")
    assert Finding("warning", "settings", "it is bad") == split("settings", "it is bad", "warning")


def test_what_others_wrote_cannot_break_the_line() -> None:
    """An exchange's words may have anything in them."""
    assert "\n" not in Finding("ok", "x", "a\nb\x1b[31m").line
