"""A little of the long run, and that a run finds what there is to find."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK
from tests.client_frames import FIN, TEXT, client_frame
from tests.fuzz import __main__ as program
from tests.fuzz.campaign import run
from tests.fuzz.commands import command
from tests.fuzz.damage import damaged, in_pieces
from tests.fuzz.memory import Held, held_by, held_here
from tests.fuzz.reading import Pieces, Reading
from tests.fuzz.report import Result
from tests.fuzz.streams import stream
from tests.fuzz.talking import Talking
from tests.fuzz.visiting import gateway_under_fire, read_answer
from tests.fuzz.witness import Witness

SEED = 20_261_122


def test_the_reader_takes_anything() -> None:
    """Thousands of streams, most of them wrong: no exception, and another library agrees."""
    result = run(Reading(), 4_000, random.Random(SEED))
    assert [] == result.breaches
    assert {"1002", "1007", "1009", "taken"} == {outcome.split()[0] for outcome in result.outcomes}


def test_a_session_answers_anything() -> None:
    """Thousands of messages in both encodings, most of them wrong: each is answered, and no exception escapes."""
    result = run(Talking(), 12_000, random.Random(SEED))
    assert [] == result.breaches
    assert {"taken", "bad_json", "bad_message", "unknown_command", "unknown_symbol"} < set(result.outcomes)


@pytest.mark.integration
async def test_a_gateway_stands_anything() -> None:
    """Hundreds of strangers over real sockets: all are let go of, nothing is logged, and a witness misses no tick."""
    async with gateway_under_fire() as visiting:
        result = await visiting.run(400, random.Random(SEED))
    assert [] == result.breaches
    assert 400 == result.inputs == sum(result.outcomes.values())
    assert {"closed with 1002", "closed with 1007", "taken"} < set(result.outcomes)


class Planted:
    """A target with a fault that shows on every hundredth input."""

    name = "planted"

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._inputs = 0
        self.hoard: list[Any] = []

    def make(self, rng: random.Random) -> bytes:
        return rng.randbytes(8)

    def take(self, stimulus: bytes) -> str:
        self._inputs += 1
        if self._inputs % 100 == 0:
            if self._fault == "raises":
                raise KeyError(stimulus)
            if self._fault == "leaks":
                self.hoard += [object() for _ in range(100)]
        return "taken"


def test_an_exception_is_found_and_ends_nothing() -> None:
    """Each input that raises is a breach, shown with what it was; the run goes on."""
    result = run(Planted("raises"), 1_000, random.Random(1))
    assert (10, 990, 1_000) == (len(result.breaches), result.outcomes["taken"], result.inputs)
    assert "input 99: KeyError" in str(result)
    assert "and 5 more" in str(result)


@pytest.mark.parametrize(("fault", "breaches"), [("leaks", 1), ("none", 0)])
def test_a_leak_is_found(fault: str, breaches: int) -> None:
    """An object an input that is never let go is a breach; none is none."""
    result = run(Planted(fault), 10_000, random.Random(1))
    assert breaches == len(result.breaches)
    assert "blocks at the end" in str(result)


def test_resident_memory_that_grows_is_a_breach() -> None:
    """What a process without objects of ours to count holds may settle, but not grow."""
    for grown, breaches in ((10 * 2**20, 0), (20 * 2**20, 1)):
        result = Result("x", before=Held(50 * 2**20), after=Held(50 * 2**20 + grown))
        result.judge_memory()
        assert breaches == len(result.breaches)
    assert held_here().resident_bytes > 10 * 2**20
    assert held_by(1).blocks == 0


def test_a_reader_that_minds_the_cut_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that reads differently in pieces, or differently by another library, is a breach."""
    hello = client_frame(FIN | TEXT, b"hello")
    readings: Iterator[Any] = iter([([], None), ([(TEXT, b"hello")], None)])
    monkeypatch.setattr("tests.fuzz.reading.read", lambda *_, **__: next(readings))
    with pytest.raises(AssertionError, match="cut"):
        Reading().take(Pieces([hello[:4], hello[4:]], deflate=False, compared=False))
    monkeypatch.setattr("tests.fuzz.reading.read", lambda *_, **__: ([(TEXT, b"hallo")], None))
    with pytest.raises(AssertionError, match="by websockets"):
        Reading().take(Pieces([hello], deflate=False, compared=True))


def test_what_a_gateway_answers_is_read_closely() -> None:
    """Refusals, connections and their ends are told apart; what is neither HTTP nor WebSocket is an error."""
    switched = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    assert "no answer" == read_answer(b"")
    assert "HTTP 429" == read_answer(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")
    assert "taken" == read_answer(switched + b"\x81\x02{}")
    assert "closed with 4429" == read_answer(switched + b"\x81\x02{}\x88\x02\x11\x4d")
    assert "closed with the client's own code" == read_answer(switched + b"\x88\x02\x0f\xa0")
    for nonsense in (b"hello", switched + b"\x83\x00", switched + b"\x81\x82aaaaaa", switched + b"\xc1\x02{}"):
        with pytest.raises(ValueError, match=r"not HTTP|are none"):
            read_answer(nonsense)


class Script:
    """A socket that receives what the test wrote, and ends."""

    def __init__(self, *messages: str) -> None:
        self._messages = list(messages)

    async def recv(self) -> str:
        if not self._messages:
            raise ConnectionClosedError(None, None)
        return self._messages.pop(0)


async def test_a_witness_sees_gaps_and_hears_that_prices_are_old() -> None:
    """A tick that does not follow the one before counts, and so does a status other than live once ticks have come."""
    status = '{"type":"status","feed":"stale"}'
    ticks = [f'{{"type":"tick","symbol":"BTCUSDT","seq":{seq},"recv_us":0}}' for seq in (1, 2, 4, 4)]
    witness = Witness(Script(status, *ticks, status))  # type: ignore[arg-type] # all that it needs of a socket
    await witness.run()
    assert (4, 2, True) == (witness.ticks, witness.gaps, witness.oldest_s > 3)
    assert "stale" in witness.end


def test_what_is_sent_follows_from_the_seed() -> None:
    """The same seed gives the same inputs, so that a breach can be seen again; pieces are the whole."""
    for make in (stream, lambda rng: command(rng, JSON), lambda rng: command(rng, MSGPACK)):
        first, second = ([make(random.Random(seed)) for seed in range(50)] for _ in range(2))
        assert first == second
        assert len(set(first)) > 25
    rng = random.Random(1)
    data = bytes(range(256))
    assert data == b"".join(in_pieces(rng, data))
    assert sum(damaged(rng, data) != data for _ in range(100)) > 90


def test_a_breach_is_in_the_exit_status(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The program prints its seed and figures, and ends with 1 only where something was found."""
    assert 0 == program.main(["--inputs", "50", "--seed", "5", "--only", "reader"])
    assert "seed 5" in capsys.readouterr().out
    monkeypatch.setattr(program, "Talking", lambda: Planted("raises"))
    assert 1 == program.main(["--inputs", "100", "--only", "session"])
    assert "in total 100 inputs, 1 breaches" in capsys.readouterr().out
