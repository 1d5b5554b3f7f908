"""Tokens for development: what the command prints, and what it says when it prints none."""

from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from gateway.auth.authenticator import Authenticator
from gateway.auth.compact import read_compact
from gateway.auth.grant import Grant
from gateway.auth.settings import AuthSettings
from gateway.auth.token import main
from tests.gateway.auth.tokens import NOW, private_key, private_pem, public_pem

SECRET = private_key("HS256")
ENVIRON = {"JWT_SECRET": SECRET}


class Command:
    """``python -m gateway token``, without the process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def prints(self, *argv: str, environ: dict[str, str] = ENVIRON) -> str:
        """The token, which is all that is printed."""
        assert 0 == main(argv, environ, lambda: NOW + 0.9)
        printed = self._capsys.readouterr()
        assert "" == printed.err
        (token,) = printed.out.splitlines()
        return token

    def fails(self, *argv: str, environ: dict[str, str] = ENVIRON) -> str:
        """The one line of the failure."""
        assert 2 == main(argv, environ, lambda: NOW)
        printed = self._capsys.readouterr()
        assert "" == printed.out
        (line,) = printed.err.splitlines()
        assert line.startswith("tickgate token: ")
        assert SECRET not in line
        return line


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Give the command line."""
    return Command(capsys)


def opened(token: str, **settings: Any) -> Grant:
    """Return the grant that a token opens at a gateway with these settings."""
    told = {"jwt_secret": SECRET} if "jwt_public_key_file" not in settings else {}
    grant = Authenticator(AuthSettings(mode="jwt", **told, **settings), now_s=lambda: NOW).verify_now(token)
    assert grant is not None
    return grant


def test_nothing_need_be_said(command: Command) -> None:
    """The plainest token opens everything for an hour."""
    assert Grant("developer", expires_at=NOW + 3605) == opened(command.prints())
    assert Grant("demo", expires_at=NOW + 3605) == opened(command.prints("--subject", "demo"))


def test_every_limit_can_be_asked_for(command: Command) -> None:
    """Each option is a claim that a gateway honours."""
    limits = ("--ttl", "60", "--max-hz", "2.5", "--max-connections", "3", "--max-symbols", "4")
    argv = ("--subject", "demo", "--symbols", "BTCUSDT,ETHUSDT,", *limits)
    expected = Grant("demo", frozenset({"BTCUSDT", "ETHUSDT"}), 2.5, 3, 4, NOW + 65)
    assert expected == opened(command.prints(*argv))
    assert opened(command.prints("--subject", "demo", "--symbols", "*")).symbols is None


def test_issuer_and_audience_come_from_the_environment(command: Command) -> None:
    """What a gateway of the same environment asks for is there, unless an option says otherwise."""
    environ = ENVIRON | {"JWT_ISSUER": "here", "JWT_AUDIENCE": "tickgate"}
    assert opened(command.prints("--subject", "demo", environ=environ), jwt_issuer="here", jwt_audience="tickgate")
    argv = ("--subject", "demo", "--issuer", "there", "--audience", "others")
    assert opened(command.prints(*argv, environ=environ), jwt_issuer="there", jwt_audience="others")


def test_an_empty_issuer_is_none(command: Command) -> None:
    """Set but empty, as compose files leave a variable, makes no claim; the claims are no more than were asked for."""
    token = command.prints("--subject", "demo", environ=ENVIRON | {"JWT_ISSUER": "", "JWT_AUDIENCE": ""})
    assert {"sub": "demo", "iat": NOW, "exp": NOW + 3600} == jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_key_file_signs(command: Command, tmp_path: Path, algorithm: str) -> None:
    """The key's kind chooses the algorithm; a gateway with the public half is opened; no secret is needed."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(private_pem(private_key(algorithm)))
    public.write_bytes(public_pem(private_key(algorithm)))
    token = command.prints("--subject", "demo", "--key-file", str(private), "--kid", "one", environ={})
    assert "demo" == opened(token, jwt_public_key_file=str(public)).subject
    assert "one" == read_compact(token, (algorithm,)).kid


def test_the_secret_may_be_in_a_file(command: Command, tmp_path: Path) -> None:
    """As for the gateway: in one place only, and a file that cannot be read is named."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n", encoding="ascii")
    assert "demo" == opened(command.prints("--subject", "demo", environ={"JWT_SECRET_FILE": str(file)})).subject
    assert "both set" in command.fails(environ={"JWT_SECRET_FILE": str(file), "JWT_SECRET": SECRET})
    assert "JWT_SECRET_FILE" in command.fails(environ={"JWT_SECRET_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(("environ", "problem"), [({}, "is not set"), ({"JWT_SECRET": "short"}, "is 5 bytes long")])
def test_without_a_good_secret_it_says_how_to_make_one(command: Command, environ: dict[str, str], problem: str) -> None:
    """A missing or short secret makes no token."""
    line = command.fails("--subject", "demo", environ=environ)
    assert f"JWT_SECRET {problem}" in line
    assert "python -c 'import secrets" in line


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("--subject",), "--subject"),
        (("--subject", ""), "`$.sub`"),
        (("--subject", "a\nb"), "`sub`"),
        (("--subject", "\udcff"), "not JSON"),
        (("--subject", "a", "--ttl", "soon"), "--ttl"),
        (("--subject", "a", "--ttl", "0"), "expired"),
        (("--subject", "a", "--ttl", "-5"), "expired"),
        (("--subject", "a", "--ttl", "9" * 20), "`$.exp`"),
        (("--subject", "a", "--max-hz", "0"), "`$.max_hz`"),
        (("--subject", "a", "--max-hz", "nan"), "not JSON"),
        (("--subject", "a", "--max-connections", "0"), "`$.max_connections`"),
        (("--subject", "a", "--max-symbols", "1.5"), "--max-symbols"),
        (("--subject", "a", "--symbols", ""), "`symbols`"),
        (("--subject", "a", "--symbols", "X" * 65), "`$.symbols[0]`"),
        (("--subject", "a", "--symbols", ",".join(f"SYMBOL{n}" for n in range(1000))), "longer than 8192 bytes"),
        (("--subject", "a", "--kid", "k" * 257), "not a signed JSON Web Token"),
        (("--subject", "a", "--secret", "x"), "--secret"),
        (("--sub", "a"), "--sub"),
    ],
)
def test_what_a_gateway_would_refuse_is_not_made(command: Command, argv: tuple[str, ...], problem: str) -> None:
    """Wrong options, and claims that no gateway takes, are told in one line."""
    assert problem in command.fails(*argv)


def test_a_key_file_that_cannot_sign_is_reported(command: Command, tmp_path: Path) -> None:
    """A missing, public, encrypted or foreign key is told apart."""
    path = tmp_path / "key.pem"
    argv = ("--subject", "demo", "--key-file", str(path))
    assert "cannot be read (No such file or directory)" in command.fails(*argv)
    path.write_bytes(public_pem(private_key("RS256")))
    assert "holds no private key" in command.fails(*argv)
    path.write_bytes(
        private_key("RS256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    )
    assert "is encrypted" in command.fails(*argv)
    path.write_bytes(private_pem(ed448.Ed448PrivateKey.generate()))
    assert "of another kind" in command.fails(*argv)


def test_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """--help tells the options and how to make a secret."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"], {}, lambda: NOW)
    assert 0 == ended.value.code
    assert "secrets.token_urlsafe" in " ".join(capsys.readouterr().out.split())
