"""When a certificate ends."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from market.metrics.certificate import not_after_s

ENDS = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_the_first_of_a_chain_counts(tmp_path: Path) -> None:
    """Its issuer's comes behind it, and the key may be in the same file."""
    leaf = trustme.CA().issue_cert("gateway.example", not_after=ENDS)
    path = tmp_path / "chain.pem"
    path.write_bytes(leaf.private_key_and_cert_chain_pem.bytes() + trustme.CA().cert_pem.bytes())
    assert ENDS.timestamp() == not_after_s(str(path))


@pytest.mark.parametrize("text", ["", "no certificate"])
def test_a_file_without_one_is_refused(tmp_path: Path, text: str) -> None:
    """Whoever asks says what is to be done."""
    path = tmp_path / "chain.pem"
    path.write_text(text)
    with pytest.raises(ValueError, match="PEM"):
        not_after_s(str(path))
    with pytest.raises(OSError, match="nowhere"):
        not_after_s(str(tmp_path / "nowhere.pem"))
