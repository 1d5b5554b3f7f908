"""Whether brokers are alive, by librdkafka's statistics."""

import json
from typing import Any

import pytest

from market.bus.kafka.connection.pulse import Pulse, silent_s


def statistics(brokers: dict[int, tuple[str, float]], partitions: dict[str, tuple[int, str]]) -> str:
    """What librdkafka says of ``brokers`` (id → state, silent seconds) and ``partitions`` (name → broker, state)."""
    return json.dumps(
        {
            "name": "ours",
            "brokers": {
                f"h:{node}": {"nodeid": node, "state": state, "rxidle": int(idle * 1e6)}
                for node, (state, idle) in brokers.items()
            },
            "topics": {
                "ticks": {
                    "partitions": {
                        name: {"broker": broker, "fetch_state": state} for name, (broker, state) in partitions.items()
                    }
                }
            },
        }
    )


NOBODY = {"-1": (-1, "none")}


@pytest.mark.parametrize(
    ("brokers", "partitions", "seconds"),
    [
        ({1: ("UP", 0.03)}, {"0": (1, "active"), "1": (1, "active"), **NOBODY}, 0.03),
        ({1: ("UP", 0.03), 2: ("UP", 4.0)}, {"0": (1, "active"), "1": (2, "active"), **NOBODY}, 4.0),
        ({1: ("UP", 0.03), 2: ("UP", 4.0)}, {"0": (1, "active"), "1": (2, "none"), **NOBODY}, 0.03),
        ({1: ("UP", 0.03), 2: ("CONNECT", 0.0)}, {"0": (1, "active"), "1": (2, "active"), **NOBODY}, None),
        ({1: ("UP", 0.03)}, {"0": (1, "active"), "1": (-1, "offset-query"), **NOBODY}, None),
        ({1: ("UP", 0.03)}, NOBODY, None),
    ],
)
def test_the_most_silent_broker_counts(brokers: Any, partitions: Any, seconds: float | None) -> None:
    """A broker that has nothing to send us does not count, and one that is not there cannot be told of."""
    assert seconds == silent_s(statistics(brokers, partitions))


def test_who_wants_to_know_is_told() -> None:
    """Each time."""
    told: list[float | None] = []
    pulse = Pulse()
    pulse.told = told.append
    pulse(statistics({1: ("UP", 0.5)}, {"0": (1, "active")}))
    pulse(statistics({}, {"0": (1, "active")}))
    assert [0.5, None] == told
