"""Keys and tokens, good and forged, for the tests of who may come in."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NOW = 1_800_000_000
"""The wall clock of these tests, in Unix seconds."""

ISSUER, AUDIENCE = "https://issuer.example", "tickgate"

SECRET = "a secret of the tests, long enough for HS256"  # noqa: S105

CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@cache
def private_key(algorithm: str, name: str = "issuer") -> Any:
    """A key of ``name`` for ``algorithm``; made once, for RSA keys take their time."""
    if algorithm.startswith("HS"):
        return f"{name}: {SECRET}"
    if algorithm.startswith("RS"):
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[algorithm])


def public_pem(key: Any) -> bytes:
    """Write the public half as PEM."""
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def private_pem(key: Any) -> bytes:
    """Write a private key as PEM."""
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def jwk(key: Any, **members: Any) -> dict[str, Any]:
    """The public half as a JSON Web Key; a member that is None is left out."""
    public = key.public_key()
    kind: dict[type, Any] = {rsa.RSAPublicKey: RSAAlgorithm, ed25519.Ed25519PublicKey: OKPAlgorithm}
    to_jwk = next((made.to_jwk for type_, made in kind.items() if isinstance(public, type_)), ECAlgorithm.to_jwk)
    merged = to_jwk(public, as_dict=True) | members
    return {name: value for name, value in merged.items() if value is not None}


def key_set(*jwks: Any) -> bytes:
    """Write a JSON Web Key Set."""
    return json.dumps({"keys": list(jwks)}).encode()


def segment(value: Any) -> str:
    """One part of a token: bytes as they are, anything else as JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: Any, payload: Any, sign: Callable[[bytes], bytes] = lambda _: b"") -> str:
    """A token made without a library that would object to it."""
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{segment(sign(signed.encode()))}"


def signer(algorithm: str, key: Any) -> Callable[[bytes], bytes]:
    """Signs as ``algorithm`` says, whatever the header will say."""
    library = jwt.get_algorithm_by_name(algorithm)
    return lambda data: library.sign(data, library.prepare_key(key))


def hmac_signer(secret: bytes, digest: str = "sha256") -> Callable[[bytes], bytes]:
    """HMAC with any bytes, such as a public key that a library refuses to use as a secret."""
    return lambda data: hmac.new(secret, data, getattr(hashlib, digest)).digest()


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with ``changes``; one that is None is left out."""
    merged = {"sub": "alice", "exp": NOW + 3600, "iss": ISSUER, "aud": AUDIENCE} | changes
    return {name: value for name, value in merged.items() if value is not None}


def token(algorithm: str, key: Any, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token that ``key`` has really signed."""
    return forge({"alg": algorithm, "typ": "JWT"} | (header or {}), claims(**changes), signer(algorithm, key))
