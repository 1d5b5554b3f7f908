"""The programs of this folder: what each needs, how it is built, and how it is started."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

HERE: Final = Path(__file__).parent
NODE_MODULES: Final = "/usr/share/nodejs"

OLD_NETTY: Final = "4.1.50.Final"
"""It fails over a ``server_no_context_takeover`` that it did not offer; later ones take it."""


class Client(Struct, frozen=True):
    """One library, or one version of it."""

    name: str
    folder: str
    ways: tuple[str, ...]
    """How it can be told to compress; ``plain`` is not at all."""
    needs: tuple[str, ...]
    """Programs that must be on PATH."""
    version: str = ""

    def missing(self) -> str:
        """Which of what it needs is not on this machine; empty where all of it is."""
        absent = [program for program in self.needs if shutil.which(program) is None]
        if self.folder == "node" and not Path(NODE_MODULES, "ws").is_dir():
            absent.append("the module ws of Node (Debian: node-ws)")
        return ", ".join(absent)

    def build(self, into: Path) -> tuple[str, ...]:
        """Build it, with downloads where they are not at hand, and return the command that starts it."""
        source = HERE / self.folder
        match self.folder:
            case "gorilla" | "coder":
                _run("go", "build", "-o", str(into / self.folder), ".", cwd=source)
                return (str(into / self.folder),)
            case "tungstenite":
                _run("cargo", "build", "--quiet", "--locked", "--target-dir", str(into), cwd=source)
                return (str(into / "debug" / "tungstenite-client"),)
            case "netty":
                version = [f"-Dnetty.version={self.version}"] if self.version else []
                _run(
                    "mvn", "-q", "-B", *version, "dependency:copy-dependencies", f"-DoutputDirectory={into}", cwd=source
                )
                _run("javac", "-cp", f"{into}/*", "-d", str(into), "Client.java", cwd=source)
                return ("java", "-cp", f"{into}:{into}/*", "Client")
            case "node":
                return ("node", str(source / "client.js"))
            case _:
                return (sys.executable, str(source / "client.py"))


def environment() -> dict[str, str]:
    """What the programs are started with."""
    return {**os.environ, "NODE_PATH": NODE_MODULES}


def _run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=600)  # our own words


CLIENTS: Final = (
    Client("netty", "netty", ("plain", "deflate"), ("java", "javac", "mvn")),
    Client("old-netty", "netty", ("plain", "deflate"), ("java", "javac", "mvn"), OLD_NETTY),
    Client("gorilla", "gorilla", ("plain", "deflate"), ("go",)),
    Client("coder", "coder", ("plain", "deflate", "takeover"), ("go",)),
    Client("tungstenite", "tungstenite", ("plain",), ("cargo",)),
    Client("node-ws", "node", ("plain", "deflate"), ("node",)),
    Client("python-websockets", "websockets", ("plain", "deflate"), ()),
)
