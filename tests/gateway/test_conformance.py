"""The connection, its reader, frames and handshake against the Autobahn cases.

The long run, every compressed message there is, takes some six minutes: ``make test-long``.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conformance import (
    COMPRESSION,
    DEVIATIONS,
    DEVIATIONS_READING_DEFLATE,
    PROTOCOL,
    SOME_COMPRESSION,
    Verdict,
    run_suite,
    surprises,
)
from tests.echo import echo_server

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("path", "deviations"),
    [("ws", DEVIATIONS), ("deflate", DEVIATIONS_READING_DEFLATE)],
    ids=["without compression", "with compression"],
)
async def test_every_case_of_the_protocol(
    path: str, deviations: Mapping[str, tuple[Verdict, str]], tmp_path: Path
) -> None:
    """Framing, pings, fragments, UTF-8 and closing are as the suite wants them, but for what is named."""
    async with echo_server() as address:
        verdicts = await run_suite(f"ws://{address}/{path}", PROTOCOL, tmp_path, timeout_s=100)
    assert 247 == len(verdicts)
    assert {} == surprises(verdicts, deviations)


async def test_compressed_messages_of_every_kind(tmp_path: Path) -> None:
    """Compressed text and binary messages come back the same, under every negotiation that can be met."""
    async with echo_server() as address:
        verdicts = await run_suite(f"ws://{address}/ws", SOME_COMPRESSION, tmp_path, timeout_s=100)
    assert len(SOME_COMPRESSION) == len(verdicts)
    assert {} == surprises(verdicts)


@pytest.mark.timeout(1900)
@pytest.mark.long
async def test_every_compressed_case(tmp_path: Path) -> None:
    """So do those of every size, whole and in parts."""
    async with echo_server() as address:
        verdicts = await run_suite(f"ws://{address}/ws", COMPRESSION, tmp_path, timeout_s=1800)
    assert 216 == len(verdicts)
    assert {} == surprises(verdicts)
