"""The command line: ``tickgate COMMAND``. Each command is imported when it is asked for."""

import difflib
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from market.process.printable import complain
from market.process.usage import REFERENCE
from market.process.version import NAME, version


class Command(NamedTuple):
    """One command of ``tickgate``."""

    main: Callable[[Sequence[str], str], int]
    """Takes the arguments, and what a person typed before them; returns the exit code."""
    meaning: str


def _run(arguments: Sequence[str], program: str) -> int:
    from deploy.launcher.launch import run

    return run(arguments, program)


def _cluster(arguments: Sequence[str], program: str) -> int:
    from deploy.launcher.launch import cluster

    return cluster(arguments, program)


def _poller(arguments: Sequence[str], program: str) -> int:
    from poller.__main__ import main

    return main(arguments, program)


def _gateway(arguments: Sequence[str], program: str) -> int:
    from gateway.__main__ import main

    return main(arguments, program)


def _token(arguments: Sequence[str], program: str) -> int:
    from gateway.__main__ import make_token

    return make_token(arguments, program)


def _watch(arguments: Sequence[str], program: str) -> int:
    from deploy.watch.command import main

    return main(arguments, program)


def _probe(arguments: Sequence[str], program: str) -> int:
    from deploy.probe.command import main

    return main(arguments, program)


def _chaos(arguments: Sequence[str], program: str) -> int:
    from deploy.chaos.command import main

    return main(arguments, program)


def _check(arguments: Sequence[str], program: str) -> int:
    from deploy.check import main

    return main(arguments, program)


def _front(arguments: Sequence[str], program: str) -> int:
    from deploy.fronts.command import main

    return main(arguments, program)


def _kick(arguments: Sequence[str], program: str) -> int:
    from deploy.orders import kick

    return kick(arguments, program)


def _revoke(arguments: Sequence[str], program: str) -> int:
    from deploy.orders import revoke

    return revoke(arguments, program)


COMMANDS: Final = {
    "run": Command(_run, "start bus, poller and one gateway on this machine"),
    "cluster": Command(_cluster, "start bus, poller, four gateways and HAProxy, or another front, on this machine"),
    "poller": Command(_poller, "one poller: exchange to bus"),
    "gateway": Command(_gateway, "one gateway: bus to WebSocket clients"),
    "front": Command(_front, "print a configuration of NGINX or Envoy for these settings"),
    "token": Command(_token, "make a token for development"),
    "kick": Command(_kick, "close all connections of a subject, at every gateway"),
    "revoke": Command(_revoke, "refuse a token before it expires, at every gateway"),
    "watch": Command(_watch, "prices of a gateway, live in this terminal"),
    "probe": Command(_probe, "be a client of a gateway for some seconds: is it good for one?"),
    "chaos": Command(_chaos, "make faults in a deployment on this machine, and say what clients saw"),
    "check": Command(_check, "say what works: settings, bus, exchange, ports, HAProxy"),
}


def main(arguments: Sequence[str] | None = None, program: str = NAME) -> int:
    """Run one command; return its exit code. It is 2 if there is no such command, or if it cannot start."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    match words:
        case [] | ["-h" | "--help"]:
            print(usage(program))
            return 0 if words else 2
        case ["--version"]:
            print(f"{NAME} {version()}")
            return 0
        case [name, *others] if name in COMMANDS:
            try:
                return COMMANDS[name].main(others, f"{program} {name}")
            except KeyboardInterrupt:
                # While it was imported. A program that runs handles Ctrl-C itself.
                return 130
    complain(_refusal(words[0], program))
    return 2


def usage(program: str) -> str:
    """What ``--help`` prints."""
    return "\n".join(
        (
            f"usage: {program} [-h] [--version] COMMAND ...",
            "",
            "Real-time prices from exchanges to any number of WebSocket clients.",
            "",
            *(f"  {name:<9} {command.meaning}" for name, command in COMMANDS.items()),
            "",
            f"{program} COMMAND --help tells more. Settings are environment variables, all of them in",
            f"  {REFERENCE}",
        )
    )


def _refusal(word: str, program: str) -> str:
    if word.startswith("-"):
        return f"{program}: no option {word[:40]!r}; see: {program} --help"
    near = difflib.get_close_matches(word, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"see: {program} --help"
    return f"{program}: no command {word[:40]!r}; {hint}"
