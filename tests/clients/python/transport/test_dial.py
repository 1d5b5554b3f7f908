"""The URL of a connection that is made again."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgate_client.transport.dial import numbered

URL = "wss://prices.example/ws"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "?attempt=3"),
        ("?", "?attempt=3"),
        ("?client=a%20b&signed=%2B/==", "?client=a%20b&signed=%2B/==&attempt=3"),
        ("?plain&", "?plain&attempt=3"),
        ("?why=what?", "?why=what?&attempt=3"),
        ("?reattempt=1", "?reattempt=1&attempt=3"),
        ("#part", "?attempt=3#part"),
        ("?a=1#part?b", "?a=1&attempt=3#part?b"),
        ("?attempt=x", "?attempt=x"),
        ("?a=1&attempt=", "?a=1&attempt="),
        ("?attempt", "?attempt"),
        ("?%61ttempt=7", "?%61ttempt=7"),
    ],
)
def test_the_attempt_comes_behind_the_callers_query(given: str, expected: str) -> None:
    """The caller's own part stays byte for byte, because it may be signed; an attempt of the caller's own counts."""
    assert URL + expected == numbered(URL + given, 3)
    assert URL + given == numbered(URL + given, 0)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#")), st.integers(1, 10**6))
def test_whatever_the_query_is_it_says_what_it_said(query: str, attempt: int) -> None:
    """The parameters that it had, in their order, and then the attempt, unless there was one."""
    before = parse_qsl(query, keep_blank_values=True)
    after = parse_qsl(urlsplit(numbered(f"{URL}?{query}", attempt)).query, keep_blank_values=True)
    told = [] if "attempt" in dict(before) else [("attempt", str(attempt))]
    assert before + told == after
