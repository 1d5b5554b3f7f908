"""The examples in both documents are what a gateway really sends and takes."""

from typing import get_args

from gateway.events.messages import EventMessage
from gateway.http.documents.examples import COMMANDS, EVENTS, MESSAGES
from gateway.protocol import messages
from tests.gateway.protocol.test_event_encoding import events_in


def test_there_is_one_of_each_kind() -> None:
    """Commands and messages."""
    kinds = {kind.__struct_config__.tag for kind in get_args(messages.AnyCommand)}
    assert kinds == {one["type"] for one in COMMANDS}
    assert set(messages.Message.__subclasses__()) == set(map(type, MESSAGES))


def test_the_stream_is_one_that_could_be() -> None:
    """It ends with the reason of the end, and has a sign of life."""
    retry, _, stream = EVENTS.partition("\n\n")
    assert retry.startswith("retry: ")
    types = [event["type"] for event in events_in(stream.encode())]
    assert ["welcome", "status", "subscribed", "heartbeat", "closed"] == types
    assert {"heartbeat", "closed"} == {kind.__struct_config__.tag for kind in EventMessage.__subclasses__()}
