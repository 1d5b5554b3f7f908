"""Whether gunicorn runs us as it has to: with our worker, one of it, and where our settings say.

With any other worker it would take connections and serve none of them, or serve them on a port of its own choice.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

from gateway.errors import GatewayError
from market.process.printable import complain

_OUR_WORKER: Final = "gateway.worker"
_LOAD_ERROR: Final = 4
"""`gunicorn.arbiter.Arbiter.APP_LOAD_ERROR`: the arbiter ends, and starts no other worker."""
_CONFIG: Final = Path(__file__).resolve().parent.parent / "deploy" / "gunicorn.conf.py"


def right_command() -> str:
    """The command that serves a gateway under gunicorn, for someone who gave another one."""
    if not _CONFIG.is_file():
        # Installed without the launcher: an address that is asked for is heeded.
        return "gunicorn -k gateway.worker.Worker --bind HOST:PORT gateway.app:app_factory"
    config = os.path.relpath(_CONFIG) if _CONFIG.is_relative_to(Path.cwd()) else str(_CONFIG)
    return f"gunicorn -c {config} gateway.app:app_factory"


def refuse_other_workers() -> None:
    """End this process if it is gunicorn's, with another worker than ours (called while `gateway.app` is imported)."""
    if "gunicorn.arbiter" in sys.modules and _is_gunicorn(sys.argv[0]) and _OUR_WORKER not in sys.modules:
        _refuse(
            "gunicorn's worker cannot serve a gateway, and it would not listen where GATEWAY_HOST and GATEWAY_PORT"
            f" say; start it with: {right_command()}"
        )


def require_one(workers: int) -> None:
    """Refuse several workers in one gunicorn.

    Raises:
        GatewayError: there would be.
    """
    if workers != 1:
        raise GatewayError(
            f"gunicorn is to start {workers} workers, and a gateway is one; start one gunicorn for each core, each"
            f" with a GATEWAY_PORT of its own: {right_command()}"
        )


def require_address(cfg: Any, listening: list[Any], *, host: str, port: int) -> None:
    """See that gunicorn listens where our settings say: ``cfg`` is its configuration, ``listening`` its sockets' names.

    An address that was asked for (``--bind``, systemd) is as good as ours. gunicorn's own default is not.

    Raises:
        GatewayError: it does not.
    """
    bind = cfg.settings["bind"]
    addresses = [(sockname[0], sockname[1]) for sockname in listening if isinstance(sockname, tuple)]
    defaults = [tuple(address.rsplit(":", 1)) for address in type(bind).default]
    if bind.get() != type(bind).default or [(its, str(number)) for its, number in addresses] != defaults:
        return
    if addresses != [(host, port)]:
        raise GatewayError(
            f"gunicorn listens on its own default {type(bind).default[0]}, not where GATEWAY_HOST and GATEWAY_PORT say"
            f" ({host}:{port}); start it with: {right_command()}"
        )


def _is_gunicorn(program: str) -> bool:
    """Whether ``program``, the first word of a command line, is gunicorn, by its script or as a module."""
    path = Path(program)
    return re.fullmatch(r"gunicorn[0-9.]*", path.name) is not None or (
        path.name == "__main__.py" and path.parent.name == "gunicorn"
    )


def _refuse(line: str) -> NoReturn:
    complain(f"gateway: {line}")
    sys.exit(_LOAD_ERROR)
