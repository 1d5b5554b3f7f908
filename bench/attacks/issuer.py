"""An issuer of tokens for one run: the gateway's settings, good tokens, and forged ones that cost as much to check."""

import secrets
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_LASTS_S = 3600


class Issuer:
    """A key, and a second one for forged tokens."""

    def __init__(self, algorithm: str, folder: Path) -> None:
        """``algorithm`` is HS256, RS256 or EdDSA; the public key is left in ``folder``."""
        self._algorithm = algorithm
        self._key, self._other = _new_key(algorithm), _new_key(algorithm)
        if algorithm == "HS256":
            self.env = {"AUTH_MODE": "jwt", "JWT_SECRET": self._key}
        else:
            file = folder / "public.pem"
            public = self._key.public_key()
            file.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
            self.env = {"AUTH_MODE": "jwt", "JWT_PUBLIC_KEY_FILE": str(file)}

    def token(self, subject: str) -> str:
        """A good token, for every symbol."""
        return self._sign(subject, self._key)

    def forged(self, subject: str) -> str:
        """A token signed with another key: its signature is checked, and is wrong."""
        return self._sign(subject, self._other)

    def _sign(self, subject: str, key: Any) -> str:
        now_s = int(time.time())
        claims = {"sub": subject, "iat": now_s, "exp": now_s + _LASTS_S, "symbols": "*"}
        return jwt.encode(claims, key, self._algorithm)


def _new_key(algorithm: str) -> Any:
    match algorithm:
        case "HS256":
            return secrets.token_urlsafe(48)
        case "RS256":
            return generate_private_key(65_537, 2048)
        case "EdDSA":
            return Ed25519PrivateKey.generate()
    raise ValueError(algorithm)
