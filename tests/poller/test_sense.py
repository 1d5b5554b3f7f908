"""Whether what an exchange says can be used."""

from poller.sense import PATIENCE_S, Sense


class Clocks:
    """Both clocks, turned by hand."""

    def __init__(self) -> None:
        self.s = 100.0

    def monotonic(self) -> float:
        return self.s

    def now_us(self) -> int:
        return round(self.s * 1e6)


def test_nonsense_for_long_is_a_fault() -> None:
    """When nothing could be used for `PATIENCE_S`, the last reason and the first moment are told."""
    clocks = Clocks()
    sense = Sense(clocks.monotonic, clocks.now_us)
    assert sense.fault() is None
    sense.note("malformed")
    clocks.s += PATIENCE_S - 0.1
    sense.note("too_fine")
    assert sense.fault() is None
    clocks.s += 0.1
    assert ("the exchange's prices cannot be used: too fine", 100_000_000) == sense.fault()


def test_one_update_that_makes_sense_ends_it() -> None:
    """Nonsense among good quotes is no fault, however long that goes on."""
    clocks = Clocks()
    sense = Sense(clocks.monotonic, clocks.now_us)
    for refused in (None, "malformed", "malformed") * 20:
        sense.note(refused)
        clocks.s += 1
        assert sense.fault() is None
    clocks.s += PATIENCE_S
    assert sense.fault() is not None
    sense.note(None)
    assert sense.fault() is None
