"""The keys that tokens are checked with, and the algorithms of each.

A key's own type decides its algorithms. What a token's header says only has to agree with it (RFC 8725, section 3.1).
So no public key can pass for a shared secret, and no unsigned token is ever accepted.
"""

from typing import Final, Literal

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.errors import GatewayError
from market.wire.codec import UNREADABLE

Family = Literal["HS", "RS", "ES", "EdDSA"]
"""HMAC with a shared secret, RSASSA-PKCS1-v1_5, ECDSA, Ed25519 (RFC 7518, section 3.1; RFC 8037)."""

ALGORITHMS: Final[dict[Family, tuple[str, ...]]] = {
    "HS": ("HS256",),
    "RS": ("RS256", "RS384", "RS512"),
    "ES": ("ES256", "ES384", "ES512"),
    "EdDSA": ("EdDSA",),
}
"""All algorithms that may be used; a key may be bound to fewer."""

PUBLIC_FAMILIES: Final[tuple[Family, ...]] = ("RS", "ES", "EdDSA")

MIN_SECRET_BYTES: Final = 32
"""The length of the digest (RFC 7518, section 3.2)."""

_CURVE_ALGORITHMS: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
"""Each algorithm has its curve (RFC 7518, section 3.4)."""

_RSA_BITS: Final = (2048, 8192)
"""The least is that of RFC 7518, section 3.3. Above the most, checking a signature takes too long."""

_Material = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | bytes

NEW_SECRET: Final = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105 - a command, not a secret
"""A command that prints a good secret."""


_JWS: Final = jwt.PyJWS()


class KeyMaterialError(GatewayError, ValueError):
    """A key that cannot be used. The message is put behind the name of the setting, and ends with the fix."""


class Key:
    """One key, bound to its algorithms."""

    # No repr shows the material: none is defined.
    __slots__ = ("_material", "algorithms", "family")

    def __init__(self, family: Family, algorithms: tuple[str, ...], material: _Material) -> None:
        self.family: Family = family
        self.algorithms = algorithms
        self._material = material

    def is_same(self, other: "Key") -> bool:
        """Whether it accepts the same tokens as ``other``."""
        return self.algorithms == other.algorithms and self._material == other._material

    def open(self, token: bytes) -> bytes | None:
        """The payload of a compact JWT; None unless this key signed it with one of its algorithms."""
        try:
            payload: bytes = _JWS.decode(token, self._material, self.algorithms)
        except (jwt.PyJWTError, ValueError, *UNREADABLE):
            # PyJWT reads the header with its own decoder.
            return None
        return payload


def from_secret(secret: str) -> Key:
    """The HS256 key of a shared secret.

    Raises:
        KeyMaterialError: the secret is too short, or is no secret.
    """
    # The bytes as the environment has them, even if they are not UTF-8.
    material = secret.encode(errors="surrogateescape")
    if len(material) < MIN_SECRET_BYTES:
        raise KeyMaterialError(
            f"is {len(material)} bytes long, and HS256 needs {MIN_SECRET_BYTES}; make one with: {NEW_SECRET}"
        )
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(material)
    except jwt.InvalidKeyError:
        # Something public must not be the signing secret.
        problem = f"holds a key or certificate, not a shared secret; make one with: {NEW_SECRET}"
    else:
        return Key("HS", ALGORITHMS["HS"], material)
    raise KeyMaterialError(problem)


def from_pem(pem: bytes) -> Key:
    """The key in a PEM file (RFC 7468) that holds one public key.

    Raises:
        KeyMaterialError: a private key, a certificate, several keys, or none that can be used.
    """
    if b"PRIVATE KEY-" in pem:
        raise KeyMaterialError(
            "holds a private key, which only the issuer should have; "
            "take the public one: openssl pkey -in PRIVATE.pem -pubout"
        )
    if b"CERTIFICATE-" in pem:
        raise KeyMaterialError("holds a certificate; take its key: openssl x509 -in CERTIFICATE.pem -pubkey -noout")
    if pem.count(b"-----BEGIN") > 1:
        raise KeyMaterialError("holds several keys; it must hold one, and JWT_JWKS_URL is for several")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyMaterialError("holds no public key in PEM (-----BEGIN PUBLIC KEY-----)") from None
    return from_public(key)


def from_public(key: object) -> Key:
    """The key for a public key that `cryptography` has loaded.

    Raises:
        KeyMaterialError: its family is not supported, or it is too weak.
    """
    match key:
        case RSAPublicKey():
            least, most = _RSA_BITS
            if not least <= key.key_size <= most:
                raise KeyMaterialError(f"holds an RSA key of {key.key_size} bits; it must have {least} to {most}")
            return Key("RS", ALGORITHMS["RS"], key)
        case EllipticCurvePublicKey() if key.curve.name in _CURVE_ALGORITHMS:
            return Key("ES", (_CURVE_ALGORITHMS[key.curve.name],), key)
        case Ed25519PublicKey():
            return Key("EdDSA", ALGORITHMS["EdDSA"], key)
        case _:
            raise KeyMaterialError("holds a key of another kind than RSA, EC (P-256, P-384, P-521) and Ed25519")
