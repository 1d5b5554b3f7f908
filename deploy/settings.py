"""The launcher's settings, and what it passes on of them."""

import os
from collections.abc import Mapping

from deploy.errors import DeployError
from market.process.version import TOP, is_source_tree
from market.settings.config import read_config
from market.settings.environ import SettingError


class Variables:
    """The launcher's settings: the environment, above the file that ``TICKGATE_CONFIG`` names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read the file.

        Raises:
            DeployError: it cannot be used.
        """
        try:
            self.file = {name: entry.value for name, entry in read_config(environ).items()}
        except SettingError as error:
            raise DeployError(str(error)) from None
        self.environ = dict(environ) | _import_path(environ)
        self.both = self.file | self.environ
        """All variables; if both name one, the environment's value."""

    def get(self, name: str, default: str) -> str:
        """A variable's value."""
        return self.both.get(name, default)

    def environ_with(self, defaults: Mapping[str, str]) -> dict[str, str]:
        """A program's environment, without the values of the file: the program reads the file itself."""
        return {name: value for name, value in defaults.items() if name not in self.file} | self.environ


def _import_path(environ: Mapping[str, str]) -> dict[str, str]:
    """The variable by which programs import this source tree; nothing if tickgate is installed.

    Programs do not look for modules where they are started.
    """
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if not is_source_tree() or paths[:1] == [str(TOP)]:
        return {}
    return {"PYTHONPATH": os.pathsep.join((str(TOP), *paths))}
