"""``python -m deploy run`` or ``cluster``: see ``python -m deploy --help``."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from deploy.errors import DeployError
from deploy.programs import Plan, Variables, plan_cluster, plan_run
from deploy.stack import Stack, is_ready
from deploy.timeouts import misfit
from market.process.printable import complain, printable
from market.settings.config import KNOWN
from market.settings.mistakes import likely_mistakes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack that ``arguments`` name (the command line if None); return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description="Start everything on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="bus, poller and one gateway on GATEWAY_PORT (8080)")
    cluster = commands.add_parser("cluster", help="bus, poller, four gateways and HAProxy on TICKGATE_BIND")
    cluster.add_argument(
        "--during",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run COMMAND against the cluster that is up, or one that is started for it and ended after it;"
        " its exit code is ours",
    )
    options = parser.parse_args(arguments)
    environ = dict(os.environ)
    for line in likely_mistakes(environ, KNOWN):
        say("deploy", f"warning: {line}")
        # Its programs need not say it again.
        environ.pop(line.partition(" ")[0], None)
    try:
        if options.command == "cluster" and (warning := misfit(Variables(environ).both)):
            say("deploy", warning)
        plan = plan_run(environ) if options.command == "run" else plan_cluster(environ)
        return asyncio.run(_run(plan, getattr(options, "during", None)))
    except DeployError as error:
        complain(f"deploy: {error}")
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
        # Whoever read it is gone; the programs are still to be ended in order. Python would complain of it at the end.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - to the end of the process


if __name__ == "__main__":
    sys.exit(main())
