"""What may stand in the URL of a Redis or Valkey server, and what is said of the rest."""

import asyncio
import codecs
import logging
import re
import string
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import combinations
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.settings import Settings
from market.bus import Bus, BusDownError, BusUrlError, open_bus
from market.bus.redis.connection.url import RedisUrl, parse_redis_url
from market.settings.config import CONFIG
from market.settings.environ import Environ, SettingError
from market.wire.topics import last_ticks
from poller.settings import PollerSettings
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.using import listen, outcome_of, publish
from tests.market.samples import tick
from tests.serving import serving
from tests.valkey import Valkey


def refusal_of(url: str) -> BusUrlError:
    """What is said of a URL that cannot be used."""
    with pytest.raises(BusUrlError) as refusal:
        open_bus(url)
    return refusal.value


UNKNOWN = ("decode_responses", "socket_timeout", "ssl_ciphers", "host", "DB", "nonsense")


def to(host: str = "", *, port: int = 6379, db: int = 0, us: tuple[str | None, str | None] = (None, None)) -> RedisUrl:
    """A URL's meaning, short to write; ``us`` is user and password."""
    return RedisUrl(host=host, port=port, db=db, username=us[0], password=us[1])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", to("localhost")),
        ("redis://valkey_1.internal:6380/", to("valkey_1.internal", port=6380)),
        ("redis://10.0.0.1:1/15", to("10.0.0.1", port=1, db=15)),
        ("redis://localhost?db=3", to("localhost", db=3)),
        ("redis://localhost/?db=3&protocol=2", to("localhost", db=3)),
        ("redis://[::1]:7000/2", to("::1", port=7000, db=2)),
        ("redis://u:p@[2001:db8::7]", to("2001:db8::7", us=("u", "p"))),
        ("redis://[fe80::1%25eth0]", to("fe80::1%eth0")),
        ("redis://:p@h", to("h", us=(None, "p"))),
        ("redis://u@h", to("h", us=("u", None))),
        ("redis://@h", to("h")),
        ("redis://a%3Ab:c:d@h", to("h", us=("a:b", "c:d"))),
        ("redis://%40%C3%BC:%2F%3F%23%40%25+%20@h", to("h", us=("@ü", "/?#@%+ "))),
        ("redis://ключ:密码@h", to("h", us=("ключ", "密码"))),
        ("redis://h?client_name=poller%40a+1", replace(to("h"), client_name="poller@a+1")),
        ("unix:///run/a%20b.sock", replace(to(), path="/run/a b.sock")),
        ("unix://u:p@/s?db=4&client_name=x", replace(to(db=4, us=("u", "p")), path="/s", client_name="x")),
    ],
)
def test_what_a_url_means(url: str, expected: RedisUrl) -> None:
    """Each part is read as it is written, percent-decoded once."""
    assert expected == parse_redis_url(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        *[(url, "host and port") for url in ("redis://", "redis:///0", "redis://:6379", "redis://h:", "redis://h:0")],
        *[(f"redis://{place}", "host and port") for place in ("h:70000", "h:+1", "h:٣", "a:b:c", "::1", "h%41", "ü")],
        *[(f"redis://{place}", "host and port") for place in ("[::1", "[x]", "[]", "[::1]x", "[::1]:", "[127.0.0.1]")],
        *[(f"redis://h/{db}", "no number") for db in ("x", "0/", "0/1", "-1", "٣", "99999999999", "2147483648", "%31")],
        ("redis://h/1?db=1", "twice"),
        ("redis://h?db=x", "no number"),
        ("redis://h?db=1&db=2", "db twice"),
        ("redis://h?db=", "without a value"),
        ("redis://h?db", "without a value"),
        ("redis://h?", ""),
        ("redis://h?&", "NAME=VALUE"),
        ("redis://h?=1", "NAME=VALUE"),
        *[(f"redis://h?{name}=1", f"option {name}, which is not known") for name in UNKNOWN],
        ("redis://h?protocol=3", "protocol"),
        ("redis://h?protocol=02", "protocol"),
        ("redis://h?ssl_cert_reqs=none", "rediss://"),
        ("unix:///s?ssl_cert_reqs=none", "rediss://"),
        ("redis://h?username=u", "user:password@"),
        ("unix:///s?password=p", "user:password@"),
        *[(f"redis://h?client_name={name}", "client_name") for name in ("a%20b", "a%0Ab", "%C3%BC", "x" * 101)],
        *[(f"unix://{path}", "no socket") for path in ("", "/", "run/s", "/s%00")],
        ("unix:///" + "x" * 107, "longer than 107"),
        *[(f"redis://u:a{sign}b@h:1/0", f"has {sign} in the password, not percent-encoded") for sign in "/?#@"],
        *[(f"redis://:{sign}@h", f"has {sign} in the password, not percent-encoded") for sign in "/?#@"],
        *[(f"redis://a{sign}b:p@h:1/0", f"has {sign} in the user or password") for sign in "/?#@"],
        ("rediss://:a/b#c@d?e@h?ssl_ca_certs=/x", "has / and ? and # and @ in the password"),
        *[(f"redis://u:a{sign}b@h:1/0", f"pass{quote(sign, safe='')}word@") for sign in "/?#@"],
        *[(f"redis://u:a{sign}b@h:1/0", "%2F %3F %23 %40") for sign in "/?#@"],
        *[(f"unix://u:a{sign}b@/s", "%2F %3F %23 %40") for sign in "/?#@"],
        *[(f"redis://{it}h:1/0#x", "has a # where none can stand") for it in ("", ":p@")],
        ("redis://h?client_name=a@b", "in the value of an option"),
        ("rediss://h?db=1&ssl_ca_certs=/a@b", "in the value of an option"),
        *[(f"redis://:a{wrong}@h", "%25") for wrong in ("%", "%4", "%zz", "%%41")],
        *[(f"redis://:a{wrong}@h", "UTF-8") for wrong in ("%ff", "%C3", "%ED%A0%80")],
        *[(f"redis://:a{wrong}b@h", "white space") for wrong in (" ", "\t", "\n", "\x00", "\x7f", "\u2028", "\udcff")],
    ],
)  # fmt: skip
def test_what_is_refused(url: str, said: str) -> None:
    """Whatever is not understood as a whole is refused in one line that says what to write."""
    if not said:
        assert parse_redis_url(url) == parse_redis_url(url.removesuffix("?"))
        return
    message = str(refusal_of(url))
    assert said in message
    assert any(fix in message for fix in ("write", "remove", "encode", "use", "put")), message
    assert "\n" not in message
    assert len(message) < 220


def everything_said(error: BaseException | None) -> Iterator[str]:
    """Text and representation of an exception and of all that it came from."""
    while error is not None:
        yield from (str(error), repr(error), repr(vars(error)))
        error = error.__cause__ or error.__context__


def parts_said(secret: str, said: str) -> set[str]:
    """Which four characters of a secret stand in what was said."""
    return {secret[at : at + 4] for at in range(len(secret) - 3) if secret[at : at + 4] in said}


def shown(known: object) -> tuple[str, ...]:
    """What a log may have of a URL's meaning, without the address of a Python object."""
    named = (repr(known), str(known), str(getattr(known, "name", "")))
    return tuple(re.sub(r"<[\w.]+ object at 0x[0-9a-f]+>", "", name) for name in named)


SIGNS = "".join(chr(code) for code in range(0x21, 0x7F))
OUR_WORDS = "BUS_URL SettingError \n" + "\n".join(
    everything
    for url in (
        *("x", "kafka://", "unix://x", "valkey://h", "http://h", "memory://h"),
        *("redis://h:x", "redis://h/x", "redis://a@b@c", "redis://%@h", "redis://h "),
        *("redis://%ff@h", "redis://h/1?db=1", "redis://h?x=1", "redis://h?x=", "redis://h?db=1&db=2", "redis://h?%3D="),
        *(
            f"redis://{user}{''.join(signs)}b@h"
            for user in ("u", ":")
            for number in range(1, 5)
            for signs in combinations("/?#@", number)
        ),
        *("redis://h#", "redis://h?db=@"),
        *("redis+sentinel://", "redis+sentinel://h", "redis+sentinel://h/m/x", "redis+sentinel://h,h/m"),
        *("redis+sentinel://h/m?x=1", "redis+sentinel://h/m?x", "redis+sentinel://h/m?ssl_keyfile=1"),
        *("redis://h?protocol=3", "redis://h?password=1", "redis://h?ssl_keyfile=1", "rediss://h?x=1", "redis://h?db="),
    )
    for refused in (refusal_of(url), SettingError(f"BUS_URL {refusal_of(url)}"))
    for everything in everything_said(refused)
)  # fmt: skip
"""What is said of URLs without a secret; where a password has our own words in it, that shows nothing."""
PASSWORDS = st.text(st.characters(codec="utf-8"), min_size=4, max_size=30) | st.text(SIGNS, min_size=4, max_size=30)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("?sesame=street", "redis", "u", "h:1/0")
@example("0&sesame", "redis+sentinel", "", "h")
@example("?sesame_street", "redis", "", "h")
@example("12#sesame", "redis", "u", "h:1/0")
@example("12/sesame", "rediss", "u", "h:1/0")
@example("sesame@street", "rediss", "u", "h:1/0")
@example("[sesame", "unix", "u", "/s")
@example("sesame%", "unix", "", "/s?db=1")
@example("Sett", "redis", "", "h:port")
@example("&0000", "redis", "", "/s?db=1")
@example("object", "redis", "", "h")
@example("cannot", "kafka", "", "h:1/0")
@given(
    PASSWORDS,
    st.sampled_from(["redis", "rediss", "unix", "kafka", "redis+sentinel"]),
    st.sampled_from(["", "u", "user%40"]),
    st.sampled_from(
        [
            "h",
            "h:1/0",
            "h:port",
            "h/x",
            "h,i/m/0",
            "h/m/0?sentinel_ssl=1",
            "[::1]:1",
            "/s",
            "/s?db=1",
            "h?nonsense=1",
            "h?db=1&db=2",
            "h#x",
            "",
        ]
    ),
)
def test_no_part_of_a_password_is_said(
    caplog: pytest.LogCaptureFixture, password: str, scheme: str, user: str, place: str
) -> None:
    """Encoded or not, in a URL that is good or bad, no four characters of a password are in anything that is said."""
    assume(not parts_said(password, OUR_WORDS))
    # What is said of another password too is ours.
    for url, same in zip(
        urls_with(password, scheme, user, place),
        urls_with(password.translate(OTHER_LETTERS), scheme, user, place),
        strict=True,
    ):
        ours = parts_said(password, everything_of(same, caplog))
        assert parts_said(password, everything_of(url, caplog)) <= ours


OTHER_LETTERS = str.maketrans(string.ascii_letters, codecs.encode(string.ascii_letters, "rot13"))


def urls_with(password: str, scheme: str, user: str, place: str) -> list[str]:
    """A password in both places, encoded and not."""
    spelled = (password, quote(password, safe=""))
    return [
        *(f"{scheme}://{user}:{written}@{place}" for written in spelled),
        *(f"{scheme}://{place}/m?sentinel_password={written}" for written in spelled),
    ]


def everything_of(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """What is said of a URL by all that read one, in errors, by their results, and in the log."""
    caplog.clear()
    said: list[str] = []
    for read in (open_bus, parse_redis_url, _as_setting):
        try:
            known = read(url)
        except (BusUrlError, SettingError) as error:
            logging.getLogger("test").exception("-")
            said.extend(everything_said(error))
        else:
            said.extend(shown(known))
    # What an earlier test started may still log in a thread of its own.
    said += [record.getMessage() for record in caplog.records if record.threadName == "MainThread"]
    return "\n".join(said)


def _as_setting(url: str) -> Environ:
    environ = Environ({"BUS_URL": url})
    environ.bus_url("BUS_URL", "memory://", "BUS_PASSWORD_FILE")
    return environ


@pytest.mark.parametrize("read", [Settings.from_environ, PollerSettings.from_environ])
@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("url", ["redis://:ses#ame@h", "redis://:sesame@h?nonsense=1", "kafka://:sesame@h"])
def test_both_programs_refuse_it_wherever_it_stands(read: type, in_file: bool, url: str, tmp_path: Path) -> None:
    """Of the environment or of the file: one line that begins with the variable, and names the place in the file."""
    (path := tmp_path / "conf").write_text(f"SYMBOLS=BTCUSDT\nBUS_URL={url}\n", encoding="utf-8")
    with pytest.raises(SettingError) as refusal:
        read({CONFIG: str(path)} if in_file else {"BUS_URL": url})
    message = str(refusal.value)
    assert message.startswith("BUS_URL ")
    assert ("line 2" in message) == in_file
    assert "ame" not in message.replace("NAME", "").replace("name", "")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Bus]:
    """Open a bus, and close it."""
    bus = open_bus(url)
    try:
        yield bus
    finally:
        await bus.aclose()


async def works(url: str) -> str:
    """Use every kind of connection there is, and return the bus's name."""
    async with opened(url) as bus:
        assert await outcome_of(bus) == ""
        return bus.name


SECRETS = ["sesame", "a/b?c#d@e:f", "%41 100%", "密码 ü", "a+b&c=d;e", "[::1]", "\"quoted'\\", "\x01\r\n", "x" * 400]


@pytest.mark.parametrize("secret", SECRETS)
async def test_passwords_of_every_kind_open_a_server(valkey: Valkey, secret: str) -> None:
    """Percent-encoded, each is what the server knows: as its only password, and as that of a user."""
    place = f"127.0.0.1:{valkey.port}/0"
    valkey.command(
        "ACL", "SETUSER", secret.replace(" ", "_").replace("\r\n", "")[:60], "on", f">{secret}", "~*", "&*", "+@all"
    )
    user = quote(secret.replace(" ", "_").replace("\r\n", "")[:60], safe="")
    valkey.command("CONFIG", "SET", "requirepass", secret)
    try:
        await works(f"redis://:{quote(secret, safe='')}@{place}")
        await works(f"redis://{user}:{quote(secret, safe='')}@{place}")
        for wrong in (f"redis://{place}", f"redis://:x{quote(secret, safe='')}@{place}", f"redis://{user}@{place}"):
            async with opened(wrong) as bus:
                with pytest.raises(BusDownError, match=r"BUS_URL") as refusal:
                    await last_ticks(bus.last_values)
                if len(secret) > 4:
                    assert parts_said(secret, "\n".join(everything_said(refusal.value))) - {str(valkey.port)} == set()
    finally:
        # Without a password again, for the tests after this one.
        valkey.stop()


async def test_a_socket_an_address_in_brackets_a_database_and_a_name(tmp_path: Path) -> None:
    """Every part of a URL gets to the server: where it is, which database, and what we are called."""
    server = Valkey(unixsocket=str(tmp_path / "s"), bind="127.0.0.1 -::1")
    (path := tmp_path / "a s").symlink_to(tmp_path / "s")
    try:
        server.start()
        assert await works(f"unix://{quote(str(path))}?db=2") == f"redis {path} db 2"
        assert await works(f"redis://[::1]:{server.port}/3") == f"redis [::1]:{server.port} db 3"
        assert await works(f"redis://localhost:{server.port}?db=4&protocol=2") == f"redis localhost:{server.port} db 4"
        assert {"db2", "db3", "db4"} == set(server.command("INFO", "keyspace"))
        async with opened(f"{server.url}?client_name=gateway-1%40a") as bus:
            await bus.tickets.put("1", b"", 30)
            assert b" name=gateway-1@a " in server.command("CLIENT", "LIST")
    finally:
        server.stop()


async def test_a_server_that_repeats_what_it_was_asked_is_not_quoted() -> None:
    """A server without AUTH says what it was sent, and so the password; nothing of that is passed on."""
    secret = "sesame-street"  # noqa: S105 # a mark to look for

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(secret.encode())
        words = asked.split(b"\r\n")
        writer.write(b"-ERR unknown command 'AUTH', with args beginning with: '%b' '%b'\r\n" % (words[-3], words[-1]))
        writer.close()
        await writer.wait_closed()

    async def cite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(secret.encode())
        writer.write(b"-ERR wrong: %b\r\n" % secret.encode())
        writer.close()
        await writer.wait_closed()

    for answer in (repeat, cite):
        async with serving(answer) as port, opened(f"redis://gateways:{secret}@127.0.0.1:{port}/0") as bus:
            for ask in (
                last_ticks(bus.last_values),
                listen(bus, ["BTCUSDT"], RecordingReceiver()),
                publish(bus, [tick()]),
            ):
                with pytest.raises(BusDownError) as refusal:
                    await ask
                assert parts_said(secret, "\n".join(everything_said(refusal.value))) == set()
