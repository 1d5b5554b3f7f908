"""A token for each user: signed here with a key, or printed by a command."""

import base64
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from loadtest.protocol._messages import UNREADABLE

REUSE_S = 35.0
"""A token that lasts this long is used again: a gateway says `expiring` half a minute before the end."""
COMMAND_TIMEOUT_S = 30.0

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class TokenError(Exception):
    """There is no token: the key cannot be used, or the command failed."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.said = said.strip()
        """What the command said about it: for the log, once."""


class _Claims(msgspec.Struct):
    exp: float | None = None


def expiry_s(token: str) -> float | None:
    """When a token expires, in seconds since the Unix epoch; None if it does not say."""
    parts = token.split(".")
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(claims, type=_Claims).exp
    except (IndexError, ValueError, *UNREADABLE):
        return None


class Tokens:
    """The token of each subject: the last one while it lasts, else a new one."""

    def __init__(self, source: Callable[[str], str], now_s: Callable[[], float] = time.time) -> None:
        """``source`` makes a token of a subject, and may raise `TokenError`."""
        self._source, self._now_s = source, now_s
        self._last: dict[str, str] = {}

    def token(self, subject: str) -> str:
        """A token that lasts a while.

        Raises:
            TokenError: there is none.
        """
        last = self._last.get(subject)
        ends_s = None if last is None else expiry_s(last)
        if last is None or (ends_s is not None and ends_s - self._now_s() < REUSE_S):
            return self.renewed(subject)
        return last

    def renewed(self, subject: str) -> str:
        """Another token, that lasts longer; raises as `token` does."""
        token = self._last[subject] = self._source(subject)
        return token

    def expired(self, subject: str) -> bool:
        """Whether the subject's last token has come to its end, or will within a second."""
        ends_s = expiry_s(self._last.get(subject, ""))
        return ends_s is not None and ends_s - self._now_s() < 1.0


def signed_with(file: Path, ttl_s: int, issuer: str, audience: str) -> Callable[[str], str]:
    """Tokens for all symbols, signed with the secret (HS256) or the private key (PEM) in a file.

    Raises:
        TokenError: the file cannot be read, or holds no such key.
    """
    key, algorithm = _key(file)
    more = ({"iss": issuer} if issuer else {}) | ({"aud": audience} if audience else {})

    def sign(subject: str) -> str:
        now_s = int(time.time())
        claims = {"sub": subject, "iat": now_s, "exp": now_s + ttl_s, "symbols": "*", **more}
        return jwt.encode(claims, key, algorithm)

    return sign


def _key(file: Path) -> tuple[Any, str]:
    try:
        data = file.read_bytes().strip()
        if b"-----BEGIN" not in data:
            if len(data) < 32:
                raise TokenError(f"{file}: a secret has at least 32 bytes")
            return data, "HS256"
        key = load_pem_private_key(data, None)
    except (OSError, ValueError, TypeError) as error:
        raise TokenError(f"{file}: {error}") from None
    match key:
        case RSAPrivateKey():
            return key, "RS256"
        case Ed25519PrivateKey():
            return key, "EdDSA"
        case EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return key, _CURVES[key.curve.name]
    raise TokenError(f"{file}: neither RSA nor Ed25519 nor a NIST curve")


def printed_by(command: str) -> Callable[[str], str]:
    """Tokens that a command prints as its last line; ``{subject}`` in it is the subject.

    Raises:
        TokenError: a quotation mark stands alone.
    """
    try:
        template = shlex.split(command)
    except ValueError as error:
        raise TokenError(f"the token command is not one: {error}") from None

    def run(subject: str) -> str:
        words = [word.replace("{subject}", subject) for word in template]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)  # noqa: S603 - the operator's own
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise TokenError(f"the token command failed: {type(error).__name__}") from None
        lines = done.stdout.split()
        if done.returncode or not lines or not re.fullmatch(r"[\w.~+/-]+=*", lines[-1], re.ASCII):
            raise TokenError(f"the token command ended with {done.returncode}, and printed no token", done.stderr)
        return lines[-1]

    return run
