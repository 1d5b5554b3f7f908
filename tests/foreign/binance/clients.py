"""The clients of this folder: what each is, what it does here, and how it is started."""

import os
import shutil
from pathlib import Path
from typing import Final

from msgspec import Struct

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent.parent
VENV: Final = ROOT / os.environ.get("BINANCE_VENV", ".venv-binance")
CONNECTOR: Final = VENV / "connector"
"""The package of binance-connector, which has the name of python-binance's."""
MODULES: Final = HERE / "node" / "node_modules"

QUOTES: Final = ("bookTicker", "combined bookTicker")
SETUP: Final = "make test sets it up: it wants Python's venv, Node with npm, and their registries"


class ForeignClient(Struct, frozen=True):
    """One release of one client."""

    name: str
    version: str
    language: str
    program: str
    """Below this folder."""
    did: frozenset[str]
    """All that its program does, in Binance's words."""

    @property
    def command(self) -> tuple[str, ...]:
        """What starts its program, before the base URLs."""
        path = str(HERE / self.program)
        return ("node", path) if path.endswith(".js") else (str(VENV / "bin" / "python"), path)

    def missing(self) -> str:
        """What this machine lacks for it; empty if it has all."""
        if self.program.endswith(".js"):
            if shutil.which("node") is None:
                return "Node"
            return "" if (MODULES / ".ready").exists() else f"the packages of {HERE.name}/node/package-lock.json"
        return "" if (VENV / ".ready").exists() else f"the environment of {HERE.name}/requirements.txt"

    def environment(self) -> dict[str, str]:
        """What its program is started with."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return inherited | {"PYTHONPATH": str(CONNECTOR)} if self.name == "binance-connector" else inherited


_REST: Final = ("REST ping, time", "REST ticker/bookTicker", "REST ticker/price", "REST ticker/24hr")

CLIENTS: Final = (
    ForeignClient(
        "python-binance", "1.0.37", "Python", "python/python_binance.py",
        frozenset(
            (
                *_REST, "REST exchangeInfo", "REST ticker/bookTicker of all", *QUOTES, "miniTicker", "ticker",
                "!miniTicker@arr",
            )
        ),
    ),
    ForeignClient(
        "unicorn-binance-websocket-api", "2.16.1", "Python", "python/unicorn.py",
        frozenset(("combined bookTicker", "combined miniTicker", "!miniTicker@arr", "SUBSCRIBE")),
    ),
    ForeignClient(
        "ccxt", "4.5.90", "Python", "python/ccxt_pro.py",
        frozenset(
            (
                "REST exchangeInfo", "REST ticker/24hr", "REST ticker/bookTicker of all", *QUOTES, "miniTicker",
                "ticker", "!miniTicker@arr",
            )
        ),
    ),
    ForeignClient(
        "binance-connector", "3.13.0", "Python", "python/binance_connector.py",
        frozenset(
            (
                *_REST, "REST exchangeInfo", *QUOTES, "miniTicker", "SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS",
            )
        ),
    ),
    ForeignClient(
        "ccxt", "4.5.84", "JavaScript", "node/ccxt.js",
        frozenset(("REST exchangeInfo", "REST ticker/24hr", *QUOTES, "miniTicker", "!miniTicker@arr")),
    ),
    ForeignClient(
        "@binance/connector", "3.6.1", "JavaScript", "node/connector.js",
        frozenset((*_REST, *QUOTES, "miniTicker", "SUBSCRIBE", "UNSUBSCRIBE")),
    ),
    ForeignClient(
        "binance", "3.6.5", "JavaScript", "node/binance.js",
        frozenset(
            (
                "REST exchangeInfo", "REST ticker/bookTicker", "REST ticker/price", "REST ticker/24hr",
                "combined bookTicker", "combined miniTicker", "!miniTicker@arr",
            )
        ),
    ),
)  # fmt: skip
"""Those that CI runs."""
