"""Timeouts of HAProxy and of the gateways behind it, which must fit each other. Each program knows only its own."""

import re
from collections.abc import Mapping
from typing import Final

UNREAD: Final = "20s"
"""TICKGATE_UNREAD_TIMEOUT in ``haproxy.cfg``."""
LAG_S: Final = "10"
"""LAG_TIMEOUT_S of a gateway."""

_TIME: Final = re.compile(r"([0-9]{1,12})(us|ms|s|m|h|d)?")
_UNITS_S: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""As HAProxy's configuration manual, section 2.5, has them; without one it is milliseconds."""


def seconds_of(text: str) -> float | None:
    """A time as HAProxy writes it, in seconds; None if it is none."""
    match = _TIME.fullmatch(text)
    return int(match[1]) * _UNITS_S[match[2] or "ms"] if match else None


def misfit(variables: Mapping[str, str]) -> str | None:
    """What is wrong with the timeouts among ``variables``, in one line; None where they fit, or cannot be read.

    What cannot be read stops the program whose it is, which says why.
    """
    unread = variables.get("TICKGATE_UNREAD_TIMEOUT") or UNREAD
    lag = variables.get("LAG_TIMEOUT_S", LAG_S)
    unread_s = seconds_of(unread)
    try:
        lag_s = float(lag)
    except ValueError:
        return None
    if not unread_s or unread_s > lag_s:
        return None
    return (
        f"warning: TICKGATE_UNREAD_TIMEOUT={unread} is not longer than LAG_TIMEOUT_S={lag}: HAProxy cuts off slow"
        f" clients before their gateway may; set it to more than {lag_s:g}s"
    )
