"""``tickgate probe``: the arguments and the exit code."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.arguments import count, seconds
from deploy.errors import DeployError
from deploy.probe.report import as_json, lines, write_metrics
from deploy.probe.verdict import Bounds, findings
from deploy.probe.visit import visit
from deploy.watch.address import URL, default_url, is_websocket, meant
from deploy.watch.command import token_in
from market.process.usage import Parser

_BOUNDS: Final = Bounds()
_SECONDS: Final = seconds(0, 86_400)
_COUNT: Final = count(0, 1_000_000_000)


def main(arguments: Sequence[str], program: str) -> int:
    """Probe once; the exit code is 0 if all is good, 1 on a breach, or 2 for wrong arguments."""
    parser = _parser(program)
    options = parser.parse_args(arguments)
    try:
        url = options.url or default_url(os.environ)
    except DeployError as error:
        parser.error(str(error))
    if not is_websocket(url):
        parser.error(f"URL {url!r} is no WebSocket's; write {meant(url)}")
    try:
        token = None if options.token_file is None else token_in(options.token_file)
    except (OSError, ValueError) as error:
        parser.error(f"--token-file {options.token_file!r}: {error}")
    try:
        return asyncio.run(_probe(options, url, token))
    except OSError as error:
        parser.error(f"--textfile {str(options.textfile)!r} cannot be written ({error.strerror})")


async def _probe(options: argparse.Namespace, url: str, token: str | None) -> int:
    seen = await visit(url, options.symbols, options.for_s, token=token)
    bounds = Bounds(
        options.max_connect, options.max_age, options.max_gaps, options.min_ticks, options.min_certificate_days
    )
    now_s = time.time()
    found = list(findings(seen, bounds, now_s))
    if options.textfile is not None:
        await write_metrics(options.textfile, seen, found, now_s)
    if options.json:
        sys.stdout.write(as_json(url, seen, found).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(found)))
    return 0 if all(one.is_good for one in found) else 1


def _parser(program: str) -> Parser:
    parser = Parser(
        program,
        "Be a client of a gateway for some seconds, and say whether it is good for one: how long it takes to\n"
        "connect, whether prices are live, how old they are, whether any is missing, how long the certificate\n"
        "lasts. The exit code is 0 if all is good, 1 if not, 2 for wrong arguments.",
    )
    add = parser.add_argument
    add("url", nargs="?", metavar="URL", help=f"the gateway's WebSocket (default: {URL}, or where GATEWAY_PORT says)")
    add("--symbols", type=_names, default=[], metavar="A,B", help="what to subscribe to (default: all)")
    add("--for", dest="for_s", type=_SECONDS, default=5.0, metavar="S", help="how long, in seconds (default: 5)")
    add("--token-file", metavar="FILE", help="the token is in this file; - is standard input")
    add("--max-connect", type=_SECONDS, default=_BOUNDS.connect_s, metavar="S", help="until the welcome (default: 2)")
    add("--max-age", type=_SECONDS, default=_BOUNDS.age_s, metavar="S", help="of the oldest tick (default: 3)")
    add("--max-gaps", type=_COUNT, default=_BOUNDS.gaps, metavar="N", help="ticks that are missing (default: 0)")
    add("--min-ticks", type=_COUNT, default=_BOUNDS.ticks, metavar="N", help="0 for quiet symbols (default: 1)")
    text = "how long the certificate must last (default: 7)"
    add("--min-certificate-days", type=_SECONDS, default=_BOUNDS.certificate_days, metavar="D", help=text)
    add("--json", action="store_true", help="print one line of JSON")
    add("--textfile", type=Path, metavar="FILE", help="also write metrics for the node exporter's textfile collector")
    return parser


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError("write symbols with commas between them: BTC,ETH")
    return names
