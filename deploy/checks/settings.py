"""Every variable that a program cannot use, and those that are likely mistakes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

from deploy.buses.registry import bus_name
from deploy.checks.finding import Finding, split
from deploy.errors import DeployError
from deploy.fronts.addresses import is_private, of_front
from deploy.gateways.arbiter import usable_settings
from deploy.launcher.pollers import pollers_of, symbols_of, venues_of
from deploy.settings import Variables
from gateway.admission.names import warnings
from gateway.settings import Settings
from market.prices.doubts import doubt
from market.prices.symbols import DEFAULT_SYMBOLS
from market.prices.venues import DEFAULT_VENUE
from market.settings.config import CONFIG, KNOWN, place_of, read_usable
from market.settings.environ import SettingError
from market.settings.mistakes import likely_mistakes
from poller.settings import PollerSettings

S = TypeVar("S")

_MOST: Final = 40
"""Variables that are taken out, one after the other, until the others can be used."""


class Checked(NamedTuple):
    """What the programs would start with."""

    pollers: tuple[PollerSettings, ...]
    """One of each venue that ``VENUES`` names; none where even the variables that can be used do not go together."""
    gateway: Settings | None
    findings: list[Finding]
    variables: Mapping[str, str]
    """Of the environment and the file, with those that cannot be used."""


def check_settings(environ: Mapping[str, str]) -> Checked:
    """Read the settings of poller and gateway, with the default in place of each that cannot be used."""
    entries, problems = read_usable(environ)
    in_file = {name: entry.value for name, entry in entries.items()}
    variables = {name: value for name, value in (in_file | dict(environ)).items() if name != CONFIG}

    def placed(error: SettingError) -> str:
        place = place_of(error, environ, entries)
        return f"{error} ({place})" if place else str(error)

    of_pollers: list[SettingError] = []
    pollers = []
    for own in _pollers(variables):
        poller, problems_of_it = _usable(PollerSettings.from_environ, {**variables, **own})
        of_pollers += problems_of_it
        pollers += [] if poller is None else [poller]
    gateway, of_gateway = _usable(Settings.from_environ, variables)
    if gateway is not None and gateway.auth.mode == "jwt":
        try:
            usable_settings({name: value for name, value in variables.items() if name not in _named(of_gateway)})
        except SettingError as error:
            of_gateway.append(error)
    wrong = dict.fromkeys(map(placed, (*problems, *of_pollers, *of_gateway)))
    findings = [split("settings", message) for message in wrong]
    if "VENUES" in variables:
        try:
            venues_of(variables)
        except DeployError as error:
            findings.append(split("settings", str(error)))
    if variables.get("BUS"):
        try:
            bus_name(variables)
        except DeployError as error:
            findings.append(split("settings", str(error)))
    if not problems:
        try:
            is_private(balancer := Variables(environ), of_front(balancer))
        except DeployError as error:
            findings.append(split("settings", str(error)))
    if gateway is not None:
        findings += [split("settings", line, "warning") for line in warnings(gateway)]
    findings += [split("settings", line, "warning") for line in likely_mistakes(environ, KNOWN)]
    doubts = dict.fromkeys(doubt(its.symbols) for its in pollers)
    findings += [split("settings", line, "warning") for line in doubts if line]
    if not any(its.mark == "wrong" for its in findings):
        findings.append(Finding("ok", "settings", _told(environ, in_file)))
    return Checked(tuple(pollers), gateway, findings, variables)


def _pollers(variables: dict[str, str]) -> list[dict[str, str]]:
    """The variables that each poller has beside ``variables``; the launcher's default of ``SYMBOLS`` is added there."""
    try:
        venues = venues_of(variables)
    except DeployError:
        # Of `VENUE` the poller itself says it.
        return [{}]
    if "VENUES" in variables and venues != (DEFAULT_VENUE,):
        variables.setdefault("SYMBOLS", symbols_of(venues, ",".join(DEFAULT_SYMBOLS)))
    return [own for _, own in pollers_of(venues, variables)]


def _usable(
    read: Callable[[Mapping[str, str]], S], variables: Mapping[str, str]
) -> tuple[S | None, list[SettingError]]:
    """What ``read`` makes of those of ``variables`` that it can use, and its errors about the others."""
    left = dict(variables)
    problems: list[SettingError] = []
    for _ in range(_MOST):
        try:
            return read(left), problems
        except SettingError as error:
            problems.append(error)
            # The first word of its message is the variable; the fault may be another's that it names.
            at_fault = next((word for word in _words(error) if word in left), None)
            if at_fault is None:
                break
            del left[at_fault]
    return None, problems


def _words(error: SettingError) -> Iterator[str]:
    for word in str(error).split():
        yield word.strip(",;:()=")


def _named(problems: list[SettingError]) -> set[str]:
    return {str(error).partition(" ")[0] for error in problems}


def _told(environ: Mapping[str, str], in_file: Mapping[str, str]) -> str:
    own = sorted(name for name in KNOWN if name in environ)
    told = f"{len(own)} of the environment" if own else "none in the environment"
    if CONFIG in environ:
        told += f", {len(in_file)} of {CONFIG}"
    return f"of poller and gateway can be used ({told})"
