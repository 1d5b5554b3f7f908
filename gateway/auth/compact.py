"""The outer form of a token: a JSON Web Signature in its compact serialization (RFC 7515, section 7.1).

It is read before there is a key to check it with, so nothing in it can be trusted. Of the header only ``alg`` and
``kid`` count. A key that a token carries (``jwk``, ``x5c``) or points to (``jku``, ``x5u``) is ignored.
"""

import base64
import binascii
import re
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.auth.grant import RefusedError
from market.wire.codec import UNREADABLE

MAX_TOKEN_BYTES: Final = 8192
"""A longer token is refused unread."""


class Compact(Struct, frozen=True):
    """A text in the form of a token."""

    token: bytes
    algorithm: str
    kid: str | None

    def require(self, algorithms: tuple[str, ...]) -> None:
        """Raise `RefusedError` unless it claims to be signed with one of ``algorithms``."""
        if self.algorithm not in algorithms:
            names = ", ".join(algorithms)
            raise RefusedError("wrong_algorithm", f"the token's `alg` is not accepted here; {names} would be")


class _Header(Struct):
    alg: Annotated[str, Meta(max_length=16)]
    kid: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET
    crit: object = UNSET
    b64: object = UNSET


_HEADER: Final = msgspec.json.Decoder(_Header)
_FORM: Final = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")


def read_compact(token: str | bytes, algorithms: tuple[str, ...]) -> Compact:
    """``token``, parsed, if it claims to be signed with one of ``algorithms``.

    Raises:
        RefusedError: it is not a token, or asks for an extension that is not known here.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise RefusedError("bad_token", f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    text = token if isinstance(token, str) else token.decode("latin-1")
    form = _FORM.fullmatch(text)
    header = None if form is None else _read_header(form[1])
    if header is None:
        raise RefusedError("bad_token", "this is not a signed JSON Web Token (header.payload.signature)")
    if header.crit is not UNSET or header.b64 is not UNSET:
        raise RefusedError("bad_token", "the token's header asks for an extension (`crit`, `b64`); none is known here")
    compact = Compact(text.encode(), header.alg, None if header.kid is UNSET else header.kid)
    compact.require(algorithms)
    return compact


def _read_header(segment: str) -> _Header | None:
    # None, not an error raised here: the caught error quotes the token, and would go along as context.
    try:
        return _HEADER.decode(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (binascii.Error, *UNREADABLE):
        return None
