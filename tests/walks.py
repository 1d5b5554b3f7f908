"""The walks of ``docs/design.md``, and whether what runs takes them.

A walk is a numbered list. A step is a file, its functions in the order in which they are entered, and a sentence::

    3. `poller/intake.py`: `Intake.update`. Has the update made into a tick, and puts the tick to be sent.
       - `poller/ticks/processor.py`: `Processor.process`. Knows the book of each symbol.

Each function is called by the one before it. A function may also follow one of the same file that has returned: then
both are called by the step before. Where it is entered in another way, brackets say so, see `ENTRIES`. What stands
below a step is asked by it and returns, or calls it back.

Between two steps nothing else of ours may be on the way: a file that is not named there is a step left out.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.recorded_calls import WRITE, Call

ROOT = Path(__file__).resolve().parent.parent

SOCKET: Final = "from the socket"
LOOP: Final = "by the event loop"
BACK: Final = "on the way back"
ENTRIES: Final = {
    SOCKET: "the event loop calls it, because something came; nothing of ours has led to it",
    LOOP: "the function before had the event loop call it",
    BACK: "called by one of those that waited for the function before, which is of the same file, to return",
}

_FUNCTION = r"`[\w.]+`(?: \([a-z ]+\))?"
_STEP = re.compile(rf"`([\w/]+\.py)`: ({_FUNCTION}(?:, {_FUNCTION})*)\. (\S.*)")
_BEGINS = re.compile(r"(\d+\. | +- )(.*)")


class Function(NamedTuple):
    """One function of a walk."""

    path: str
    name: str
    entry: str = ""
    """One of `ENTRIES`; empty where it is called."""

    def __str__(self) -> str:
        return f"{self.path} {self.name}"


class Step(NamedTuple):
    """One file of a walk."""

    path: str
    functions: tuple[Function, ...]
    why: str
    asks: "tuple[Step, ...]" = ()

    @property
    def files(self) -> set[str]:
        """It and those that it asks."""
        return {self.path, *(step.path for step in self.asks)}


Walk = tuple[Step, ...]


class WalkError(Exception):
    """A walk is not written as it should be, or nothing that runs takes it; the message says where."""


def read_walk(text: str, heading: str) -> Walk:
    """The numbered list below ``heading`` in a page.

    Raises:
        WalkError: there is none, or an item of it is no step.
    """
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    items: list[tuple[bool, str]] = []
    for line in section.splitlines():
        if found := _BEGINS.fullmatch(line):
            items.append((found[1].endswith("- "), found[2]))
        elif items and line.startswith("   "):
            items[-1] = items[-1][0], f"{items[-1][1]} {line.strip()}"
        elif items and line:
            break
    walk: list[Step] = []
    for is_asked, item in items:
        step = _step(item)
        if is_asked:
            walk[-1] = walk[-1]._replace(asks=(*walk[-1].asks, step))
        else:
            walk.append(step)
    if len(walk) < 2:
        raise WalkError(f"there is no numbered list of steps below '{heading}'")
    return tuple(walk)


def _step(item: str) -> Step:
    found = _STEP.fullmatch(item)
    if found is None:
        raise WalkError(f"write a step as `file.py`: `function`, `function`. Sentence. This is none: {item}")
    path, names, why = found.groups()
    functions = []
    for name, entry in re.findall(r"`([\w.]+)`(?: \(([a-z ]+)\))?", names):
        if entry and entry not in ENTRIES:
            raise WalkError(f"{path} {name}: '{entry}' is no way to enter a function; use {', '.join(ENTRIES)}")
        functions.append(Function(path, name, entry))
    return Step(path, tuple(functions), why)


def require_names(walk: Walk) -> None:
    """See that each file is named once, and that each function is in its file.

    Raises:
        WalkError: one is not.
    """
    named: set[str] = set()
    for step in (each for one in walk for each in (one, *one.asks)):
        if step.path in named:
            raise WalkError(f"{step.path} is named twice: a walk never returns to a file")
        named.add(step.path)
        if more := re.search(r"`[\w/]+\.py`", step.why):
            raise WalkError(f"{step.path}: {more[0]} in its sentence is a step of its own")
        if not (ROOT / step.path).is_file():
            raise WalkError(f"there is no file {step.path}")
        known = set(_names(ast.parse((ROOT / step.path).read_text(encoding="utf-8"))))
        for function in step.functions:
            if function.name not in known:
                raise WalkError(f"there is no {function.name} in {step.path}")


def _names(node: ast.AST, prefix: str = "") -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name
            yield from _names(child, f"{prefix}{child.name}.")


def require_taken(walk: Walk, calls: Sequence[Call]) -> None:
    """See that somewhere in ``calls`` the walk was taken, from the first step to bytes written to a socket.

    Raises:
        WalkError: it was not; the message says how far the best try came, seen from the end, and why it ended there.
    """
    _Search(walk, calls).run()


class _Search:
    """Looks for a walk from its end: whatever was entered has one way back, and only one."""

    def __init__(self, walk: Walk, calls: Sequence[Call]) -> None:
        self._walk = walk
        self._calls = calls
        self._way = [(number, function) for number, step in enumerate(walk) for function in step.functions]
        self._numbers: dict[tuple[str, str], list[int]] = {}
        for number, call in enumerate(calls):
            self._numbers.setdefault((call.path, call.name), []).append(number)
        self._best = len(self._way), ""
        self._writes = [self._ancestors(number) for number, call in enumerate(calls) if call.name == WRITE]

    def run(self) -> None:
        last = len(self._way) - 1
        step, function = self._way[last]
        self._best = last + 1, f"{function} was never entered"
        for number in self._entered(function):
            if not self._has_written(number, self._walk[step].files):
                self._fail(last, f"{function} writes nothing to a socket: a walk ends there")
            elif taken := self._back(last, number):
                self._require_asked(taken)
                return
        raise WalkError(self._best[1])

    def _back(self, at: int, number: int) -> list[int] | None:
        """The calls that were the way to call ``number``, which is of the function ``at``; None where it is another."""
        step, function = self._way[at]
        call = self._calls[number]
        if at == 0:
            if function.entry == SOCKET and call.parent is None and call.by_loop:
                return [number]
            return self._fail(at, f"{function}: nothing comes from a socket there, but a walk begins so")
        step_before, before = self._way[at - 1]
        if function.entry == SOCKET:
            return self._back_from_socket(at, number)
        if function.entry == BACK and step != step_before:
            return self._fail(at, f"{function}: only a function of the same file can stand before one {BACK}")
        for one in self._entered(before):
            if one >= number:
                continue
            fault = self._fault(function, number, one, self._walk[step_before].files | self._walk[step].files)
            if fault is None or (step == step_before and not function.entry and self._are_siblings(at, one, number)):
                if taken := self._back(at - 1, one):
                    return [*taken, number]
            elif fault:
                self._fail(at, f"{before} → {function}: {fault}")
        caller = next(
            (self._calls[one] for one in self._ancestors(number) if self._calls[one].path != function.path), None
        )
        entered_from = "the event loop" if caller is None else f"{caller.path} {caller.name}"
        return self._fail(at, f"{before} does not lead to {function}, which was entered from {entered_from}")

    def _back_from_socket(self, at: int, number: int) -> list[int] | None:
        step, function = self._way[at]
        step_before, before = self._way[at - 1]
        if self._calls[number].parent is not None or not self._calls[number].by_loop:
            return self._fail(at, f"{function} is called by ours, and not entered from the socket")
        for one in self._entered(before):
            if one > number:
                continue
            files = self._walk[step_before].files | {self._walk[-1].path}
            if step != step_before and not self._has_written(one, files):
                self._fail(at, f"{before} writes nothing to the socket that {function} could be an answer to")
            elif taken := self._back(at - 1, one):
                return [*taken, number]
        return self._fail(at, f"{before} is not entered before {function}")

    def _fault(self, function: Function, number: int, before: int, files: set[str]) -> str | None:
        """Why call ``before`` is not what has led to call ``number``; None where it is, empty where they are strangers.

        Nothing but ``files`` may be between them.
        """
        ancestors = self._ancestors(number)
        if function.entry == BACK:
            callers = self._ancestors(before)
            leads = next((one for one in ancestors if one in callers), None)
        else:
            leads = before if before in ancestors else None
        if leads is None:
            return ""
        between = ancestors[: ancestors.index(leads)]
        for one in between:
            if self._calls[one].path not in files:
                return (
                    f"the way passes through {self._calls[one].path} {self._calls[one].name}, which is not named there"
                )
        by_loop = any(self._calls[one].by_loop for one in (number, *between))
        if by_loop != (function.entry == LOOP):
            return f"it is entered {LOOP}" if by_loop else f"it is called, and not entered {LOOP}"
        return None

    def _are_siblings(self, at: int, one: int, number: int) -> bool:
        """Whether both calls, of the same step, are made by the step before."""
        step = self._way[at][0]
        callers = [
            next((each for each in self._ancestors(call) if self._calls[each].path not in self._walk[step].files), None)
            for call in (one, number)
        ]
        same_turn = not self._calls[number].by_loop
        return same_turn and callers[0] is not None and callers[0] == callers[1]

    def _require_asked(self, taken: Sequence[int]) -> None:
        """See that what stands below a step is asked by it, in that order, before the next step begins."""
        for number, step in enumerate(self._walk):
            own = [call for call, (of, _) in zip(taken, self._way, strict=True) if of == number]
            later = [call for call, (of, _) in zip(taken, self._way, strict=True) if of > number]
            begins, ends = own[0], later[0] if later else len(self._calls)
            for asked in step.asks:
                entered = list[int]()
                for function in asked.functions:
                    after = entered[-1] if entered else begins
                    found = [one for one in self._entered(function) if after < one < ends]
                    found = [one for one in found if self._asker(one, step) == step.path]
                    if not found:
                        raise WalkError(f"{function} is not asked by {step.path} before the next step, in this order")
                    entered.append(min(found))
                begins = entered[0]

    def _asker(self, number: int, step: Step) -> str:
        """The first file on the way back from a call that is none of those that ``step`` asks."""
        asked = step.files - {step.path}
        return next((path for one in self._ancestors(number) if (path := self._calls[one].path) not in asked), "")

    def _has_written(self, number: int, files: set[str]) -> bool:
        """Whether a call has written to a socket, by way of nothing but ``files``."""
        return any(
            number in way and all(self._calls[one].path in files for one in way[: way.index(number)])
            for way in self._writes
        )

    def _entered(self, function: Function) -> list[int]:
        return self._numbers.get((function.path, function.name), [])[::-1]

    def _ancestors(self, number: int) -> list[int]:
        """What has led to a call, the nearest first."""
        found = []
        parent = self._calls[number].parent
        while parent is not None:
            found.append(parent)
            parent = self._calls[parent].parent
        return found

    def _fail(self, at: int, why: str) -> list[int] | None:
        """No way; remember why, if the search never came nearer to the first step."""
        if at < self._best[0] or (at == self._best[0] and "passes through" in why):
            self._best = at, why
        return None
