"""The pollers of a stack: one for each venue, on one bus."""

from collections.abc import Iterator, Mapping, Sequence

from deploy.errors import DeployError
from market.prices.symbols import parse_symbols
from market.prices.venues import DEFAULT_VENUE, EXAMPLES, VENUES


def venues_of(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The venues that ``VENUES`` names, else the one that ``VENUE`` does.

    Raises:
        DeployError: one that is none, or is named twice.
    """
    names = [name.strip().lower() for name in variables.get("VENUES", variables.get("VENUE", DEFAULT_VENUE)).split(",")]
    for name in names:
        if name not in VENUES:
            raise DeployError(f"VENUES names {name[:40]!r}, which is no venue; use {', '.join(VENUES)}")
        if names.count(name) > 1:
            raise DeployError(f"VENUES names {name} twice; remove one")
    return tuple(names)


def symbols_of(venues: Sequence[str], default: str) -> str:
    """The default ``SYMBOLS``: ``default`` of the default venue, a few of each other venue."""
    names = list(parse_symbols(default).names) if DEFAULT_VENUE in venues else []
    for venue in venues:
        if venue != DEFAULT_VENUE:
            names += EXAMPLES[venue]
    return ",".join(names)


def pollers_of(venues: Sequence[str], variables: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The name of each venue's poller, and its own variables beside those of all programs.

    A single poller of the default venue gets no variable about venues.
    """
    for number, venue in enumerate(venues):
        own = {} if venues == (DEFAULT_VENUE,) else environ_of(venue, variables, number)
        yield f"poller-{venue}" if number else "poller", own


def environ_of(venue: str, variables: Mapping[str, str], number: int) -> dict[str, str]:
    """The variables of the poller of ``venue``, which is number ``number`` of the stack, from 0.

    ``FEED`` may name another venue's feed. Then this poller uses its own venue's feed if that answers, else the
    simulator. Each poller has a port of its own for metrics, if they are wanted.
    """
    feed = variables.get("FEED", "auto").strip().lower()
    owner = next((name for name in VENUES if feed.startswith(f"{name}-")), DEFAULT_VENUE)
    shared = feed in ("auto", "simulated")
    environ = {"VENUE": venue}
    if not shared and owner != venue:
        environ["FEED"] = "auto"
    port = variables.get("POLLER_METRICS_PORT", "0")
    if number and port.isdecimal() and int(port):
        environ["POLLER_METRICS_PORT"] = str(int(port) + number)
    return environ
