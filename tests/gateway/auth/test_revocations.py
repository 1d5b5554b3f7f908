"""Tokens that are refused before they expire."""

import pytest

from gateway.auth.grant import Grant, RefusedError
from gateway.auth.revocations import Revocations


def test_a_token_with_a_revoked_id_is_refused() -> None:
    """And no other one: neither of the same subject, nor one without an id."""
    revocations = Revocations()
    revoked, other, nameless = (Grant("a", token_id=its) for its in ("1", "2", ""))
    assert revoked is revocations.check(revoked)
    revocations.ids = frozenset(("1", ""))
    with pytest.raises(RefusedError, match="revoked") as caught:
        revocations.check(revoked)
    assert "revoked" == caught.value.code
    assert [other, nameless] == [revocations.check(grant) for grant in (other, nameless)]
