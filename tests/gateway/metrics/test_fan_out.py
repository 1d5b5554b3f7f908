"""Ages and flushes."""

from gateway.metrics.fan_out import FanOut


def test_ages_are_those_of_the_pollers_clock() -> None:
    """When a message comes, and when its flush is over."""
    now_us = 1_000_000
    fan_out = FanOut(lambda: now_us)
    fan_out.took(999_000)
    now_us = 1_004_000
    fan_out.flushed(fan_out.recv_us, 0.002)
    assert 0.001 == fan_out.ages["gateway"].total
    assert 0.005 == fan_out.ages["socket"].total
    assert (1, 0.002) == (fan_out.flush_s.count, fan_out.flush_s.total)


def test_each_flush_has_its_own_bytes() -> None:
    """What was written since the one before it."""
    fan_out = FanOut(lambda: 0)
    for written in (100, 0, 50):
        fan_out.bytes_sent += written
        fan_out.flushed(0, 0)
    assert 0 == fan_out.ages["socket"].count
    assert (3, 150) == (fan_out.flush_bytes.count, fan_out.flush_bytes.total)
