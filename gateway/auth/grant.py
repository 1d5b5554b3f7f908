"""What a token allows its bearer: checked claims in, a grant out. No keys, no I/O."""

import math
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.errors import GatewayError
from market.prices.symbols import MAX_SYMBOL_BYTES
from market.prices.tick import MAX_EXACT
from market.wire.codec import UNREADABLE

ALL: Final = "*"

Code = Literal[
    "bad_token",  # not a JWT, or a claim is missing or of a wrong type
    "bad_signature",
    "wrong_algorithm",
    "unknown_key",
    "expired",
    "not_yet_valid",
    "wrong_issuer",
    "wrong_audience",
    "revoked",
]


class RefusedError(GatewayError):
    """A token that is not valid here. The message helps its sender, and holds no part of the token."""

    def __init__(self, code: Code, problem: str) -> None:
        super().__init__(problem)
        self.code: Code = code


class TryLaterError(GatewayError):
    """A token cannot be checked now, through no fault of its own."""

    def __init__(self, problem: str, after_s: float) -> None:
        super().__init__(f"{problem}; try again in {after_s:.0f} s")
        self.after_s = after_s


class Grant(Struct, frozen=True):
    """What one bearer may do until when."""

    subject: str
    """Who it is; "" for an anonymous client."""
    symbols: frozenset[str] | None = None
    """The names that may be subscribed to, as a client could give them; None means all."""
    max_hz: float | None = None
    """The most updates per symbol and second; None means no limit."""
    max_connections: int = 0
    """The most connections of this subject; 0 means no limit."""
    max_symbols: int = 0
    """The most symbols per connection; 0 means no limit."""
    expires_at: float = math.inf
    """The Unix time in seconds from which the token is refused: its ``exp`` plus the leeway."""
    token_id: str = ""
    """The token's ``jti``, by which it can be revoked; "" for none."""

    @property
    def expires_us(self) -> int | UnsetType:
        """``expires_at`` for clients: microseconds since the Unix epoch.

        At most the largest integer that JavaScript holds exactly; unset if there is no end.
        """
        return UNSET if math.isinf(self.expires_at) else min(int(self.expires_at * 1_000_000), MAX_EXACT)

    def allowed(self, symbols: Iterable[str]) -> list[str]:
        """Those of ``symbols`` that may be subscribed to, in order."""
        return [symbol for symbol in symbols if self.symbols is None or symbol in self.symbols]


ANONYMOUS: Final = Grant("")
"""The grant of every client of a gateway that asks for no token."""


class Rules(Struct, frozen=True):
    """What the claims are checked against."""

    issuer: str = ""
    """``iss`` must be this; "" means no check."""
    audience: str = ""
    """``aud`` must be or hold this; "" means no check."""
    leeway_s: float = 5.0
    """The clocks of issuer and gateway may differ by so much."""


# The year 5138: a date beyond it is a mistake (often milliseconds).
_Date = Annotated[float, Meta(ge=0, le=100_000_000_000)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class Claims(Struct, kw_only=True, omit_defaults=True):
    """The claims that are read (RFC 7519, section 4.1, and our own); others are ignored."""

    sub: Annotated[str, Meta(min_length=1, max_length=200)]
    exp: _Date
    nbf: _Date | UnsetType = UNSET
    iat: _Date | UnsetType = UNSET
    iss: str | UnsetType = UNSET
    aud: str | list[str] | UnsetType = UNSET
    symbols: str | list[Annotated[str, Meta(max_length=MAX_SYMBOL_BYTES)]] | UnsetType = UNSET
    """Names, or ``"*"`` for all, alone or in the list. Absent: all; an empty list: none."""
    max_hz: Annotated[float, Meta(ge=0.1, le=1000)] | UnsetType = UNSET
    max_connections: _Count | UnsetType = UNSET
    max_symbols: _Count | UnsetType = UNSET
    jti: Any = UNSET
    """Of any type: tokens whose id is no string were always let in."""


_CLAIMS: Final = msgspec.json.Decoder(Claims)


def read_grant(payload: bytes, rules: Rules, now_s: float) -> Grant:
    """The grant in the ``payload`` of a token with a valid signature, at ``now_s`` (Unix seconds).

    Raises:
        RefusedError: a claim is missing, of a wrong type, out of time, or meant for others.
    """
    claims = _decode(payload)
    # Other services' tokens first: the reason for refusing them should not depend on the time.
    if rules.issuer and claims.iss != rules.issuer:
        raise RefusedError("wrong_issuer", "the token's `iss` is not the issuer that is trusted here")
    if rules.audience and rules.audience not in _audiences(claims.aud):
        raise RefusedError("wrong_audience", "the token's `aud` does not name this service")
    expires_at = claims.exp + rules.leeway_s
    if now_s >= expires_at:
        raise RefusedError("expired", f"the token expired {now_s - claims.exp:.0f} s ago; get a new one")
    for name, date in (("nbf", claims.nbf), ("iat", claims.iat)):
        if date is not UNSET and date > now_s + rules.leeway_s:
            early_s = date - now_s
            raise RefusedError("not_yet_valid", f"the token's `{name}` is {early_s:.0f} s ahead; is a clock wrong?")
    return Grant(
        claims.sub,
        _symbols(claims.symbols),
        None if claims.max_hz is UNSET else claims.max_hz,
        0 if claims.max_connections is UNSET else claims.max_connections,
        0 if claims.max_symbols is UNSET else claims.max_symbols,
        expires_at,
        str(claims.jti) if type(claims.jti) in {str, int} else "",
    )


def _decode(payload: bytes) -> Claims:
    # Raised outside the handlers: the caught error may quote the token, and would go along as context.
    try:
        claims = _CLAIMS.decode(payload)
    except msgspec.ValidationError as error:
        problem = f"the token's claims cannot be used: {error}"
    except UNREADABLE:
        problem = "the token's claims are not JSON"
    else:
        # The subject appears in logs, where a line break could forge a line.
        if claims.sub.isprintable():
            return claims
        problem = "the token's claims cannot be used: `sub` holds characters that cannot be printed"
    raise RefusedError("bad_token", problem)


def _audiences(claim: str | list[str] | UnsetType) -> list[str]:
    if claim is UNSET:
        return []
    return [claim] if isinstance(claim, str) else claim


def _symbols(claim: str | list[str] | UnsetType) -> frozenset[str] | None:
    if claim is UNSET or claim == ALL or (isinstance(claim, list) and ALL in claim):
        return None
    if isinstance(claim, str):
        raise RefusedError("bad_token", f'the token\'s claims cannot be used: `symbols` must be a list or "{ALL}"')
    return frozenset(claim)
