"""A gateway's settings about tokens. They are apart from the others, so that reading them needs no cryptography."""

from typing import Any, Literal, get_args

from msgspec import Struct

from market.settings.environ import Environ
from market.settings.proxy import NO_PROXIES, Proxies

AuthMode = Literal["none", "jwt"]
FamilyChoice = Literal["auto", "RS", "ES", "EdDSA"]


class AuthSettings(Struct, frozen=True, kw_only=True):
    """How bearers prove who they are.

    Each field's variable has its name in upper case, with ``AUTH_`` before ``mode``.
    """

    mode: AuthMode = "none"
    """``none``: every client is anonymous, which is for loopback. ``jwt``: a client needs a token, and exactly one of
    ``JWT_SECRET``, ``JWT_PUBLIC_KEY_FILE`` and ``JWT_JWKS_URL`` must be set."""
    jwt_secret: str = ""
    """Checks tokens with HS256, for development: at least 32 bytes."""
    jwt_public_key_file: str = ""
    """PEM file of the issuer's public key: RSA, EC or Ed25519."""
    jwt_jwks_url: str = ""
    """Where the issuer publishes its keys: ``https://``, or ``http://`` on this machine."""
    jwt_issuer: str = ""
    """The ``iss`` that a token must have; unset means no check."""
    jwt_audience: str = ""
    """The ``aud`` that a token must be for; unset means no check."""
    jwt_family: FamilyChoice = "auto"
    """The family of algorithms that the issuer signs with: ``RS``, ``ES`` or ``EdDSA``. ``auto`` takes the one that its
    keys are for; if the issuer publishes keys of several families, set it."""
    proxies: Proxies = NO_PROXIES
    """The way to ``jwt_jwks_url``: ``HTTPS_PROXY`` and ``NO_PROXY``. They may hold a password."""
    jwt_leeway_s: float = 5.0
    """The clocks of issuer and gateway may differ by so much."""

    def __repr__(self) -> str:
        """Show no values: one of them is a secret."""
        return f"AuthSettings(mode={self.mode!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for printing with rich."""
        return [("mode", self.mode)]

    @classmethod
    def from_environ(cls, env: Environ) -> "AuthSettings":
        """Read the variables; `gateway.auth.authenticator.Authenticator` checks that they fit together.

        Raises:
            SettingError: the first variable that cannot be used.
        """
        default = cls()
        return cls(
            mode=env.choice("AUTH_MODE", default.mode, get_args(AuthMode)),
            jwt_secret=env.secret("JWT_SECRET", "JWT_SECRET_FILE"),
            jwt_public_key_file=env.get("JWT_PUBLIC_KEY_FILE", ""),
            jwt_jwks_url=env.get("JWT_JWKS_URL", ""),
            jwt_issuer=env.get("JWT_ISSUER", ""),
            jwt_audience=env.get("JWT_AUDIENCE", ""),
            jwt_family=env.choice("JWT_FAMILY", default.jwt_family, get_args(FamilyChoice)),
            # An unused setting need not be valid.
            proxies=env.proxies() if env.get("JWT_JWKS_URL", "") else NO_PROXIES,
            jwt_leeway_s=env.number("JWT_LEEWAY_S", default.jwt_leeway_s, 0, 300),
        )
