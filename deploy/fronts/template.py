"""Configurations of programs that read no environment, made of a template.

``${NAME}`` is a value. Between lines ``#if NAME`` and ``#endif``, perhaps with ``#else``, stands what is there only if
that value is not empty; between ``#each NAME`` and ``#end`` what is there for each entry of a list. To the program
itself these lines are comments.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from deploy.errors import DeployError

Values = Mapping[str, str | Sequence[Mapping[str, str]]]
"""A text for each name, or for a name of ``#each`` a list of such texts."""

_PLACE: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_DIRECTIVE: Final = re.compile(r"\s*#(if|else|endif|each|end)(?: ([A-Z][A-Z0-9_]*))?")
_HARMFUL: Final = re.compile(r"""[\x00-\x1f\x7f"'\\${}]""")
"""Characters that would end a value, which stands in quotes, or begin something else."""


def render(template: str, values: Values) -> str:
    """Fill in the template.

    Raises:
        DeployError: a value has a character that cannot stand in a configuration.
        ValueError: the template itself is wrong.
        KeyError: it has a name without a value.
    """
    return "\n".join(_lines(template.splitlines(), values)) + "\n"


def _lines(template: Sequence[str], values: Values) -> Iterator[str]:
    lines = iter(template)
    for line in lines:
        match = _DIRECTIVE.fullmatch(line)
        if match is None:
            yield _filled(line, values)
        elif match[1] == "if":
            block = list(_until(lines, "if", "endif"))
            middle = _else_of(block)
            yield from _lines(block[:middle] if values[match[2]] else block[middle + 1 :], values)
        elif match[1] == "each":
            block = list(_until(lines, "each", "end"))
            for entry in values[match[2]]:
                if isinstance(entry, str):
                    raise ValueError(f"{match[2]} is no list")  # noqa: TRY004 - the template is wrong, as elsewhere
                yield from _lines(block, {**values, **entry})
        else:
            raise ValueError(f"#{match[1]} without its begin")


def _until(lines: Iterator[str], begin: str, end: str) -> Iterator[str]:
    """The lines of a block whose first line was taken, without its last one; blocks within it are whole."""
    depth = 1
    for line in lines:
        match = _DIRECTIVE.fullmatch(line)
        word = match[1] if match else ""
        depth += (word == begin) - (word == end)
        if not depth:
            return
        yield line
    raise ValueError(f"#{end} is missing")


def _else_of(block: Sequence[str]) -> int:
    """Where the ``#else`` of a block stands; behind its end if it has none."""
    depth = 0
    for number, line in enumerate(block):
        match = _DIRECTIVE.fullmatch(line)
        word = match[1] if match else ""
        depth += (word == "if") - (word == "endif")
        if word == "else" and not depth:
            return number
    return len(block)


def _filled(line: str, values: Values) -> str:
    def value(match: re.Match[str]) -> str:
        text = values[match[1]]
        if not isinstance(text, str):
            raise ValueError(f"{match[1]} is a list")  # noqa: TRY004 - the template is wrong, as elsewhere
        if _HARMFUL.search(text):
            raise DeployError(f"{match[1]}={text!r} has a character that cannot stand in a configuration")
        return text

    return _PLACE.sub(value, line)
