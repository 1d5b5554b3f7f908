"""What is said of a server that cannot be used: one line, with the fix."""

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from deploy.ports import free_port
from market.bus.redis.connection.faults import ExplainedError, explained
from market.bus.redis.connection.url import RedisUrl, parse_redis_url
from tests.market.bus.redis.connection.tls_front import Certificates, tls_front
from tests.market.bus.using import outcome_of
from tests.serving import serving
from tests.valkey import Valkey

HERE = RedisUrl(host="h", username="gateways", password="sesame-street")  # noqa: S106 # a mark to look for


async def test_tls_where_there_is_none(valkey: Valkey) -> None:
    """``rediss://`` to a server without TLS: the fix names the scheme."""
    said = await outcome_of(f"rediss://127.0.0.1:{valkey.port}/0")
    assert said.startswith(
        f"127.0.0.1:{valkey.port} did not answer in time; where it does not speak TLS, write redis://"
    )

    async def answer_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"-ERR what is that?\r\n")
        writer.close()
        await writer.wait_closed()

    async with serving(answer_plainly) as port:
        said = await outcome_of(f"rediss://127.0.0.1:{port}/0")
    assert said == f"127.0.0.1:{port} does not speak TLS; write redis:// in BUS_URL, or the port that does"


async def test_no_tls_where_there_is(valkey: Valkey, tmp_path: Path) -> None:
    """``redis://`` to a server that speaks TLS: likewise."""
    made = Certificates(tmp_path)
    async with tls_front(valkey.port, made.ca.issue_cert("127.0.0.1")) as port:
        for userinfo in ("", "u:p@"):
            said = await outcome_of(f"redis://{userinfo}127.0.0.1:{port}/0")
            assert f"127.0.0.1:{port} does not answer as Redis does" in said
            assert "rediss://" in said


async def test_a_certificate_that_has_expired(valkey: Valkey, tmp_path: Path) -> None:
    """The message has the fault of the certificate."""
    made = Certificates(tmp_path)
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    async with tls_front(valkey.port, made.ca.issue_cert("127.0.0.1", not_after=past, not_before=past)) as port:
        said = await outcome_of(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={made.ca_file}")
        assert said == f"the certificate of 127.0.0.1:{port} is not valid: certificate has expired"


async def test_passwords(valkey: Valkey) -> None:
    """A missing and a wrong password have different messages; neither is shown."""
    valkey.command("CONFIG", "SET", "requirepass", "sesame")
    place = f"127.0.0.1:{valkey.port}"
    try:
        assert (await outcome_of(f"redis://{place}/1")).startswith(f"{place} asks for user and password: ")
        assert (await outcome_of(f"redis://:street@{place}")).startswith(f"{place} refused user or password: ")
    finally:
        valkey.stop()


async def test_nobody_there(tmp_path: Path) -> None:
    """Without a server the message has host and port, or the socket, and the system's reason."""
    port = free_port()
    assert f"127.0.0.1:{port}" in await outcome_of(f"redis://127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in await outcome_of(f"rediss://127.0.0.1:{port}")
    assert f"{tmp_path}/s" in await outcome_of(f"unix://{tmp_path}/s")


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("ERR unknown command 'AUTH', with args beginning with: 'gateways' 'sesame-stre"),
        RedisConnectionError("ERR no such user gateways\r\nsesame-street"),
        AuthenticationError("sesame-street is wrong"),
        ValueError("'sesame-street'"),
    ],
)
def test_what_repeats_our_words_is_not_shown(error: Exception) -> None:
    """The message never has the password, also if the server repeats it."""
    said = explained(error, HERE)
    assert said
    assert "\n" not in said
    assert "sesame" not in said


def test_a_name_or_a_password_that_is_a_word_hides_nothing() -> None:
    """Only a text with the whole password is withheld, not one with a letter of it, or with the user's name."""
    said = AuthenticationError("invalid username-password pair or user is disabled.")
    for url in (RedisUrl(host="h", username="user", password="p"), RedisUrl(host="h", password="or")):  # noqa: S106
        assert explained(said, url) == (
            "h:6379 refused user or password: invalid username-password pair or user is disabled; see BUS_URL"
        )


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "h:6379 asks for a certificate of ours"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "h:6379 asks for a certificate of ours"),
        ("WRONG_VERSION_NUMBER", "h:6379 does not speak TLS; write redis://"),
        ("UNSUPPORTED_PROTOCOL", "TLS with h:6379 failed: unsupported protocol"),
    ],
)
def test_a_tls_handshake_that_fails_says_why(reason: str, said: str) -> None:
    """A missing client certificate, and a server without TLS, are reported with the fix."""
    error = ssl.SSLError(1, "x")
    error.reason = reason
    assert explained(error, HERE).startswith(said)


def test_an_error_without_words_has_its_name() -> None:
    """Every error has a text, and a reason deep in the chain is found."""
    assert explained(TimeoutError(), HERE) == "h:6379 did not answer in time"
    assert explained(OSError(), HERE) == "OSError"
    outer = RedisConnectionError("x")
    outer.__context__ = asyncio.CancelledError()
    outer.__context__.__cause__ = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    assert "TLS" in explained(outer, parse_redis_url("rediss://h"))


ENDS = [
    TimeoutError(),
    RedisTimeoutError("Timeout connecting to server"),
    RedisConnectionError("Connection closed by server."),
    RedisConnectionError("Error 104 connecting to h:6379. Connection reset by peer."),
    ConnectionResetError(104, "Connection reset by peer"),
    ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol"),
]


@pytest.mark.parametrize("url", ["redis://h", "rediss://h"])
@pytest.mark.parametrize("error", ENDS, ids=repr)
def test_silence_or_an_end_says_nothing_of_tls_where_it_worked_before(url: str, error: Exception) -> None:
    """After a partition the URL is right; a connection that was never usable gets a hint."""
    said = explained(error, parse_redis_url(url), reached=True)
    assert said.startswith(("h:6379 did not answer in time", "h:6379 ended the connection: "))
    assert "TLS" not in said
    assert "BUS_URL" not in said
    hinted = explained(error, parse_redis_url(url))
    assert ("BUS_URL" in hinted) == (url == "rediss://h" or not isinstance(error, TimeoutError | RedisTimeoutError))


def test_what_another_protocol_answers_is_a_hint_at_any_time() -> None:
    """A server may begin to speak TLS, or end to, while we run; its bytes show that, and its silence does not."""
    no_redis = RedisConnectionError(r'Protocol error, got "\x15" as reply type byte')
    assert "where it speaks TLS" in explained(no_redis, parse_redis_url("redis://h"), reached=True)
    no_tls = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    assert "does not speak TLS" in explained(no_tls, parse_redis_url("rediss://h"), reached=True)


def test_the_name_of_a_server_is_no_reason() -> None:
    """Refused is refused, whatever the host is called."""
    refused = RedisConnectionError("Error 111 connecting to reset.lost:6379. Connection refused.")
    assert explained(refused, parse_redis_url("redis://reset.lost")) == str(refused).rstrip(".")


def test_a_reason_is_explained_once() -> None:
    """What `dial` says passes unchanged."""
    once = ExplainedError(explained(RedisConnectionError("Connection closed by server."), HERE))
    assert str(once) == explained(once, HERE)
