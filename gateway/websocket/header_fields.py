"""Header fields with a list as their value, which may be split over several lines (RFC 9110, section 5.3)."""

from multidict import MultiMapping


def elements(headers: MultiMapping[str], name: str) -> list[str]:
    """The elements of all lines, in order; empty ones do not count (RFC 9110, section 5.6.1)."""
    lines = headers.getall(name, ())
    return [element for line in lines for entry in line.split(",") if (element := entry.strip(" \t"))]


def has_token(headers: MultiMapping[str], name: str, token: str) -> bool:
    """Whether one of the elements is ``token``, given in lower case; case does not matter."""
    first = headers.get(name)
    if first is None:
        return False
    # It is nearly always the only element.
    return first.lower() == token or any(element.lower() == token for element in elements(headers, name))


def asks_for_websocket(headers: MultiMapping[str]) -> bool:
    """Whether a request asks to upgrade its connection to a WebSocket (RFC 6455, section 4.2.1)."""
    return has_token(headers, "Upgrade", "websocket") and has_token(headers, "Connection", "upgrade")
