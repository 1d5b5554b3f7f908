"""Why somebody is not let in."""

from gateway.refusal import RefusalError


def test_a_refusal_says_what_is_wrong_and_its_word_is_its_code() -> None:
    """Where the client is to be told more than the metrics, it has a code of its own."""
    refusal = RefusalError(403, "origin", "not from there")
    assert ("not from there", 403, "origin", "origin", {}) == (
        str(refusal),
        refusal.status,
        refusal.reason,
        refusal.code,
        refusal.headers,
    )
    assert "expired" == RefusalError(401, "token", "too old", code="expired").code
