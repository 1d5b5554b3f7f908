"""Servers that are Go modules: built once from the module proxy, kept in the user's cache, and found there again."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BUILD_TIMEOUT_S = 900


@dataclass(frozen=True)
class GoProgram:
    """A program and the version of its module that is compared with."""

    name: str
    module: str
    version: str

    @property
    def path(self) -> Path:
        """The program once it is built; another version has another path."""
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return Path(cache) / "tickgate-bench" / f"{self.name}-{self.version}" / self.name

    def missing(self) -> str:
        """Why it cannot be had here; empty if it is built or can be."""
        if self.path.is_file() or shutil.which("go"):
            return ""
        return f"needs the program go, to build {self.module}@{self.version}"

    def build(self) -> str:
        """Build it, unless it is there; takes minutes. Return why that failed; empty if it did not."""
        if self.path.is_file():
            return ""
        # The whole folder appears at once: another bench may build the same.
        folder = self.path.parent.with_name(f"{self.path.parent.name}.{os.getpid()}")
        # GOFLAGS of the user may name a module file that is not ours.
        environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "", "GOTOOLCHAIN": "auto"}
        command = ["go", "install", "-trimpath", f"{self.module}@{self.version}"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            answer = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
            )
            if answer.returncode:
                return f"{' '.join(command)} failed: {_last_line(answer.stderr)}"
            if not self.path.is_file():
                shutil.rmtree(self.path.parent, ignore_errors=True)
                folder.rename(self.path.parent)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{' '.join(command)} failed: {error}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return ""


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")


NATS: Final = GoProgram("nats-server", "github.com/nats-io/nats-server/v2", "v2.15.3")
CENTRIFUGO: Final = GoProgram("centrifugo", "github.com/centrifugal/centrifugo/v6", "v6.9.1")
ALL: Final = {program.name: program for program in (NATS, CENTRIFUGO)}
