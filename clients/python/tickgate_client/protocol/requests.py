"""Commands under way: those of the caller's, and the subscribes that bring back what an earlier connection held."""

from collections.abc import Callable
from itertools import count
from typing import Any, Final

from tickgate_client.actions import Action, Answer, Send
from tickgate_client.errors import SubscribeError
from tickgate_client.events import Problem
from tickgate_client.inbox import Inbox
from tickgate_client.prices.prices import Prices
from tickgate_client.protocol.subscriptions import ALL, TICKER, Request, Resume, Wanted
from tickgate_client.protocol.wire import encode

AGAIN_S: Final = 1.0
"""After a message that the gateway did not read, because too many had come; then twice as long each time."""
MOST_S: Final = 16.0


class Requests:
    """What was asked, and what the answers mean."""

    def __init__(self, prices: Prices, inbox: Inbox, do: Callable[[Action], None]) -> None:
        """``do`` receives what is to be sent, and the answers for the caller."""
        self._prices = prices
        self._board = prices.board
        self._inbox = inbox
        self._do = do
        self._open: dict[int, Request] = {}
        self._resuming: dict[str, Resume] = {}
        """Mark → what was asked for."""
        self._marks = count(1)
        self.wanted = Wanted()
        self.due: float | None = None
        """When to call `again`."""
        self._again_s = AGAIN_S

    def put(self, request: Request, *, send: bool) -> None:
        """Take a request of the caller's, and ``send`` it, if there is a connection."""
        self._open[request.number] = request
        if send:
            self._send(request)

    def connected(self) -> None:
        """A connection begins, which holds nothing: ask for everything again."""
        self._resuming.clear()
        self.due, self._again_s = None, AGAIN_S
        held = self._board.states
        for resume in self.wanted.commands(self._prices.continuity.since, held):
            self._resume(resume)
        for request in self._open.values():
            request.renew()
            self._send(request)

    def again(self) -> None:
        """Send what was not read."""
        self.due = None
        for mark, resume in self._resuming.items():
            if not resume.answered:
                self._do(Send(encode(resume.message(mark))))
        for request in self._open.values():
            self._send(request)

    def not_read(self, now: float) -> None:
        """The gateway has refused a message unread; it does not say which."""
        if self.due is None:
            self.due = now + self._again_s
            self._again_s = min(2 * self._again_s, MOST_S)

    def subscribed(self, message: dict[str, Any], now: float) -> None:
        """Take a `subscribed`."""
        mark, symbols = str(message.get("id")), message["symbols"]
        if (resume := self._resuming.get(mark)) is not None:
            resume.answered = True
            self._hold(symbols, resume, now)
        elif (request := self._of(mark)) is not None:
            request.answered(mark, symbols)
            if ALL in request.names:
                self.wanted.everything(request.options)
            else:
                self.wanted.put(symbols, request.options)
            self._hold(symbols, Resume(list(request.names), request.options, {}), now)

    def unsubscribed(self, message: dict[str, Any]) -> None:
        """Take an `unsubscribed`. One without a mark says that these are served no more: we still want them."""
        mark, symbols = str(message.get("id")), message["symbols"]
        if (request := self._of(mark)) is None:
            return
        request.answered(mark, symbols)
        channel = request.options.channel
        self.wanted.drop(channel, (*symbols, *request.names))
        if channel == TICKER:
            self._prices.unwanted(symbols)
            self._board.forget(symbols)

    def listed(self, message: dict[str, Any]) -> None:
        """Take a part of the list of symbols."""
        mark = str(message.get("id"))
        if (request := self._of(mark)) is not None:
            request.listed += message["symbols"]
            if not message.get("more"):
                request.answered(mark, ())

    def failed(self, mark: str, code: str, words: str) -> bool:
        """Take an error; return whether it is one of ours."""
        if (resume := self._resuming.get(mark)) is not None:
            if code == "bad_message" and resume.since:
                # Not what a gateway should say; but without positions there are prices, and the gaps are told.
                del self._resuming[mark]
                self._resume(Resume(resume.names, resume.options, {}))
                return True
            missing = [name for name in resume.names if name != ALL and not self._board.holds(name)]
            if code in {"unknown_symbol", "forbidden"}:
                self._board.unknown(missing, words)
            resume.answered = True
            self._inbox.tell(Problem(code, words))
            return True
        if (request := self._of(mark)) is not None:
            request.unanswered.pop(mark, None)
            request.errors.append((code, words))
            if mark == request.end:
                # Who may not even ask gets no other answers.
                self._answer(request)
            return True
        return False

    def ended(self, mark: str, now: float) -> None:
        """The ping behind a request is answered: so is the request, unless a message of it was not read."""
        request = self._of(mark)
        if request is None or mark != request.end:
            return
        if request.unanswered:
            self.not_read(now)
            return
        self._answer(request)

    def fail(self, error: Exception) -> None:
        """There will be no answers."""
        for number in self._open:
            self._do(Answer(number, error))
        self._open.clear()

    def _of(self, mark: str) -> Request | None:
        number = mark.partition(".")[0]
        return self._open.get(int(number)) if number.isdecimal() else None

    def _answer(self, request: Request) -> None:
        self._again_s = AGAIN_S
        del self._open[request.number]
        self._do(Answer(request.number, _result(request)))

    def _send(self, request: Request) -> None:
        for message in request.messages():
            self._do(Send(encode(message)))

    def _resume(self, resume: Resume) -> None:
        mark = f"r{next(self._marks)}"
        self._resuming[mark] = resume
        self._do(Send(encode(resume.message(mark))))

    def _hold(self, symbols: list[str], asked: Resume, now: float) -> None:
        options = asked.options
        if options.channel != TICKER:
            return
        self._prices.wanted(symbols, every=options.every)
        self._board.resumed([symbol for symbol in symbols if symbol in asked.since], now)
        self._board.confirmed([symbol for symbol in symbols if symbol not in asked.since])


def _result(request: Request) -> Any:
    """What the caller gets: names, the list of symbols, or the exception to raise."""
    if request.errors:
        codes, words = zip(*request.errors, strict=True)
        return SubscribeError("; ".join(dict.fromkeys(words)), codes[0], tuple(request.held))
    return request.listed if request.kind == "symbols" else request.held
