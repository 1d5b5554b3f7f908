"""The form of a token, before anyone knows whose it is."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.compact import MAX_TOKEN_BYTES, Compact, read_compact
from gateway.auth.grant import RefusedError
from tests.gateway.auth.tokens import claims, forge

ALGORITHMS = ("RS256", "RS384")


def refusal(token: str | bytes) -> RefusedError:
    """Expect that a token is refused, with no error behind the error."""
    with pytest.raises(RefusedError) as caught:
        read_compact(token, ALGORITHMS)
    assert caught.value.__context__ is None
    return caught.value


def assert_read_or_refused(token: str | bytes) -> None:
    """Expect that a token is read or refused, and nothing else."""
    caught = None
    try:
        read_compact(token, ALGORITHMS)
    except RefusedError as error:
        caught = error
    assert caught is None or caught.__context__ is None


def test_a_form_is_what_the_header_says() -> None:
    """Algorithm and key name are read, from text or bytes; other header fields are ignored."""
    token = forge({"alg": "RS256", "typ": "JWT", "kid": "one", "jku": "https://x", "jwk": {"kty": "oct"}}, claims())
    expected = Compact(token.encode(), "RS256", "one")
    assert expected == read_compact(token, ALGORITHMS) == read_compact(token.encode(), ALGORITHMS)


def test_a_key_name_is_not_required() -> None:
    """A token need not name its key."""
    assert read_compact(forge({"alg": "RS256"}, claims()), ALGORITHMS).kid is None


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS256", "rs256", "RS256 ", "RS256\x00"])
def test_another_algorithm_is_refused(alg: str) -> None:
    """Another algorithm is refused by name, and the accepted ones are named."""
    error = refusal(forge({"alg": alg}, claims()))
    assert "wrong_algorithm" == error.code
    assert "RS256, RS384" in str(error)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"typ": "JWT"},
        {"alg": None},
        {"alg": ["RS256"]},
        {"alg": {"RS256": 1}},
        {"alg": 256},
        {"alg": "R" * 17},
        {"alg": "RS256", "kid": 5},
        {"alg": "RS256", "kid": None},
        {"alg": "RS256", "kid": ["one"]},
        {"alg": "RS256", "kid": "k" * 257},
        {"alg": "RS256", "crit": ["b64"], "b64": False},
        {"alg": "RS256", "crit": ["exp"], "exp": 1},
        {"alg": "RS256", "crit": []},
        {"alg": "RS256", "crit": None},
        {"alg": "RS256", "b64": True},
        [],
        "RS256",
        None,
        b"",
        b"{",
        b"\xff\xfe",
        b'{"alg":"RS256","kid":"\xff"}',
        '{"alg":"RS256"}'.encode("utf-16"),
        b'{"alg":"RS256","x":' + b"[" * 2500 + b"]" * 2500 + b"}",
    ],
)
def test_a_header_that_is_not_as_it_should_be_is_refused(header: Any) -> None:
    """A missing or odd algorithm or key name, and every extension that must be understood, refuse the token."""
    assert "bad_token" == refusal(forge(header, claims())).code


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        ".a.b",
        "a.b.c.d.e",
        " " + forge({"alg": "RS256"}, claims()),
        forge({"alg": "RS256"}, claims()) + "\n",
        forge({"alg": "RS256"}, claims()) + "==",
        forge({"alg": "RS256"}, claims()).replace(".", ".."),
        "Bearer " + forge({"alg": "RS256"}, claims()),
        "\ud800.a.b",
        "é.a.b",
        "٣.a.b",
        "a.b.c\x00",
        '{"payload":"","signatures":[]}',
    ],
)
def test_what_has_not_the_form_is_refused(token: str) -> None:
    """Only three parts of base64url joined by dots are a token; spaces, padding and other forms are not."""
    assert "bad_token" == refusal(token).code


def test_a_long_token_is_not_looked_at() -> None:
    """A token of exactly the limit is read; with one byte more not even its form is."""
    token = forge({"alg": "RS256"}, claims())
    assert read_compact(token + "A" * (MAX_TOKEN_BYTES - len(token)), ALGORITHMS)
    for long in (token + "A" * (MAX_TOKEN_BYTES + 1 - len(token)), "\ud800" * 100_000, b"\xff" * 100_000):
        assert f"longer than {MAX_TOKEN_BYTES} bytes" in str(refusal(long))


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300) | st.from_regex(r"[\w-]{0,20}\.[\w-]{0,20}\.[\w-]{0,20}"))
def test_any_input_has_the_form_or_is_refused(token: str | bytes) -> None:
    """Any input gives a form or a refusal."""
    assert_read_or_refused(token)


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_header_is_read_or_refused(header: bytes, payload: bytes) -> None:
    """Any content in the right form gives a form or a refusal."""
    assert_read_or_refused(forge(header, payload))
