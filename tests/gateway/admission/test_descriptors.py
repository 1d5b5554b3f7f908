"""How many sockets a process can hold."""

import logging
import resource
import sys

import pytest

from gateway.admission.descriptors import RESERVED, make_room


class Limits:
    """The process's limit of open files, for a test to set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = (0, 0)
        monkeypatch.setattr(resource, "getrlimit", lambda _what: self.now)
        monkeypatch.setattr(resource, "setrlimit", lambda _what, limits: setattr(self, "now", limits))


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """In place of the real one."""
    return Limits(monkeypatch)


@pytest.mark.parametrize(
    ("before", "wanted", "after", "room"),
    [
        ((1024, 4096), 100, (1024, 4096), 960),
        ((1024, 4096), 2000, (2064, 4096), 2000),
        ((1024, 1024), 960, (1024, 1024), 960),
        ((1024, 4096), 0, (4096, 4096), 4032),
        ((1024, resource.RLIM_INFINITY), 2000, (2064, resource.RLIM_INFINITY), 2000),
        ((resource.RLIM_INFINITY,) * 2, 2000, (resource.RLIM_INFINITY,) * 2, sys.maxsize - RESERVED),
    ],
)
def test_the_limit_is_raised_as_far_as_needed(
    limits: Limits,
    caplog: pytest.LogCaptureFixture,
    before: tuple[int, int],
    wanted: int,
    after: tuple[int, int],
    room: int,
) -> None:
    """The limit is raised as far as needed, never lowered; 0 wants everything; no warning."""
    limits.now = before
    assert room == make_room(wanted)
    assert after == limits.now
    assert [] == caplog.records


def test_too_low_a_limit_is_said(limits: Limits, caplog: pytest.LogCaptureFixture) -> None:
    """A too low limit is logged, with the number of sockets that fit and the setting to raise."""
    limits.now = (256, 1024)
    with caplog.at_level(logging.INFO):
        assert 1024 - RESERVED == make_room(20_000)
    assert ["only 1024 files may be open (ulimit -n): taking at most 960 clients"] == caplog.messages
