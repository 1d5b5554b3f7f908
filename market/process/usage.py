"""What a program says of itself: ``--help``, ``--version``, and one line about a wrong argument."""

import argparse
import sys
from collections.abc import Mapping
from typing import Final, NoReturn

from market.process.printable import complain
from market.process.version import NAME, TOP, version

REFERENCE: Final = (TOP / "market" / "settings" / "configuration.md").resolve()
"""Where all settings are described. In the source tree it is a link into ``docs/``."""
_WIDTH: Final = 18


class Parser(argparse.ArgumentParser):
    """Parses arguments. A wrong one ends the program with one line on standard error and exit code 2."""

    def __init__(self, program: str, description: str, epilog: str | None = None) -> None:
        """``program`` is what a person types to start it, as ``tickgate poller``."""
        super().__init__(
            program,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument("-h", "--help", action="help", help="print this and end")
        self.add_argument(
            "--version", action="version", version=f"{NAME} {version()}", help="print the version and end"
        )

    def error(self, message: str) -> NoReturn:
        """End with one line."""
        complain(f"{self.prog}: {message}; see: {self.prog} --help")
        sys.exit(2)


def of_settings(names: Mapping[str, str]) -> str:
    """The part of ``--help`` about a program's most important variables: name -> meaning, in one line each."""
    lines = ["Settings are environment variables. The most important:", ""]
    lines += [f"  {name:<{_WIDTH}} {meaning}" for name, meaning in names.items()]
    lines += ["", "All of them:", f"  {REFERENCE}"]
    return "\n".join(lines)
