"""``tickgate run`` and ``tickgate cluster``: start everything on this machine, and end it again."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from deploy import files
from deploy.buses.registry import BUSES
from deploy.errors import DeployError
from deploy.fronts.timeouts import misfit
from deploy.launcher.invocation import typed
from deploy.launcher.programs import Plan, plan_cluster, plan_run
from deploy.launcher.stack import Stack, is_ready
from deploy.settings import Variables
from market.process.printable import complain, printable
from market.process.usage import Parser, of_settings
from market.settings.config import KNOWN
from market.settings.mistakes import likely_mistakes

SETTINGS: Final = {
    "SYMBOLS": "what to serve, as BTCUSDT,ETHUSDT, or @file",
    "FEED": "where prices come from: auto, simulated, binance-ws ...",
    "VENUES": "the exchanges, a poller of each: binance,coinbase",
    "BUS_URL": "a Redis or Valkey; unset, one is started",
    "BUS": f"which bus is started: {', '.join(BUSES)}",
    "TICKGATE_CONFIG": "a file of NAME=VALUE lines",
    "LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
}
RUNS: Final = {"GATEWAY_PORT": "where the gateway listens: 8080", **SETTINGS}
CLUSTERS: Final = {
    "TICKGATE_BIND": "where clients connect: 127.0.0.1:8080",
    "TICKGATE_CERT": "the front's certificate and key, in one PEM file",
    "FRONT": "what stands before the gateways: haproxy, nginx, envoy; direct",
    **SETTINGS,
}


def run(arguments: Sequence[str], program: str) -> int:
    """Bus, poller and one gateway, until Ctrl-C; return the exit code."""
    description = "Start bus, poller and one gateway on this machine, and again if one ends. Ctrl-C ends them."
    Parser(program, description, of_settings(RUNS)).parse_args(arguments)
    return _launch(plan_run, program)


def cluster(arguments: Sequence[str], program: str) -> int:
    """Bus, poller, four gateways and HAProxy, until Ctrl-C or the end of a command; return the exit code."""
    description = (
        "Start bus, poller, four gateways under gunicorn, and HAProxy on this machine. Ctrl-C ends them.\n"
        f"HAProxy's configuration is {files.HAPROXY},\n"
        f"gunicorn's is {files.GUNICORN}."
    )
    parser = Parser(program, description, of_settings(CLUSTERS))
    parser.add_argument(
        "--during",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run COMMAND against the cluster that is up, or one that is started for it and ended after it;"
        " its exit code is ours",
    )
    during = parser.parse_args(arguments).during

    def plan(environ: Mapping[str, str]) -> Plan:
        if warning := misfit(Variables(environ).both):
            say("deploy", warning)
        return plan_cluster(environ)

    return _launch(plan, program, during)


def _launch(plan: Callable[[Mapping[str, str]], Plan], program: str, during: Sequence[str] | None = None) -> int:
    environ = dict(os.environ)
    for line in likely_mistakes(environ, KNOWN):
        say("deploy", f"warning: {line}")
        # Its programs need not say it again.
        environ.pop(line.partition(" ")[0], None)
    try:
        return asyncio.run(_run(plan(environ), during))
    except DeployError as error:
        complain(f"{program}: {error}")
        return 2


async def _run(plan: Plan, during: Sequence[str] | None) -> int:
    if during and await is_ready(plan.front, "/readyz"):
        say("deploy", f"there is a gateway on {plan.front} already: using that one")
        return await _command(during)
    stack = Stack(plan, say)
    body = asyncio.create_task(_start_and_wait(stack, during))

    def stop() -> None:
        if not body.done() and not body.cancelling():
            say("deploy", "stopping; once more to stop without waiting for anybody")
            body.cancel()
        else:
            for process in stack:
                process.send_all(signal.SIGKILL)

    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop)
    try:
        return await body
    except asyncio.CancelledError:
        return 0
    finally:
        await stack.stop()


async def _start_and_wait(stack: Stack, during: Sequence[str] | None) -> int:
    await stack.start()
    url = stack.plan.url
    websocket = url.replace("http", "ws", 1) + "/ws"
    for line in (
        f"dashboard  {url}/",
        f"WebSocket  {websocket}",
        f"try        npx wscat -c {websocket}    and type    " + '{"type":"subscribe","symbols":["BTC"]}',
        f"or         {typed()} watch --url {websocket}",
        "stop       Ctrl-C",
    ):
        say("deploy", line)
    failed = asyncio.create_task(stack.failed.wait())
    command = asyncio.create_task(_command(during)) if during else failed
    try:
        await asyncio.wait((failed, command), return_when=asyncio.FIRST_COMPLETED)
        return stack.exit_code if failed.done() else int(command.result())
    finally:
        failed.cancel()
        command.cancel()


async def _command(command: Sequence[str]) -> int:
    """Run ``command`` on our own terminal; return its exit code."""
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except OSError as error:
        raise DeployError(f"cannot run {command[0]} ({error.strerror})") from None
    try:
        return abs(await process.wait())
    finally:
        if process.returncode is None:
            process.terminate()


def say(name: str, line: str) -> None:
    """Print one line of a program, with its name before it."""
    # HAProxy, Valkey and a program that does not log yet may write anything.
    try:
        print(f"{name:<9} | {printable(line)}", flush=True)
    except OSError:
        # Nobody reads it any more; the programs are still to be ended in order. Python would complain of it at the end.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - to the end of the process
