"""The clients of this folder: what each is, what it does here, and how it is started."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from msgspec import Struct

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent.parent
VENV: Final = ROOT / os.environ.get("BINANCE_VENV", ".venv-binance")
LONG_VENV: Final = VENV.with_name(f"{VENV.name}-long")
CONNECTOR: Final = VENV / "connector"
"""The package of binance-connector, which has the name of python-binance's."""

QUOTES: Final = ("bookTicker", "combined bookTicker")
SETUP: Final = "tests/foreign/binance/setup.sh sets it up: it wants Python's venv, Node with npm, and their registries"


class ForeignClient(Struct, frozen=True):
    """One release of one client."""

    name: str
    version: str
    language: str
    program: str
    """Below this folder."""
    did: frozenset[str]
    """All that its program does, in Binance's words."""
    tls: bool = False
    """Whether it reads only ``https://`` and ``wss://``."""

    def command(self, built: Path) -> tuple[str, ...]:
        """What starts its program, before the base URLs; it is in ``built`` if it had to be."""
        path = HERE / self.program
        match self.language:
            case "JavaScript":
                return ("node", str(path))
            case "Python":
                return (str(self._environment / "bin" / "python"), str(path))
            case "Go":
                _run("go", "build", "-o", str(built / "client"), ".", cwd=path)
                return (str(built / "client"),)
            case _:
                _run("cargo", "build", "--quiet", "--locked", "--target-dir", str(built), cwd=path)
                return (str(built / "debug" / "binance-client"),)

    def missing(self) -> str:
        """What this machine lacks for it; empty if it has all."""
        path = HERE / self.program
        match self.language:
            case "JavaScript":
                if shutil.which("node") is None:
                    return "Node"
                ready, what = path.parent / "node_modules" / ".ready", f"{path.parent.name}/package-lock.json"
            case "Python":
                ready, what = self._environment / ".ready", f"the environment {self._environment.name}"
            case "Go":
                return "" if shutil.which("go") else "Go"
            case _:
                return "" if shutil.which("cargo") else "Rust"
        return "" if ready.exists() else what

    @property
    def _environment(self) -> Path:
        return LONG_VENV if self in LONG_CLIENTS else VENV

    def environment(self) -> dict[str, str]:
        """What its program is started with."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return inherited | {"PYTHONPATH": str(CONNECTOR)} if self.name == "binance-connector" else inherited


def _run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=900)  # our own words


_REST: Final = ("REST ping, time", "REST ticker/bookTicker", "REST ticker/price", "REST ticker/24hr")

_SOME_REST: Final = ("REST ping, time", "REST ticker/price", "REST ticker/24hr")

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

LONG_CLIENTS: Final = (
    ForeignClient(
        "binance-sdk-spot", "13.3.0", "Python", "python/sdk_spot.py",
        frozenset((*_SOME_REST, "combined bookTicker", "combined miniTicker")),
    ),
    ForeignClient(
        "cryptofeed", "2.4.1", "Python", "python/feed.py",
        frozenset(("REST exchangeInfo", "combined bookTicker")), tls=True,
    ),
    ForeignClient(
        "@binance/spot", "32.0.4", "JavaScript", "node_long/spot.js",
        frozenset((*_SOME_REST, "combined bookTicker", "combined miniTicker")),
    ),
    ForeignClient(
        "node-binance-api", "1.0.33", "JavaScript", "node_long/node-binance-api.js",
        frozenset(("REST ticker/bookTicker of all", "bookTicker", "!miniTicker@arr")),
    ),
    ForeignClient(
        "go-binance", "2.8.7", "Go", "go",
        frozenset(
            (
                "REST ping, time", "REST exchangeInfo", "REST ticker/bookTicker of all", "REST ticker/price", *QUOTES,
                "ticker", "!miniTicker@arr",
            )
        ),
    ),
    ForeignClient("binance", "0.21.3", "Rust", "rust", frozenset(("bookTicker",))),
)  # fmt: skip
"""Those that only the long tests run."""
