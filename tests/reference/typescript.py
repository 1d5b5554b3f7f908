"""The protocol as TypeScript: the types in clients/js, made of the same code as docs/protocol.md."""

import textwrap
from collections.abc import Iterator, Mapping
from inspect import getdoc
from typing import Final, get_args

import msgspec
from msgspec import Struct, inspect

import gateway.protocol.messages
import gateway.protocol.served_symbol
import market.prices.stats
import market.prices.tick
from gateway.protocol import messages
from gateway.protocol.error_codes import ErrorCode
from gateway.protocol.served_symbol import ServedSymbol
from market.prices.stats import Stats
from market.prices.tick import Tick
from market.wire.status import SymbolState
from tests.reference.sources import ROOT, field_docs, markdown

DECLARATIONS: Final = ROOT / "clients" / "js" / "src" / "protocol" / "messages.d.ts"

_HEAD: Final = (
    "// The messages between client and gateway. Made of the gateway's code by `make reference`; do not edit."
)
_WIDTH: Final = 116
_NAMED: Final[Mapping[tuple[object, ...], str]] = {
    get_args(SymbolState): "SymbolState",
    get_args(ErrorCode): "ErrorCode",
}
"""What has a name of its own: values -> name."""


def declarations() -> str:
    """The text of the file."""
    commands = messages.Command.__subclasses__()
    answers = messages.Message.__subclasses__()
    parts = [
        _HEAD,
        *(f"export type {name} = {_values(values)};" for values, name in _NAMED.items()),
        *(_interface(kind, f"{kind.__name__}Command", always_sent=False) for kind in commands),
        _union("AnyCommand", (f"{kind.__name__}Command" for kind in commands)),
        _body("TickFields", Tick, field_docs(market.prices.tick, "Tick"), ""),
        _like_a_tick("Tick", "tick", "One update of one symbol. What the exchange did not give is absent."),
        _like_a_tick("Snapshot", "snapshot", "The last value of a symbol, after ``subscribe``."),
        _documented("One flush of a subscription with ``batch``.")
        + 'export interface TicksMessage {\n  type: "ticks";\n  ticks: TickFields[];\n}',
        _documented(
            "The figures of one symbol over the last 24 hours, on the channel ``stats``: what is known of them."
        )
        + _body("Stats", Stats, field_docs(market.prices.stats, "Stats"), '  type: "stats";\n'),
        _documented("One flush of a subscription of ``stats`` with ``batch``.")
        + 'export interface StatsBatch {\n  type: "stats_batch";\n  stats: Omit<Stats, "type">[];\n}',
        _body("ServedSymbol", ServedSymbol, field_docs(gateway.protocol.served_symbol, "ServedSymbol"), ""),
        *(_interface(kind, f"{kind.__name__}Message", always_sent=True) for kind in answers),
        _union(
            "AnyMessage",
            (
                "Tick",
                "Snapshot",
                "TicksMessage",
                "Stats",
                "StatsBatch",
                *(f"{kind.__name__}Message" for kind in answers),
            ),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _interface(kind: type[Struct], name: str, *, always_sent: bool) -> str:
    docs = dict(field_docs(gateway.protocol.messages, kind.__name__))
    docs |= {} if always_sent else field_docs(gateway.protocol.messages, "Command")
    return _documented(getdoc(kind) or "") + _body(
        name, kind, docs, f'  type: "{kind.__struct_config__.tag}";\n', always_sent=always_sent
    )


def _body(name: str, kind: type[Struct], docs: Mapping[str, str], first: str, *, always_sent: bool = False) -> str:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    fields = "".join(_field(field, docs[field.name], always_sent=always_sent) for field in info.fields)
    return f"export interface {name} {{\n{first}{fields}}}"


def _field(field: inspect.Field, doc: str, *, always_sent: bool) -> str:
    # A gateway leaves out what is unset, and nothing else.
    there = field.required or (always_sent and field.default is not msgspec.NODEFAULT)
    return f"{_documented(doc, '  ')}  {field.name}{'' if there else '?'}: {_type(field.type)};\n"


def _like_a_tick(name: str, tag: str, doc: str) -> str:
    return f'{_documented(doc)}export interface {name} extends TickFields {{\n  type: "{tag}";\n}}'


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType(types=types):
            return " | ".join(dict.fromkeys(map(_type, types)))
        case inspect.NoneType():
            return "null"
        case inspect.ListType(item_type=item):
            return f"{_type(item)}[]"
        case inspect.DictType(value_type=value):
            return f"Record<string, {_type(value)}>"
        case inspect.StrType():
            return "string"
        case inspect.FloatType() | inspect.IntType():
            return "number"
        case inspect.BoolType():
            return "boolean"
        case inspect.LiteralType(values=values):
            # msgspec sorts them.
            names = {frozenset(known): name for known, name in _NAMED.items()}
            return names.get(frozenset(values)) or _values(values)
        case inspect.StructType(cls=cls):
            return cls.__name__
    raise TypeError(kind)


def _values(values: tuple[object, ...]) -> str:
    return " | ".join(f'"{value}"' for value in values)


def _union(name: str, members: Iterator[str] | tuple[str, ...]) -> str:
    return f"export type {name} =\n" + "\n".join(f"  | {member}" for member in members) + ";"


def _documented(text: str, indent: str = "") -> str:
    # A link leads to another part of docs/protocol.md.
    lines = textwrap.wrap(markdown(text), _WIDTH - len(indent))
    return f"{indent}/**\n" + "".join(f"{indent} * {line}\n" for line in lines) + f"{indent} */\n"
