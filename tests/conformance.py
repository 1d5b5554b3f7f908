"""The Autobahn cases, run by `kosoku` against a WebSocket server, and what is known of our own answers to them."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

Verdict = tuple[str, str]
"""On the messages of a case, and on its closing handshake."""

GOOD: Final = ("OK", "OK")
_LATE: Final = {"FAILED BY CLIENT", "UNCLEAN"}
"""Of a closing handshake that had not come to its end when the suite stopped waiting for it."""

PROTOCOL: Final = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
"""Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, and messages in many frames: 247 cases."""
COMPRESSION: Final = ("12.*", "13.*")
"""Compressed messages, of many sizes and cut in many ways, under many negotiations: 216 cases, some minutes."""
SOME_COMPRESSION: Final = (*(f"12.{group}.3" for group in range(1, 6)), *(f"13.{group}.3" for group in range(1, 8)))
"""A thousand messages of 256 bytes of every kind, and under every negotiation."""

_TEXT_AT_ITS_END = (
    "text is judged when it is complete, which is at most MAX_MESSAGE_BYTES later (a SHOULD of the suite)"
)
_UNDEFINED = "the suite only asks what happens: the standard does not say"

DEVIATIONS: Final[Mapping[str, tuple[Verdict, str]]] = {
    **dict.fromkeys(("6.4.1", "6.4.2", "6.4.3", "6.4.4"), (("NON-STRICT", "OK"), _TEXT_AT_ITS_END)),
    **dict.fromkeys(("7.1.6", "7.13.1", "7.13.2"), (("INFORMATIONAL", "INFORMATIONAL"), _UNDEFINED)),
    **dict.fromkeys(
        (f"13.{group}.{number}" for group in (3, 5) for number in range(1, 19)),
        (
            ("UNIMPLEMENTED", "OK"),
            "the client wants our window at most 512 bytes wide; one compression serves all clients, so that offer is "
            "declined (RFC 7692, section 7.1.2.1) and messages go uncompressed",
        ),
    ),
}
"""Every case that is not simply passed: its verdict, and why it is right so."""

DEVIATIONS_READING_DEFLATE: Final[Mapping[str, tuple[Verdict, str]]] = {
    **DEVIATIONS,
    "3.4": (("OK", "WRONG CODE"), "RSV1 is no reserved bit there, and what it comes with cannot be inflated: 1007"),
}
"""The same for a server that takes compressed messages from a client that knows nothing of it."""


class SuiteError(Exception):
    """The suite itself did not run to its end."""


async def run_suite(url: str, cases: Sequence[str], folder: Path, *, timeout_s: float) -> dict[str, Verdict]:
    """The verdict on each of ``cases``, which may have a ``*``. Reports are written to ``folder``.

    The suite waits only so long for a server to close a connection. Where that did not suffice, the case is judged once
    more, one at a time: on a busy machine the time may not have been the server's.

    `kosoku` is a program of its own here: it puts modules of old names before others' on the import path.

    Raises:
        SuiteError: there are no verdicts; the message has what was printed.
        TimeoutError: it took longer than ``timeout_s``.
    """
    async with asyncio.timeout(timeout_s):
        verdicts = await _run(url, cases, folder, side_by_side=8)
        late = [case for case, (_, closing) in verdicts.items() if closing in _LATE]
        return verdicts | (await _run(url, late, folder / "again", side_by_side=1) if late else {})


async def _run(url: str, cases: Sequence[str], folder: Path, *, side_by_side: int) -> dict[str, Verdict]:
    program = Path(sys.executable).with_name("kosoku")
    chosen = [argument for case in cases for argument in ("--include", case)]
    process = await asyncio.create_subprocess_exec(
        program,
        url,
        *chosen,
        "--parallelism",
        str(side_by_side),
        "--outdir",
        folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    index = folder / "index.json"
    if not index.is_file():
        raise SuiteError(f"kosoku ended with {process.returncode} and wrote no report:\n{output.decode()}")
    (results,) = json.loads(index.read_text()).values()
    return {case: (result["behavior"], result["behaviorClose"]) for case, result in results.items()}


def surprises(
    verdicts: Mapping[str, Verdict], deviations: Mapping[str, tuple[Verdict, str]] = DEVIATIONS
) -> dict[str, tuple[Verdict, Verdict]]:
    """Cases that came out otherwise than is known, for worse or for better: what was expected, and what it was."""
    expected = {case: deviations[case][0] if case in deviations else GOOD for case in verdicts}
    return {case: (expected[case], verdict) for case, verdict in verdicts.items() if verdict != expected[case]}
