"""Events of the log."""

import logging

from market.process.event import Event

LOST = Event("bus_lost", ("WARNING", "DEBUG"), "no bus (%(bus)s): %(tries)d tries in %(seconds).1f s, 100%%")


def test_an_event_is_a_message_that_logging_can_format() -> None:
    """Its values are filled in by position, in the form that the template asks for."""
    record = logging.LogRecord("a", logging.WARNING, __file__, 1, LOST, ("redis", 3, 2.55), None)
    assert "no bus (redis): 3 tries in 2.5 s, 100%" == record.getMessage()


def test_an_event_knows_the_names_of_its_values() -> None:
    """The template is the only place that names them."""
    assert ("bus_lost", ("WARNING", "DEBUG"), ("bus", "tries", "seconds")) == (LOST.name, LOST.levels, LOST.fields)
    assert {"bus": "redis", "tries": 3, "seconds": 2.5} == LOST.values(("redis", 3, 2.5))


def test_an_event_without_values() -> None:
    """It has one level and no fields; a call without arguments is fine."""
    plain = Event("stopping", "INFO", "stopping")
    assert (("INFO",), (), {}) == (plain.levels, plain.fields, plain.values(None))


def test_a_mapping_as_the_only_value() -> None:
    """It is one value, although `logging` takes it apart."""
    event = Event("settings", "INFO", "%(settings)s")
    record = logging.LogRecord("a", logging.INFO, __file__, 1, event, ({"a": 1},), None)
    assert {"settings": {"a": 1}} == event.values(record.args)
    assert "{'a': 1}" == record.getMessage()
