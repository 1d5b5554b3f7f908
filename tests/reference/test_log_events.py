"""The events of the log: each line of ours has one, and their names stay."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from market.process.event import Event
from market.process.logs import RESERVED, UNNAMED
from tests.reference.log_events import CATALOGUES, LogCall, all_events, calls_in, events_of, log_calls
from tests.reference.pages import DOCS

NAMES = Path(__file__).resolve().parent.parent / "fixtures" / "log_events.txt"


def test_the_names_of_events_stay() -> None:
    """Somebody's alerts may look for them. One that is renamed or taken away is renamed in the list on purpose."""
    assert NAMES.read_text(encoding="utf-8").split() == sorted(event.name for event in all_events().values())


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_an_event_is_called_as_its_constant(catalogue: str) -> None:
    """A name is found in the code by its capitals."""
    for constant, event in events_of(CATALOGUES[catalogue]).items():
        assert constant == event.name.upper()
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", event.name)


def test_the_example_is_a_line_that_is_logged() -> None:
    """The page shows an event that there is, with its values."""
    [text] = re.findall(r"^\{.*\}$", (DOCS / "logs.md").read_text(encoding="utf-8"), re.MULTILINE)
    line = json.loads(text)
    event = all_events()[line["event"].upper()]
    assert ["time", "level", "event", "logger", "message", *event.fields] == list(line)
    assert (line["level"],) == event.levels
    assert any(
        call.place.startswith(line["logger"].replace(".", "/"))
        for call in log_calls()
        if call.events == (line["event"].upper(),)
    )


def test_no_two_events_have_one_name() -> None:
    """Also not in different programs."""
    names = [event.name for module in CATALOGUES.values() for event in events_of(module).values()]
    assert len(names) == len(set(names))
    assert UNNAMED not in names


def test_the_values_of_an_event_are_fields_of_a_line() -> None:
    """None has the name of a key that each line has, and each has one name."""
    for event in all_events().values():
        assert set() == RESERVED & set(event.fields), event.name
        assert len(event.fields) == len(set(event.fields)), event.name


def _wrong(call: LogCall) -> str:
    """What is wrong with a call; empty if nothing is."""
    events = all_events()
    if not call.events or not set(call.events) <= set(events):
        return f"{call.place} logs what is in no catalogue"
    for event in map(events.__getitem__, call.events):
        if call.level and (call.level,) != event.levels:
            return f"{call.place} logs {event.name} at {call.level}"
        if not call.level and len(event.levels) < 2:
            return f"{call.place} decides the level of {event.name}, which has one"
        if call.values is not None and call.values != len(event.fields):
            return f"{call.place} has {call.values} values for {event.name}"
    return ""


def test_every_line_of_ours_has_an_event() -> None:
    """Each call logs an event of a catalogue, at its level, with as many values as it has."""
    calls = list(log_calls())
    assert len(calls) > 100
    assert [] == list(filter(None, map(_wrong, calls)))


def test_every_event_is_logged() -> None:
    """None is left in a catalogue that nobody logs any more."""
    logged = Counter(name for call in log_calls() for name in call.events)
    assert set() == set(all_events()) - set(logged)


@pytest.mark.parametrize(
    "line",
    [
        'logger.info("words")',
        'logger.info(f"{words}")',
        "logger.info(words)",
        "self.log.error(BUS_LINK_UP, bus)",
        "logging.getLogger(__name__).info(BUS_LINK_UP)",
        "logger.info(BUS_LINK_UP, bus, more)",
        "logger.info(BUS_LINK_UP if up else words, bus)",
        "logger.log(level, BUS_LINK_UP, bus)",
        "self._logger.log(level, words)",
        "logger.exception(BUS_LINK_UP, bus)",
    ],
)
def test_a_line_without_its_event_is_found(line: str) -> None:
    """Words, another name, another level, another number of values."""
    [call] = calls_in(line, "here")
    assert _wrong(call).startswith("here:1 ")


@pytest.mark.parametrize(
    "line",
    [
        "logger.info(BUS_LINK_UP, bus)",
        "logger.info(BUS_LINK_UP, *values)",
        "logger.log(level, ISSUER_KEYS, 1, 2)",
        "logger.warning(OUT_OF_SERVICE if behind else IN_SERVICE)",
        "arbiter.log.error(SETTINGS_REFUSED, error)",
    ],
)
def test_a_line_with_its_event_is_right(line: str) -> None:
    """The number of unpacked values cannot be seen."""
    assert [""] == list(map(_wrong, calls_in(line, "here")))


def test_what_logs_nothing_is_no_line() -> None:
    """Methods of the same name that others have."""
    assert [] == list(calls_in('math.log(2)\nself.told.info("x")\nlogging.getLogger("x").setLevel("INFO")', "here"))


def test_all_events_can_be_formatted() -> None:
    """Each template takes as many values as it names."""
    for event in all_events().values():
        assert isinstance(event, Event)
        assert event % tuple(1 for _ in event.fields)
