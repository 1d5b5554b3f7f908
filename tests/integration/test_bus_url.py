"""Real programs, and the URL of their bus: with TLS, as a user, and what a SIGHUP with a bad one does."""

import sys
from pathlib import Path

import pytest

from deploy.launcher.programs import GUNICORN
from deploy.ports import free_port
from tests.client import connected
from tests.integration.stacks import answers
from tests.integration.test_settings_again import Program, further, running
from tests.market.bus.redis.connection.tls_front import Certificates, tls_front
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = pytest.mark.integration

GATEWAY = (sys.executable, "-m", "gateway")
POLLER = (sys.executable, "-m", "poller")
BAD = (
    ("redis://:ses#ame@127.0.0.1/0", "%23"),
    ("redis://:sesame@127.0.0.1/0?nonsense=1", "option nonsense, which is not known"),
    ("redis://:sesame@127.0.0.1/0?protocol=3", "protocol"),
    ("valkey://:sesame@127.0.0.1", "scheme valkey"),
)


def program(command: tuple[str, ...], path: Path) -> Program:
    """One that reads its bus's URL in its file."""
    made = Program(command, path, "")
    del made.process.env["BUS_URL"]
    return made


@pytest.mark.parametrize("command", [GATEWAY, GUNICORN], ids=["alone", "gunicorn"])
async def test_through_tls_as_a_user_and_past_bad_urls(
    valkey: Valkey, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Prices come through TLS to who has a strange password; a SIGHUP with a bad URL is a line, and they go on."""
    valkey.command("ACL", "SETUSER", "g@b", "on", ">a/b?c#d@e", "~*", "&*", "+@all")
    made = Certificates(tmp_path)
    async with tls_front(valkey.port, made.ca.issue_cert("localhost")) as port:
        url = f"rediss://g%40b:a%2Fb%3Fc%23d%40e@localhost:{port}/5?ssl_ca_certs={made.ca_file}"
        good = f"SYMBOLS=BTCUSDT\nBUS_URL={url}\n"
        poller, gateway = program(POLLER, tmp_path / "poller"), program(command, tmp_path / "gateway")
        async with running(poller, good), running(gateway, good):
            await answers(f"http://127.0.0.1:{gateway.port}/readyz", 200)
            async with connected(gateway.url) as client:
                await client.subscribe("BTC", conflate=False)
                await further(client, "BTCUSDT")
                for bad, said in BAD:
                    for each in (poller, gateway):
                        file = f"SYMBOLS=BTCUSDT\nBUS_URL={bad}\n"
                        assert said in await each.hang_up(file, "settings stay as they are: BUS_URL ")
                await further(client, "BTCUSDT")
                assert client.gaps() == []
        for lines in (poller.lines, gateway.lines):
            assert [line for line in lines if "sesame" in line or "ame@" in line or "a/b?" in line] == []


async def test_another_authority_is_reported_by_both_and_fixed_without_a_restart(
    valkey: Valkey, tmp_path: Path
) -> None:
    """A certificate that nobody here trusts is one helpful line in each log; with the right file both go on."""
    made = Certificates(tmp_path)
    (others := tmp_path / "others").mkdir()
    right = made.ca_file.read_bytes()
    made.ca_file.write_bytes(Certificates(others).ca_file.read_bytes())
    async with tls_front(valkey.port, made.ca.issue_cert("localhost")) as port:
        text = f"SYMBOLS=BTCUSDT\nBUS_URL=rediss://localhost:{port}/0?ssl_ca_certs={made.ca_file}\n"
        poller, gateway = program(POLLER, tmp_path / "poller"), program(GATEWAY, tmp_path / "gateway")
        async with running(poller, text), running(gateway, text):
            for each in (poller, gateway):
                await until(
                    lambda: each.count("name its PEM file in BUS_URL as ssl_ca_certs") >= 1,  # noqa: B023 # awaited in this turn of the loop
                    within_s=20,
                )
                assert each.count("Traceback") == 0
            made.ca_file.write_bytes(right)
            async with connected(gateway.url) as client:
                await client.subscribe("BTC")
                await further(client, "BTCUSDT")


async def test_a_file_that_goes_bad_is_reported_before_anybody_connects(tmp_path: Path) -> None:
    """A start with an authority's file that is no such file ends with exit code 2 and one line."""
    (ca := tmp_path / "ca.pem").write_text("rubbish", encoding="ascii")
    for command in (POLLER, GATEWAY, GUNICORN):
        started = program(command, tmp_path / "conf")
        started.write(f"BUS_URL=rediss://localhost:{free_port()}/0?ssl_ca_certs={ca}\n")
        await started.process.start()
        assert await started.process.ended() == 2
        assert len(started.lines) == 1
        assert "BUS_URL has an ssl_ca_certs that holds no certificate" in started.lines[0]
        assert "line 1" in started.lines[0]
