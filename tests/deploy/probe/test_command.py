"""``tickgate probe`` as a person and as a monitor runs it."""

import asyncio
import ssl
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import trustme

from deploy.probe.command import main
from tests.deploy.probe.test_visit import numbered, playing
from tests.deploy.watch.gateways import Gateway
from tests.integration.stacks import environment


async def run(*arguments: str, **variables: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors."""
    command = (sys.executable, "-m", "deploy", "probe", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment() | variables)
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_exit_codes_lines_and_files(tmp_path: Path) -> None:
    """0 if all is good, 1 on a breach; the same gateway may be both, by the bounds."""
    path = tmp_path / "tickgate.prom"
    async with Gateway(playing(numbered("BTCUSDT", 1), numbered("BTCUSDT", 2))).serving() as gateway:
        good, bad, late = await asyncio.gather(
            run(gateway.url, "--for", "0.3", "--textfile", str(path)),
            run(gateway.url, "--for", "0.3", "--min-ticks", "3", "--json"),
            run(gateway.url, "--for", "0.3", "--max-age", "0.1"),
        )
    assert (0, "") == (good[0], good[2])
    assert all(line.startswith("ok ") for line in good[1].splitlines())
    assert "tickgate_probe_good 1.0" in path.read_text().splitlines()
    assert (1, "") == (bad[0], bad[2])
    assert {"ticks"} == {one["name"] for one in orjson.loads(bad[1])["findings"] if not one["good"]}
    assert 1 == late[0]
    assert "BREACH  ticks were " in late[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["http://127.0.0.1:8080/"], "is no WebSocket's; write ws://127.0.0.1:8080/ws"),
        (["--for", "soon"], "--for"),
        (["--max-age", "-1"], "--max-age"),
        (["--max-gaps", "some"], "--max-gaps"),
        (["--symbols", "BTC,,ETH"], "--symbols"),
        (["--token-file", "/nowhere"], "--token-file '/nowhere'"),
    ],
)
def test_wrong_arguments(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """2, and one line."""
    with pytest.raises(SystemExit) as end:
        main(arguments, "tickgate probe")
    assert 2 == end.value.code
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line


async def test_the_end_of_a_certificate(tmp_path: Path) -> None:
    """Of one that `SSL_CERT_FILE` lets us trust."""
    authority, served = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=5, hours=1)
    authority.issue_cert("127.0.0.1", not_after=ends).configure_cert(served)
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    async with Gateway(playing(numbered("BTCUSDT", 1))).serving(served) as gateway:
        code, output, _ = await run(gateway.url, "--for", "0.3", SSL_CERT_FILE=str(path))
    assert (1, ["BREACH  the certificate lasts 5.0 days (at least 7)"]) == (code, output.splitlines()[-1:])
