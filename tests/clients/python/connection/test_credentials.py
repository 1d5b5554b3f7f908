"""Tokens that expire, are refused, or cannot be had."""

import pytest

from tests.clients.python.talks import Talk
from tickgate_client.errors import RefusedError
from tickgate_client.events import Problem


def test_another_token_is_got_before_one_expires() -> None:
    """It is sent over the same connection; nothing else happens."""
    talk = Talk(credentials="renewable")
    talk.open()
    talk.hear("expiring", expires_us=1)
    assert 1 == talk.renewals
    talk.core.token_renewed("another")
    talk.take()
    assert [{"token": "another"}] == talk.commands("auth")
    talk.hear("authenticated", subject="a", id="auth")
    talk.go(60)
    assert 1 == talk.renewals


def test_a_token_that_cannot_be_had_or_is_refused_is_asked_for_again() -> None:
    """While the old one still counts; the caller is told."""
    talk = Talk(credentials="renewable")
    talk.open()
    talk.events()
    talk.hear("expiring", expires_us=1)
    talk.core.token_failed("no issuer", talk.now)
    assert [Problem("token", "no issuer")] == talk.events()
    talk.go(5)
    assert 2 == talk.renewals
    talk.core.token_renewed("forged")
    talk.hear("error", code="unauthorised", message="forged", id="auth")
    assert [Problem("token", "forged")] == talk.events()
    talk.hear("pong", id="x")
    talk.go(4.9)
    assert 2 == talk.renewals
    talk.go(0.2)
    assert 3 == talk.renewals


def test_tokens_of_short_lives_are_asked_for_once_in_a_second() -> None:
    """Each is about to expire from its beginning."""
    talk = Talk(credentials="renewable")
    talk.open()
    for _ in range(40):
        talk.hear("expiring", expires_us=1)
        talk.hear("authenticated", subject="a", id="auth")
        talk.hear("expiring", expires_us=1)
        talk.go(0.1)
    assert 4 <= talk.renewals <= 5


def test_an_expired_token_is_no_end_if_there_are_others() -> None:
    """Two refusals lead to another try each, the third ends the stream: nobody knocks for ever."""
    talk = Talk(credentials="renewable")
    talk.open()
    talk.end(4401, "the token has expired")
    talk.go(30)
    talk.core.refused("the token has expired", talk.now, code=401, final=True)
    talk.go(30)
    assert (3, None) == (talk.dials, talk.core.ended)
    talk.core.refused("the token has expired", talk.now, code=401, final=True)
    assert isinstance(talk.core.ended, RefusedError)


def test_a_welcome_says_that_the_token_is_good() -> None:
    """Refusals of an hour ago do not count."""
    talk = Talk(credentials="renewable")
    for _ in range(5):
        talk.open()
        talk.end(4401, "the token has expired")
        talk.go(30)
    assert None is talk.core.ended


@pytest.mark.parametrize("code", [4401, 4403])
@pytest.mark.parametrize(("credentials", "help_"), [("none", "give a token"), ("fixed", "a function that gets")])
def test_who_has_no_other_token_is_told_so(credentials: str, help_: str, code: int) -> None:
    """The same token would be refused again."""
    talk = Talk(credentials=credentials)
    talk.open()
    talk.end(code, "the token has expired")
    assert isinstance(talk.core.ended, RefusedError)
    assert help_ in str(talk.core.ended)
    assert code == talk.core.ended.code


def test_a_fixed_token_that_expires_soon_is_told() -> None:
    """There is still time to do something."""
    talk = Talk(credentials="fixed")
    talk.open()
    talk.events()
    talk.hear("expiring", expires_us=1)
    (problem,) = talk.events()
    assert isinstance(problem, Problem)
    assert "expiring" == problem.code


def test_a_gateway_that_waits_for_a_token_is_told_apart_from_others() -> None:
    """Without one it is the end; who has one may have been slow."""
    talk = Talk()
    talk.open()
    talk.end(4409, "no token in time")
    assert "needs a token" in str(talk.core.ended)
    talk = Talk(credentials="fixed")
    talk.open()
    talk.end(4409, "no token in time")
    assert None is talk.core.ended
