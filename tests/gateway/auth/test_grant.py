"""What claims become, on a clock that stands where a test puts it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.grant import ANONYMOUS, Claims, Grant, RefusedError, Rules, read_grant
from tests.gateway.auth.tokens import AUDIENCE, ISSUER, NOW, claims

NO_RULES = Rules()


def read(rules: Rules = NO_RULES, now_s: float = NOW, **changes: Any) -> Grant:
    """Read a grant from good claims with these changes."""
    return read_grant(json.dumps(claims(**changes)).encode(), rules, now_s)


def refusal(rules: Rules = NO_RULES, now_s: float = NOW, **changes: Any) -> RefusedError:
    """Expect that good claims with these changes are refused."""
    return refusal_of(json.dumps(claims(**changes)).encode(), rules, now_s)


def refusal_of(payload: bytes, rules: Rules = NO_RULES, now_s: float = NOW) -> RefusedError:
    """Expect that these claims are refused."""
    with pytest.raises(RefusedError) as caught:
        read_grant(payload, rules, now_s)
    return caught.value


def test_claims_become_a_grant() -> None:
    """Every limiting claim is in the grant, in the claim's units."""
    expected = Grant("bob", frozenset({"BTCUSDT", "ETHUSDT"}), 2.5, 3, 40, NOW + 60 + 5)
    actual = read(
        sub="bob", exp=NOW + 60, symbols=["BTCUSDT", "ETHUSDT"], max_hz=2.5, max_connections=3, max_symbols=40
    )
    assert expected == actual


def test_absent_claims_limit_nothing() -> None:
    """A token with only subject and end allows everything until then."""
    assert Grant("alice", None, None, 0, 0, NOW + 3605) == read(iss=None, aud=None)


@pytest.mark.parametrize("symbols", ["*", ["*"], ["BTCUSDT", "*"]])
def test_a_star_means_every_symbol(symbols: Any) -> None:
    """``*``, alone or in a list, is the same as no claim."""
    assert read(symbols=symbols).symbols is None


def test_an_empty_list_of_symbols_means_none() -> None:
    """An empty list of symbols allows none, unlike an absent claim."""
    assert frozenset() == read(symbols=[]).symbols


def test_anonymous_may_have_everything_for_ever() -> None:
    """Without tokens there are no limits by tokens."""
    assert Grant("", None, None, 0, 0, math.inf) == ANONYMOUS


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", 7),
        ("sub", ""),
        ("sub", "x" * 201),
        ("sub", ["alice"]),
        ("sub", "alice\nERROR forged line"),
        ("sub", "alice\x1b[2J"),
        ("exp", "1800003600"),
        ("exp", True),
        ("exp", -1),
        ("exp", 1e300),
        ("exp", NOW * 1000),
        ("exp", [NOW + 60]),
        ("nbf", "yesterday"),
        ("nbf", False),
        ("iat", {}),
        ("iss", 5),
        ("aud", 5),
        ("aud", [5]),
        ("aud", {"a": 1}),
        ("symbols", "BTCUSDT"),
        ("symbols", 5),
        ("symbols", {"BTCUSDT": True}),
        ("symbols", ["BTCUSDT", 5]),
        ("symbols", ["x" * 65]),
        ("max_hz", "5"),
        ("max_hz", 0),
        ("max_hz", -1),
        ("max_hz", 1e9),
        ("max_hz", True),
        ("max_connections", 0),
        ("max_connections", -5),
        ("max_connections", 1.5),
        ("max_connections", "3"),
        ("max_symbols", 0),
        ("max_symbols", 10**30),
        ("max_symbols", [1]),
    ],
)
def test_a_claim_of_a_wrong_type_is_named(claim: str, value: Any) -> None:
    """A wrong claim, also 0, is refused by name, and does not count as absent."""
    error = refusal(**{claim: value})
    assert "bad_token" == error.code
    assert claim in str(error)


@pytest.mark.parametrize("claim", ["sub", "exp", "nbf", "iat", "symbols", "max_hz", "max_connections", "max_symbols"])
def test_a_null_claim_is_not_an_absent_one(claim: str) -> None:
    """null in place of a limit is refused."""
    error = refusal_of(json.dumps(claims() | {claim: None}).encode())
    assert "bad_token" == error.code
    assert claim in str(error)


@pytest.mark.parametrize("claim", ["sub", "exp"])
def test_subject_and_end_are_required(claim: str) -> None:
    """A token without subject or end is refused."""
    error = refusal_of(json.dumps(claims(**{claim: None})).encode())
    assert "bad_token" == error.code
    assert claim in str(error)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"sub"',
        b'{"sub":"\xff","exp":1}',
        b'{"sub":"alice","exp":NaN}',
        b'{"sub":"alice","exp":1e999}',
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_claims_that_are_no_claims_are_refused(payload: bytes) -> None:
    """Any signed value in place of an object of claims is refused."""
    assert "bad_token" == refusal_of(payload).code


def test_unknown_claims_are_ignored() -> None:
    """Unknown claims are ignored."""
    assert read() == read(ref="1", scope="x y", roles=[{"deep": [None]}])


@pytest.mark.parametrize(("jti", "token_id"), [("a-1", "a-1"), (7, "7"), (None, ""), ([1], ""), (True, ""), ("", "")])
def test_a_token_has_an_id_if_its_issuer_gave_it_one(jti: object, token_id: str) -> None:
    """One of another type is none, and no reason to refuse the token."""
    assert token_id == read(jti=jti).token_id


def test_a_token_ends_a_leeway_after_its_end() -> None:
    """A token is valid until the end of the leeway; the grant has the same end."""
    rules = Rules(leeway_s=5)
    end = read(rules, NOW, exp=NOW + 60).expires_at
    assert NOW + 65 == end
    assert "alice" == read(rules, end - 0.001, exp=NOW + 60).subject
    error = refusal(rules, end, exp=NOW + 60)
    assert "expired" == error.code
    assert "expired 5 s ago" in str(error)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_begins_a_leeway_before_its_beginning(claim: str) -> None:
    """A token that begins, or was issued, further ahead than the leeway is not valid yet."""
    rules = Rules(leeway_s=5)
    assert "alice" == read(rules, **{claim: NOW + 5}).subject
    error = refusal(rules, **{claim: NOW + 5.001})
    assert "not_yet_valid" == error.code
    assert claim in str(error)


@settings(deadline=None)
@given(exp=st.integers(0, 2 * NOW), leeway_s=st.floats(0, 300), now_s=st.floats(0, 2 * NOW))
def test_a_grant_given_has_not_expired(exp: int, leeway_s: float, now_s: float) -> None:
    """For any times, a grant's end is in the future, or there is no grant."""
    rules = Rules(leeway_s=leeway_s)
    if exp + leeway_s > now_s:
        assert read(rules, now_s, exp=exp).expires_at > now_s
    else:
        assert "expired" == refusal(rules, now_s, exp=exp).code


@pytest.mark.parametrize("issuer", [None, "", "https://other.example", "https://issuer.example/"])
def test_the_issuer_must_be_the_one_that_is_trusted(issuer: str | None) -> None:
    """An absent, another or a similar issuer is refused."""
    rules = Rules(issuer=ISSUER)
    assert "alice" == read(rules, iss=ISSUER).subject
    assert "wrong_issuer" == refusal(rules, iss=issuer).code


@pytest.mark.parametrize("audience", [None, "", [], "other", ["other", "tickgate2"], "tick", ["TICKGATE"]])
def test_the_audience_must_name_this_service(audience: Any) -> None:
    """An absent or empty audience, or one of only others, is refused; ours alone or among others is accepted."""
    rules = Rules(audience=AUDIENCE)
    assert "alice" == read(rules, aud=AUDIENCE).subject
    assert "alice" == read(rules, aud=["other", AUDIENCE]).subject
    assert "wrong_audience" == refusal(rules, aud=audience).code


def test_issuer_and_audience_are_not_asked_for_unless_set() -> None:
    """Without the settings any issuer and any audience is accepted."""
    assert read(iss=None, aud=None) == read(iss="anyone", aud=["anything"])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(Claims.__struct_fields__), _JSON))
def test_any_claims_are_granted_or_refused(changes: dict[str, Any]) -> None:
    """Any signed JSON gives a grant or a refusal."""
    try:
        grant = read_grant(json.dumps(claims() | changes).encode(), Rules(), NOW)
    except RefusedError:
        return
    assert (claims() | changes)["sub"] == grant.subject
    assert grant.expires_at > NOW


@pytest.mark.parametrize("value", ["MARKED", ["MARKED"], {"MARKED": "MARKED"}, "MARKED\n"])
@pytest.mark.parametrize("claim", Claims.__struct_fields__)
def test_a_refusal_quotes_nothing(claim: str, value: Any) -> None:
    """No error, nor its causes, has content of the token."""
    error = refusal(Rules("issuer", "audience"), **{claim: value})
    assert "MARKED" not in f"{error!s} {error!r}"
    assert error.__context__ is None


def test_a_grant_picks_out_what_it_allows() -> None:
    """A grant allows its own symbols, in the order of the request; without a list it allows all."""
    assert ["ETHUSDT", "BTCUSDT"] == ANONYMOUS.allowed(["ETHUSDT", "BTCUSDT"])
    assert ["BTCUSDT"] == Grant("alice", symbols=frozenset({"BTCUSDT", "SOLUSDT"})).allowed(["ETHUSDT", "BTCUSDT"])
    assert [] == Grant("alice", symbols=frozenset()).allowed(["BTCUSDT"])
