"""Checks the names in a request, `Host` and `Origin`, and tells the operator whom they have refused.

A browser hides from a page why its WebSocket was refused. So the log says it, with the setting that would mend it.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDictProxy

from gateway.admission.address import is_loopback
from gateway.admission.limits.once_a_minute import OnceAMinute, printable
from gateway.admission.origin import Authority, Origin, is_own
from gateway.admission.policy import Policy
from gateway.errors import RefusalError
from gateway.log_events import (
    HOST_MALFORMED,
    HOST_REFUSED,
    NAMES_DOUBTFUL,
    ORIGIN_MALFORMED,
    ORIGIN_NULL_REFUSED,
    ORIGIN_REFUSED,
    OWN_PAGE_REFUSED,
    PATH_WRONG,
    REFUSED_MORE,
)

MOST_LINES: Final = 20
"""Of a minute, for origins, for hosts and for paths; further ones are only counted."""

_LONGEST_KEY: Final = 300
_LONGEST_SETTING: Final = 400
"""Characters of a setting that is shown whole."""

_ANYWHERE: Final = ("0.0.0.0", "[::]")  # noqa: S104 - nothing listens there
"""Every address of this machine, as they are written in URLs."""

logger = logging.getLogger(__name__)


class Names:
    """Which names one gateway is asked for by, and by whose pages."""

    def __init__(self, settings: Policy) -> None:
        self._settings = settings
        self._origins = OnceAMinute(MOST_LINES, _others("pages of other origins"))
        self._hosts = OnceAMinute(MOST_LINES, _others("requests for other hosts"))
        self._paths = OnceAMinute(MOST_LINES, _others("WebSockets at other paths"))
        self._warn(warnings(settings))

    def change(self, settings: Policy) -> None:
        """Check by other ``settings`` from now on."""
        before = warnings(self._settings)
        self._settings = settings
        self._warn([line for line in warnings(settings) if line not in before])

    def close(self) -> None:
        """Log what was only counted so far."""
        for lines in (self._origins, self._hosts, self._paths):
            lines.close()

    def check(self, headers: CIMultiDictProxy[str]) -> None:
        """Let a request pass that names this gateway, and does not come from somebody else's page.

        Raises:
            RefusalError: the host is not ours, or the origin is not allowed.
        """
        settings = self._settings
        host = headers.get(hdrs.HOST, "")
        if not settings.allowed_hosts.allows(host):
            self._log_host(host)
            raise RefusalError(
                403, "host", "this name is not served here: add it to this gateway's ALLOWED_HOSTS if it is its own"
            )
        origin = headers.get(hdrs.ORIGIN)
        if not settings.allowed_origins.allows(origin, host):
            raise RefusalError(403, "origin", self._refuse_origin(origin or "", host))

    def check_operator(self, headers: CIMultiDictProxy[str]) -> None:
        """Let a request for operators pass, unless a page may have made its name resolve to us (DNS rebinding).

        Raises:
            RefusalError: the host is a name with a dot that is not ours.
        """
        settings = self._settings
        host = headers.get(hdrs.HOST, "")
        if not settings.allowed_hosts.allows_operator(host, settings.host):
            self._log_host(host)
            problem = "ask for this by an address, by a name without a dot, or by a name in ALLOWED_HOSTS"
            raise RefusalError(403, "host", problem)

    def log_path(self, path: str, right_path: str) -> None:
        """Log that a WebSocket was asked for at ``path``, where none is."""
        if self._paths.may_log(path[:_LONGEST_KEY]):
            logger.warning(PATH_WRONG, printable(path), right_path)

    def _log_host(self, host: str) -> None:
        if not self._hosts.may_log(host[:_LONGEST_KEY]):
            return
        named = Authority.parse(host)
        if named is None:
            logger.warning(HOST_MALFORMED, printable(host))
            return
        hosts = self._settings.allowed_hosts
        setting = _with("ALLOWED_HOSTS", str(hosts), named.host)
        logger.warning(HOST_REFUSED, named, setting)

    def _refuse_origin(self, origin: str, host: str) -> str:
        """Log that pages of ``origin`` were refused, and return what they are told."""
        allowed = self._settings.allowed_origins
        may_log = self._origins.may_log(origin[:_LONGEST_KEY])
        if origin == "null":
            if may_log:
                logger.warning(ORIGIN_NULL_REFUSED, _with("ALLOWED_ORIGINS", str(allowed), "null"))
            return "pages without an origin, such as files, may not connect: ALLOWED_ORIGINS has no null"
        parsed = Origin.parse(origin)
        if parsed is None:
            if may_log:
                logger.warning(ORIGIN_MALFORMED, printable(origin))
            return "pages of this origin may not connect: it is none; see ALLOWED_ORIGINS"
        if is_own(parsed, host):
            if may_log:
                setting = _with("ALLOWED_ORIGINS", "self", str(allowed))
                logger.warning(OWN_PAGE_REFUSED, parsed, setting)
            return "this gateway's own pages may not connect: add self to its ALLOWED_ORIGINS"
        if may_log:
            setting = _with("ALLOWED_ORIGINS", str(allowed), str(parsed))
            logger.warning(ORIGIN_REFUSED, parsed, setting)
        return "pages of this origin may not connect: add it to this gateway's ALLOWED_ORIGINS if they may"

    def _warn(self, lines: Sequence[str]) -> None:
        for line in lines:
            logger.warning(NAMES_DOUBTFUL, line)


def warnings(settings: Policy) -> list[str]:
    """What is probably not meant in the lists of names, one line each."""
    lines = []
    origins, hosts = settings.allowed_origins, settings.allowed_hosts
    if not (origins.own or origins.every):
        lines.append(
            "ALLOWED_ORIGINS does not have self, so this gateway's own dashboard may not connect:"
            f" {_with('ALLOWED_ORIGINS', 'self', str(origins))} if it may"
        )
    anywhere = [name for name in _ANYWHERE if Authority(name, None) in hosts.exact]
    if anywhere:
        lines.append(
            f"ALLOWED_HOSTS has {anywhere[0]}, which is where to listen, and no name that browsers ask for:"
            " list the names in your URLs"
        )
    name = f"[{settings.host}]" if ":" in settings.host else settings.host.lower()
    proxies = settings.trusted_proxies
    is_reached_by_it = (
        name not in _ANYWHERE and not is_loopback(settings.host) and not (proxies.networks or proxies.unix)
    )
    if is_reached_by_it and not hosts.allows(name) and name not in {authority.host for authority in hosts.exact}:
        lines.append(
            f"ALLOWED_HOSTS does not have GATEWAY_HOST={printable(settings.host)}: who connects to that very name is"
            f" refused; {_with('ALLOWED_HOSTS', str(hosts), name)} if it may be used"
        )
    return lines


def _with(setting: str, *values: str) -> str:
    """What to set: ``setting`` with all of ``values``, or the last of them where that is too long."""
    whole = f"{setting}={','.join(value for value in values if value)}"
    return f"set {whole}" if len(whole) <= _LONGEST_SETTING else f"add {values[-1][:_LONGEST_KEY]} to {setting}"


def _others(whose: str) -> Callable[[int], None]:
    return lambda count: logger.warning(REFUSED_MORE, whose, count)
