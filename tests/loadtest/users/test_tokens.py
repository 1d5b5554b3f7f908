"""Tests of `loadtest.users._tokens`, with the gateway's own reading of tokens where that is possible."""

import sys
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from loadtest.users._tokens import TokenError, Tokens, expiry_s, printed_by, signed_with

SECRET = b"s" * 32


def test_a_secret_signs_a_token_of_its_own_for_each_subject(tmp_path: Path) -> None:
    """Subjects, times, issuer and audience are in the token; the line's end is not part of the secret."""
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    sign = signed_with(tmp_path / "secret", 60, "me", "you")
    for subject in ("load-1", "load-2"):
        claims = jwt.decode(sign(subject), SECRET, ["HS256"], issuer="me", audience="you")
        assert (subject, 60, "*") == (claims["sub"], claims["exp"] - claims["iat"], claims["symbols"])


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_private_key_signs_with_its_algorithm(key: rsa.RSAPrivateKey, algorithm: str, tmp_path: Path) -> None:
    """A PEM file says by its kind how it signs."""
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    token = signed_with(pem, 60, "", "")("load-1")
    assert "load-1" == jwt.decode(token, key.public_key(), [algorithm])["sub"]


def test_a_key_that_cannot_sign_is_named(tmp_path: Path) -> None:
    """A missing file, a short secret, a broken PEM and a key for something else stop the start."""
    short, broken, other = tmp_path / "short", tmp_path / "broken", tmp_path / "other"
    short.write_text("short")
    broken.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    key = x25519.X25519PrivateKey.generate()
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for file in (tmp_path / "none", short, broken, other):
        with pytest.raises(TokenError, match=file.name):
            signed_with(file, 60, "", "")


def test_a_token_is_used_again_while_it_lasts() -> None:
    """Another is made when less than the gateway's warning is left, or when it is asked for."""
    made: list[str] = []
    now_s = 1000.0

    def source(subject: str) -> str:
        made.append(subject)
        return jwt.encode({"sub": subject, "exp": int(now_s) + 100, "n": len(made)}, SECRET, "HS256")

    tokens = Tokens(source, lambda: now_s)
    first = tokens.token("a")
    assert first == tokens.token("a")
    assert first != tokens.token("b")
    assert not tokens.expired("a")
    now_s = 1099.5
    assert tokens.expired("a")
    second = tokens.token("a")
    assert second not in (first, tokens.renewed("a"))
    assert ["a", "b", "a", "a"] == made


def test_a_token_without_an_end_is_used_for_ever() -> None:
    """What does not say when it ends, or is no JWT, is never made anew by itself."""
    made: list[str] = []

    def source(subject: str) -> str:
        made.append(subject)
        return "opaque"

    tokens = Tokens(source, lambda: 1e12)
    assert {"opaque"} == {tokens.token("a"), tokens.token("a")}
    assert ["a"] == made
    assert not tokens.expired("a")
    assert None is expiry_s("a.b!.c") is expiry_s(jwt.encode({"sub": "a"}, SECRET, "HS256"))


def test_a_command_prints_the_token_of_a_subject() -> None:
    """The subject stands in the command's words, and the last line counts."""
    print_it = f"{sys.executable} -c \"print('a notice'); print('token-of-{{subject}}')\""
    assert "token-of-load-1" == printed_by(print_it)("load-1")


def test_what_a_failing_command_says_is_kept() -> None:
    """An operator sees why there was no token."""
    with pytest.raises(TokenError) as error:
        printed_by("sh -c 'echo no such realm >&2; exit 3'")("load-1")
    assert ("the token command ended with 3, and printed no token", "no such realm") == (
        str(error.value),
        error.value.said,
    )


@pytest.mark.parametrize("command", ["false", "true", "no-such-program-here", "echo <html>", "echo 'unclosed"])
def test_a_command_that_fails_gives_no_token(command: str) -> None:
    """An exit code, no output, no program, or what is no token: all are told as such."""
    with pytest.raises(TokenError, match="the token command"):
        printed_by(command)("load-1")
