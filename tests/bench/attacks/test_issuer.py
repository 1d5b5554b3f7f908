"""The tokens of a bench are what they are called: good, or forged."""

from pathlib import Path

import pytest

from bench.attacks.issuer import Issuer
from gateway.auth.authenticator import Authenticator
from gateway.auth.grant import RefusedError
from gateway.auth.settings import AuthSettings
from market.settings.environ import Environ


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "EdDSA"])
def test_a_gateway_takes_the_good_token_and_refuses_the_forged_one(algorithm: str, tmp_path: Path) -> None:
    """By the settings that the issuer names, and the forged one for its signature."""
    issuer = Issuer(algorithm, tmp_path)
    authenticator = Authenticator(AuthSettings.from_environ(Environ(issuer.env)))
    grant = authenticator.verify_now(issuer.token("victim"))
    assert grant is not None
    assert grant.subject == "victim"
    with pytest.raises(RefusedError, match="signature"):
        authenticator.verify_now(issuer.forged("attacker"))
