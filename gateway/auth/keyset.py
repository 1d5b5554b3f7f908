"""Reads what an issuer publishes: a JSON Web Key Set (RFC 7517), reduced to the keys that can check tokens."""

from collections.abc import Mapping
from typing import Final

import jwt
import msgspec
from msgspec import UNSET, Struct

from gateway.auth.keys import Family, Key, KeyMaterialError, from_public
from gateway.errors import GatewayError
from market.wire.codec import UNREADABLE

_MAX_KEYS: Final = 100


class KeySetError(GatewayError, ValueError):
    """A document that is no key set, or does not say which family of keys to use; the message says why."""


class KeySet(Struct, frozen=True):
    """The keys of one issuer, all of one family."""

    keys: Mapping[str | None, Key] = {}
    """By ``kid``. A key without one is under None, and is used only if it is alone."""
    family: Family | None = None
    """The family of all keys; None if there are none."""
    skipped: int = 0
    """The number of published keys that are for another purpose, of another family, or too weak."""


class _Document(Struct):
    keys: list[msgspec.Raw]


class _Jwk(Struct):
    """A JSON Web Key (RFC 7517, section 4; RFC 7518, section 6)."""

    kty: str
    kid: str | None = None
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)
    alg: str | None = None
    crv: str | None = None
    n: str | None = None
    e: str | None = None
    x: str | None = None
    y: str | None = None
    d: object = UNSET


_DOCUMENT: Final = msgspec.json.Decoder(_Document)
_JWK: Final = msgspec.json.Decoder(_Jwk)


def read_key_set(document: bytes, wanted: Family | None = None, held: Family | None = None) -> KeySet:
    """The keys of one family: of ``wanted`` if it is given, else of the only one there is.

    Among several families the one ``held`` so far is kept: an issuer may begin to publish keys of another.

    Raises:
        KeySetError: it is no key set, or it has several families and none is preferred.
    """
    try:
        published = _DOCUMENT.decode(document).keys
    except UNREADABLE:
        raise KeySetError("the answer is not a JSON Web Key Set") from None
    if len(published) > _MAX_KEYS:
        raise KeySetError(f"the answer holds {len(published)} keys; more than {_MAX_KEYS} are not read")
    usable: dict[tuple[Family, str | None], Key] = {}
    for raw in published:
        try:
            kid, key = read_jwk(bytes(raw))
        except KeyMaterialError:
            continue
        # Of two keys with the same name the first counts.
        usable.setdefault((key.family, kid), key)
    families = {family for family, _ in usable}
    if wanted is None and len(families) > 1:
        if held not in families:
            names = ", ".join(sorted(families))
            raise KeySetError(f"the answer holds keys of several families; set JWT_FAMILY to one of {names}")
        wanted = held
    keys = {kid: key for (family, kid), key in usable.items() if wanted in (None, family)}
    return KeySet(keys, next((key.family for key in keys.values()), None), len(published) - len(keys))


def read_jwk(jwk: bytes) -> tuple[str | None, Key]:
    """The ``kid`` and the key of one JSON Web Key, bound to its ``alg`` if it has one.

    Raises:
        KeyMaterialError: it is not a public key for signatures, or cannot be used.
    """
    try:
        parsed = _JWK.decode(jwk)
    except UNREADABLE:
        raise KeyMaterialError("is not a JSON Web Key") from None
    if parsed.use != "sig" or "verify" not in parsed.key_ops:
        raise KeyMaterialError("is not for signatures")
    if parsed.kty == "oct" or parsed.d is not UNSET:
        raise KeyMaterialError("is not public: anyone who reads it can sign")
    # Only the fields of a public key, so that nothing else can come of it.
    names = ("kty", "crv", "n", "e", "x", "y")
    public = {name: value for name in names if (value := getattr(parsed, name)) is not None}
    try:
        material = jwt.PyJWK.from_dict(public).key
    except (jwt.PyJWTError, ValueError, KeyError, TypeError):
        raise KeyMaterialError("is of no kind that can be used") from None
    key = from_public(material)
    if parsed.alg is None:
        return parsed.kid, key
    if parsed.alg not in key.algorithms:
        raise KeyMaterialError(f"is for another algorithm than {', '.join(key.algorithms)}")
    return parsed.kid, Key(key.family, (parsed.alg,), material)
