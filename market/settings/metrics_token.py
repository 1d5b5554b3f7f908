"""The token that metrics may need, of gateways and pollers alike."""

import re
from typing import Final

from market.settings.environ import SettingError

_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")
"""RFC 6750, section 2.1; too long to be guessed."""


def metrics_token(value: str) -> str:
    """A token that a scraper can send; the value itself is in no message.

    Raises:
        SettingError: it is too short, or no header could carry it.
    """
    if value and not _BEARER.fullmatch(value):
        raise SettingError(
            "METRICS_TOKEN must be at least 16 of A-Z a-z 0-9 - . _ ~ + / and = at its end; make one with:"
            " python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return value
