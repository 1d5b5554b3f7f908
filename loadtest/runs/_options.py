"""Our options of Locust's command line, each with its variable."""

import argparse
from pathlib import Path
from typing import Any

from loadtest.users._kinds import KINDS, shares_of
from loadtest.users._shapes import SHAPES
from loadtest.users._tokens import TokenError, Tokens, printed_by, signed_with


def add_to(parser: Any) -> None:
    """Add our options, and defaults with which ``locust -f loadtest`` is enough."""
    parser.set_defaults(num_users=100, spawn_rate=20)

    def add(name: str, text: str, **more: Any) -> None:
        variable = "LOAD_" + name.removeprefix("--").replace("-", "_").upper()
        parser.add_argument(name, env_var=variable, help=text, **({"include_in_web_ui": False} | more))

    add("--symbols", "Symbols that each user holds (default 100)",
        type=_positive("LOAD_SYMBOLS"), default=100, include_in_web_ui=True)  # fmt: skip
    add("--batch", "Ask for batches, one `ticks` message per flush (default no)",
        choices=["yes", "no"], default="no", include_in_web_ui=True)  # fmt: skip
    add("--mix", f"Kinds of users with their shares, as in json=8,slow=2: {', '.join(KINDS)} (default json=1)",
        type=_shares, default="json=1", metavar="KIND=SHARE,...")  # fmt: skip
    add("--slow-rate", "Bytes that each user of the kind `slow` reads a second (default 10000)",
        type=_positive("LOAD_SLOW_RATE"), default=10_000)  # fmt: skip
    add("--token", "Sent as `Authorization: Bearer` by all users", default="")
    add("--token-key", "Sign a token for each user with this file: a secret (HS256), or a private key as PEM",
        default="", metavar="FILE")  # fmt: skip
    add("--token-command", "Run this for each user's token, and take its last line; {subject} in it is the user's",
        default="", metavar="COMMAND")  # fmt: skip
    add("--token-subject", "Subjects are this, a dash and a number (default load)", default="load")
    add("--token-ttl", "Seconds that a token of --token-key lasts (default 300)",
        type=_positive("LOAD_TOKEN_TTL"), default=300)  # fmt: skip
    add("--token-issuer", "The `iss` of tokens of --token-key", default="")
    add("--token-audience", "The `aud` of tokens of --token-key", default="")
    add("--shape", "How the number of users changes: ramp rises in ten steps during half of --run-time; storm starts "
        "all at once, drops them every 30 s and starts them again 5 s later (default: --spawn-rate, then constant)",
        choices=["", *SHAPES], default="")  # fmt: skip
    add("--report", "Write our rows to this file at the end: HTML if its name ends in .html, else JSON",
        default="", metavar="FILE")  # fmt: skip


def tokens_of(options: Any) -> Tokens | None:
    """What makes each user's token; None if all have the same or none.

    Raises:
        TokenError: the key cannot be used, or two options contradict each other.
    """
    if sum(map(bool, (options.token, options.token_key, options.token_command))) > 1:
        raise TokenError("only one of --token, --token-key and --token-command can be used")
    if options.token_command:
        return Tokens(printed_by(options.token_command))
    if options.token_key:
        file = Path(options.token_key)
        return Tokens(signed_with(file, options.token_ttl, options.token_issuer, options.token_audience))
    return None


def _positive(variable: str) -> Any:
    def positive(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more ({variable})")
        return int(text)

    return positive


def _shares(text: str) -> str:
    # A master sends the options to its workers, as text.
    try:
        shares_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error} (LOAD_MIX)") from None
    return text
