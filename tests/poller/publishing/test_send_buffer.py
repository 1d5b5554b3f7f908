"""The send buffer."""

from hypothesis import given
from hypothesis import strategies as st

from market.prices.tick import Tick
from poller.publishing import send_buffer
from poller.publishing.send_buffer import SendBuffer
from tests.market.samples import tick


def marks(ticks: list[Tick]) -> list[tuple[str, int]]:
    """Symbol and seq of each."""
    return [(its.symbol, its.seq) for its in ticks]


def test_in_order() -> None:
    """Waiting ticks are taken in order, and once."""
    subject = SendBuffer()
    for seq in range(5):
        subject.append(tick("A1", seq))
    assert [0, 1, 2] == [its.seq for its in subject.take(3)]
    subject.confirm()
    assert [3, 4] == [its.seq for its in subject.take(3)]
    assert (0, 0) == (subject.waiting, subject.conflated)


def test_what_has_gone_out() -> None:
    """The newest confirmed tick of each symbol is known."""
    subject = SendBuffer()
    for symbol, seq in (("A1", 1), ("B1", 1), ("A1", 2), ("A1", 3)):
        subject.append(tick(symbol, seq))
    subject.take(3)
    subject.confirm()
    assert {"A1": tick("A1", 2), "B1": tick("B1", 1)} == subject.sent


def test_bound() -> None:
    """Beyond the bound only the newest waiting tick of each symbol stays, and the others are counted."""
    subject = SendBuffer()
    for seq in range(send_buffer.MAX_WAITING):
        subject.append(tick("A1", seq))
    assert (send_buffer.MAX_WAITING, 0) == (subject.waiting, subject.conflated)
    subject.append(tick("B1", 7))
    assert (2, send_buffer.MAX_WAITING - 1) == (subject.waiting, subject.conflated)
    assert [("A1", send_buffer.MAX_WAITING - 1), ("B1", 7)] == marks(subject.take(10))


def test_stop() -> None:
    """When sending stops, the newest taken and waiting ticks become missed ones, and the others are counted."""
    subject = SendBuffer()
    for symbol, seq in (("A1", 1), ("B1", 1), ("A1", 2), ("C1", 1), ("B1", 2)):
        subject.append(tick(symbol, seq))
    subject.take(2)
    subject.stop()
    assert (0, 3, 2) == (subject.waiting, subject.missed, subject.conflated)
    assert [("A1", 2), ("B1", 2), ("C1", 1)] == marks(list(subject.take_missed().values()))


def test_kept_for_the_day_we_lead() -> None:
    """A tick that another poller sends is kept too, and the replaced one does not count as conflated."""
    subject = SendBuffer()
    for seq in range(5):
        subject.keep(tick("A1", seq))
    assert (1, 0) == (subject.missed, subject.conflated)
    assert {"A1": tick("A1", 4)} == subject.take_missed()


def test_beginning() -> None:
    """Ticks that were missed while the others were sent go next."""
    subject = SendBuffer()
    subject.miss(tick("A1", 1))
    missed = subject.take_missed()
    subject.miss(tick("A1", 2))
    subject.begin(missed)
    assert {"A1": tick("A1", 1)} == subject.sent
    assert [("A1", 2)] == marks(subject.take(10))


def test_beginning_that_fails() -> None:
    """Ticks that could not be sent are missed again, unless newer ones came."""
    subject = SendBuffer()
    subject.miss(tick("A1", 1))
    subject.miss(tick("B1", 1))
    missed = subject.take_missed()
    subject.miss(tick("A1", 2))
    subject.put_back(missed)
    assert [("A1", 2), ("B1", 1)] == marks(list(subject.take_missed().values()))
    assert 1 == subject.conflated


@given(st.lists(st.sampled_from(["put A1", "put B1", "send", "fail", "begin", "no begin"]), max_size=60))
def test_nothing_is_lost(stream: list[str]) -> None:
    """After any events every tick was sent in order, was replaced by a newer one and counted, or is still here."""
    subject, flowing, seq, sent = SendBuffer(), False, 0, []
    for event in stream:
        match event:
            case "send" if flowing:
                sent += subject.take(3)
                subject.confirm()
            case "fail":
                subject.take(3)
                subject.stop()
                flowing = False
            case "begin" | "no begin" if not flowing:
                missed = subject.take_missed()
                if flowing := event == "begin":
                    sent += missed.values()
                    subject.begin(subject.sent | missed)
                else:
                    subject.put_back(missed)
            case "put A1" | "put B1":
                seq += 1
                (subject.append if flowing else subject.miss)(tick(event[-2:], seq))
    assert seq == len(sent) + subject.conflated + subject.waiting + subject.missed
    for symbol in ("A1", "B1"):
        its = [tick.seq for tick in sent if tick.symbol == symbol]
        assert sorted(set(its)) == its
