"""``tickgate token``: a token for development, signed with ``JWT_SECRET`` or a key file."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.auth.compact import read_compact
from gateway.auth.grant import ALL, RefusedError, Rules, read_grant
from gateway.auth.keys import NEW_SECRET, KeyMaterialError, from_public, from_secret
from gateway.errors import GatewayError
from market.process.printable import complain
from market.process.usage import Parser
from market.settings.environ import Environ, SettingError


class TokenError(GatewayError):
    """A token that cannot be made; the message says what to change."""


class _Parser(Parser):
    def error(self, message: str) -> NoReturn:
        raise TokenError(f"{message}; see: {self.prog} --help")


def main(
    argv: Sequence[str],
    environ: Mapping[str, str],
    now_s: Callable[[], float] = time.time,
    program: str = "tickgate token",
) -> int:
    """Print one token. Return the exit code: 2, with one line on stderr, if none can be made."""
    try:
        token = make_token(argv, environ, now_s(), program)
    except TokenError as error:
        complain(f"{program}: {error}")
        return 2
    print(token)  # noqa: T201 - what the command is for
    if sys.stderr.isatty():
        complain(f"{program}: for development; in production your identity provider issues tokens")
    return 0


def make_token(argv: Sequence[str], environ: Mapping[str, str], now_s: float, program: str) -> str:
    """The token that the arguments describe, issued at ``now_s`` (Unix seconds).

    Raises:
        TokenError: wrong arguments, a key that cannot be used, or claims that a gateway would refuse.
    """
    options = _parser(environ, program).parse_args(argv)
    claims = _claims(options, int(now_s))
    if options.key_file is None:
        key, algorithm = _secret(environ), "HS256"
    else:
        key, algorithm = _private_key(options.key_file)
    token = jwt.encode(claims, key, algorithm, None if options.kid is None else {"kid": options.kid})
    try:
        # A wrong token is better refused here than by the gateway.
        read_compact(token, (algorithm,))
        read_grant(json.dumps(claims).encode(), Rules(leeway_s=0), now_s)
    except RefusedError as error:
        raise TokenError(f"a gateway would refuse it: {error}") from None
    return token


def _parser(environ: Mapping[str, str], program: str) -> Parser:
    parser = _Parser(
        program,
        "Print a token that opens a gateway with AUTH_MODE=jwt. For development: in production,\n"
        "your identity provider issues tokens.",
        f"Signs with JWT_SECRET, or the one in JWT_SECRET_FILE. One is made by:\n{NEW_SECRET}",
    )
    parser.add_argument("--subject", default="developer", metavar="NAME", help="who bears it (default: developer)")
    parser.add_argument("--symbols", metavar="LIST", help="what it may subscribe to: BTCUSDT,ETHUSDT or * (all)")
    parser.add_argument("--ttl", type=int, default=3600, metavar="SECONDS", help="how long it lasts (default: 3600)")
    parser.add_argument("--max-hz", type=float, metavar="HZ", help="updates per symbol and second at most")
    parser.add_argument("--max-connections", type=int, metavar="N", help="connections of this subject at most")
    parser.add_argument("--max-symbols", type=int, metavar="N", help="symbols per connection at most")
    parser.add_argument("--id", metavar="ID", help="jti, by which tickgate revoke can refuse it")
    parser.add_argument("--issuer", default=environ.get("JWT_ISSUER"), help="iss (default: JWT_ISSUER)")
    parser.add_argument("--audience", default=environ.get("JWT_AUDIENCE"), help="aud (default: JWT_AUDIENCE)")
    parser.add_argument("--key-file", type=Path, metavar="PEM", help="sign with this private key, not with JWT_SECRET")
    parser.add_argument("--kid", metavar="ID", help="the key's name in the issuer's key set")
    return parser


def _claims(options: argparse.Namespace, now_s: int) -> dict[str, Any]:
    symbols = options.symbols and [name for part in options.symbols.split(",") if (name := part.strip())]
    wanted = {
        "sub": options.subject,
        "jti": options.id or None,
        "iat": now_s,
        "exp": now_s + options.ttl,
        "iss": options.issuer or None,
        "aud": options.audience or None,
        "symbols": ALL if symbols == [ALL] else symbols,
        "max_hz": options.max_hz,
        "max_connections": options.max_connections,
        "max_symbols": options.max_symbols,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _secret(environ: Mapping[str, str]) -> bytes:
    try:
        secret = Environ(environ).secret("JWT_SECRET", "JWT_SECRET_FILE")
    except SettingError as error:
        raise TokenError(str(error)) from None
    if not secret:
        raise TokenError(f"JWT_SECRET is not set; make one with: {NEW_SECRET}")
    try:
        from_secret(secret)
    except KeyMaterialError as error:
        raise TokenError(f"JWT_SECRET {error}") from None
    return secret.encode(errors="surrogateescape")


def _private_key(path: Path) -> tuple[Any, str]:
    """The key, and its first algorithm."""
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise TokenError(f"--key-file {str(path)!r} cannot be read ({error.strerror})") from None
    try:
        key = load_pem_private_key(pem, password=None)
        return key, from_public(key.public_key()).algorithms[0]
    except KeyMaterialError as error:
        raise TokenError(f"--key-file {error}") from None
    except TypeError:
        raise TokenError("--key-file is encrypted; decrypt it: openssl pkey -in KEY.pem -out PLAIN.pem") from None
    except (ValueError, UnsupportedAlgorithm):
        raise TokenError("--key-file holds no private key in PEM (-----BEGIN PRIVATE KEY-----)") from None
