"""What client and gateway say to each other: commands, messages, codes, and answers over HTTP."""

import re
from collections.abc import Iterator, Mapping
from inspect import getdoc
from typing import get_args

import msgspec
from aiohttp import web
from msgspec import Struct, inspect

import gateway.protocol.error_codes
import gateway.protocol.messages
import gateway.protocol.served_symbol
import gateway.websocket.close_codes
import gateway.websocket.framing.parser
import market.prices.stats
import market.prices.tick
from gateway.errors import REFUSALS
from gateway.http.routes import routes
from gateway.protocol import messages
from gateway.protocol.error_codes import ErrorCode
from gateway.protocol.served_symbol import ServedSymbol
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.framing.parser import FailureCode
from market.prices.stats import Stats
from market.prices.tick import Tick
from tests.reference.configuration import HAPROXY
from tests.reference.sources import code, comments_of, field_docs, markdown, table

COMMANDS: Mapping[type[messages.Command], str] = {
    messages.Subscribe: '{"type":"subscribe","symbols":["BTC","ETHUSDT"],"max_hz":2,"id":1}',
    messages.Unsubscribe: '{"type":"unsubscribe","symbols":["BTC"],"id":2}',
    messages.List: '{"type":"list","id":3}',
    messages.ListSymbols: '{"type":"symbols","id":7}',
    messages.Ping: '{"type":"ping","id":4}',
    messages.Auth: '{"type":"auth","token":"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.…","id":5}',
}
"""Each command, with an example."""

_AT_US = 1795734825000000
_TICK = Tick(
    symbol="BTCUSDT", seq=1795734825341, bid=6503154, ask=6503156, bid_size=1736, ask_size=7105, last=6503218,
    volume=76977333, price_scale=2, size_scale=5, event_us=_AT_US + 785900, recv_us=_AT_US + 786050,
    update_id=62834502117,
)  # fmt: skip

_STATS = Stats(
    symbol="BTCUSDT", ts_us=_AT_US, open="64310.00000000", high="65390.12000000", low="63870.01000000",
    last="65032.18000000", volume="769.77333000", quote_volume="49981234.56000000", change="722.18000000",
    change_percent="1.123", weighted="64929.81000000", prev_close="64309.99000000", last_size="0.00150000",
    open_us=_AT_US - 86_400_000_000, close_us=_AT_US, first_id=3918402011, last_id=3918412010, trades=10000,
)  # fmt: skip

_UNKNOWN = 'unknown symbol: \'XBTUSD\' (did you mean BTCUSDT?); {"type":"symbols"} lists what there is'

MESSAGES: tuple[messages.Message, ...] = (
    messages.Welcome(client="1867761a-3ef3-4c1c-b2ac-0a622d3773b7", heartbeat_s=20, server_us=_AT_US),
    messages.Status(feed="live", reason="", source="binance-ws", since_us=_AT_US),
    messages.Subscribed(symbols=["BTCUSDT", "ETHUSDT"], id=1),
    messages.SymbolStatus(
        symbol="ETHUSDT", state="halted", reason="the exchange does not trade it now (BREAK)", since_us=_AT_US
    ),
    messages.Gap(symbol="BTCUSDT", from_seq=1795734825329, to_seq=1795734825340),
    messages.Unsubscribed(symbols=["BTCUSDT"], id=2),
    messages.Subscriptions(symbols=["ETHUSDT"], id=3),
    messages.ServedSymbols(
        symbols=[
            ServedSymbol("BTCUSDT", "binance", "live", ["BTC"], 2, 5),
            ServedSymbol("BTCEUR", "binance", "stale"),
        ],
        id=7,
    ),
    messages.Pong(server_us=_AT_US, id=4),
    messages.Authenticated(subject="demo", expires_us=_AT_US + 3600_000_000, id=5),
    messages.Expiring(expires_us=_AT_US + 3600_000_000),
    messages.Lag(conflated=17),
    messages.Error(code="unknown_symbol", message=_UNKNOWN, id=6),
    messages.Shutdown(reconnect_after_ms=1200),
)
"""Each message, as an example; ticks come apart."""

_WIDTH = 96
"""Characters in a line of an example."""

_HAPROXYS = re.compile(r"(?:http-error|return) (?:deny_)?status (\d{3})|deny_status (\d{3})")
_BODY = re.compile(r'string \'\{"error":"([^"]*)","code":"(\w+)"\}\'')


def commands() -> str:
    """Every command: what it asks for, an example, its fields."""
    docs = field_docs(gateway.protocol.messages, "Command")
    every = f"### Every command\n\n{_fields(messages.Command, docs)}"
    return "\n\n".join([*(_section(kind, example) for kind, example in COMMANDS.items()), every])


def answers() -> str:
    """Every message of a gateway: when it comes, an example, its fields."""
    sections = [_section(type(message), msgspec.json.encode(message).decode()) for message in MESSAGES]
    return "\n\n".join([*sections[:3], _ticks(), _stats(), *sections[3:], _served_symbol()])


def error_codes() -> str:
    """The ``code`` of an ``error``."""
    comments = comments_of(gateway.protocol.error_codes, "ErrorCode")
    return table(("code", "meaning"), ((code(name), comment) for name, comment in comments.items()))


def close_codes() -> str:
    """Why a connection ends, and what to do."""
    rows = [*_closed_by_frames(), *_closed_by_reason()]
    return table(("code", "reason", "what to do"), sorted(rows, key=lambda row: row[0]))


def _closed_by_reason() -> Iterator[tuple[str, str, str]]:
    docs = field_docs(gateway.websocket.close_codes, "CloseReason")
    for reason in CloseReason:
        yield str(reason.code), reason.reason, docs[reason.name]


def _closed_by_frames() -> Iterator[tuple[str, str, str]]:
    docs = field_docs(gateway.websocket.framing.parser, "FailureCode")
    for failure in FailureCode:
        wait = "with backoff" if failure is FailureCode.INTERNAL_ERROR else "when that is repaired"
        yield str(failure.value), docs[failure.name], f"Connect again {wait}."


def paths() -> str:
    """What can be asked for over HTTP."""
    rows = []
    for route in routes():
        assert isinstance(route, web.RouteDef)
        # How a name may be written is no part of it.
        path = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", route.path)
        rows.append((route.method, code(path), _first_line(route.handler)))
    return table(("method", "path", "answer"), rows)


def refusals() -> str:
    """Status and ``code`` of what a gateway refuses."""
    return table(
        ("status", "code", "meaning"), ((str(status), code(name), text) for (status, name), text in REFUSALS.items())
    )


def of_haproxy() -> list[tuple[str, str, str]]:
    """Status, code and text of each answer that ``haproxy.cfg`` words."""
    found = []
    for line in HAPROXY.read_text(encoding="utf-8").splitlines():
        status, body = _HAPROXYS.search(line), _BODY.search(line)
        if status and body:
            found.append((status[1] or status[2], code(body[2]), body[1]))
    return found


def parts() -> Mapping[str, str]:
    """Name of a part of docs/protocol.md -> its text."""
    return {
        "commands": commands(),
        "messages": answers(),
        "error-codes": error_codes(),
        "close-codes": close_codes(),
        "paths": paths(),
        "refusals": refusals(),
        "haproxy-answers": table(("status", "code", "error"), sorted(of_haproxy())),
    }


def _section(kind: type[Struct], example: str) -> str:
    docs = field_docs(gateway.protocol.messages, kind.__name__)
    return _described(f"`{kind.__struct_config__.tag}`", getdoc(kind) or "", example, _fields(kind, docs))


def _served_symbol() -> str:
    docs = field_docs(gateway.protocol.served_symbol, "ServedSymbol")
    return f"### A served symbol\n\n{getdoc(ServedSymbol)}\n\n{_fields(ServedSymbol, docs)}"


def _ticks() -> str:
    docs = field_docs(market.prices.tick, "Tick")
    fields = _fields(Tick, docs)
    body = msgspec.json.encode(_TICK).decode()[1:]
    snapshot = "The last value of a symbol, after ``subscribe``. It has the fields of ``tick``."
    tick = "One update of one symbol. What the exchange did not give is absent."
    batch = "One flush of a subscription with ``batch``: ticks without their ``type``."
    of_batch = table(("field", "type", "meaning"), [("`ticks`", "array of ticks", "The ticks, without `type`.")])
    return "\n\n".join(
        (
            _described("`snapshot`", snapshot, f'{{"type":"snapshot",{body}', ""),
            _described("`tick`", tick, f'{{"type":"tick",{body}', fields),
            _described("`ticks`", batch, f'{{"type":"ticks","ticks":[{{{body}]}}', of_batch),
        )
    )


def _stats() -> str:
    fields = _fields(Stats, field_docs(market.prices.stats, "Stats"))
    body = msgspec.json.encode(_STATS).decode()[1:]
    stats = (
        "The figures of one symbol's last 24 hours, in channel ``stats``: after ``subscribe``, and when they change."
    )
    batch = "One flush of such a subscription with ``batch``: figures without their ``type``."
    of_batch = table(("field", "type", "meaning"), [("`stats`", "array of stats", "The figures, without `type`.")])
    return "\n\n".join(
        (
            _described("`stats`", stats, f'{{"type":"stats",{body}', fields),
            _described("`stats_batch`", batch, f'{{"type":"stats_batch","stats":[{{{body}]}}', of_batch),
        )
    )


def _described(heading: str, doc: str, example: str, fields: str) -> str:
    paragraphs = [markdown(paragraph) for paragraph in doc.split("\n\n")]
    return "\n\n".join(
        part for part in (f"### {heading}", *paragraphs, f"```json\n{_wrapped(example)}\n```", fields) if part
    )


def _wrapped(example: str) -> str:
    """In lines that fit on a page, which JSON lets one break behind a comma."""
    lines = [""]
    for part in re.split(r"(?<=,)(?=\")", example):
        if len(lines[-1] + part) > _WIDTH:
            lines.append(" ")
        lines[-1] += part
    return "\n".join(lines)


def _fields(kind: type[Struct], docs: Mapping[str, str]) -> str:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    # Those of every command stand elsewhere.
    elsewhere = set(messages.Command.__struct_fields__) - docs.keys()
    fields = [field for field in info.fields if field.name not in elsewhere]
    sent = issubclass(kind, messages.Message)
    rows = [(code(field.name), _type(field, always_sent=sent), docs[field.name]) for field in fields]
    return table(("field", "type", "meaning"), rows) if rows else ""


def _type(field: inspect.Field, *, always_sent: bool) -> str:
    # A gateway leaves out what is unset, and nothing else.
    there = field.required or (always_sent and field.default is not msgspec.NODEFAULT)
    return _words(field.type) + ("" if there else ", optional")


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType(types=types):
            return " or ".join(_words(each) for each in types if not isinstance(each, inspect.NoneType))
        case inspect.ListType(item_type=item, max_length=most):
            words = _words(item).replace("string", "strings").replace("object", "objects")
            return f"array of {f'1 to {most:,} ' if most else ''}{words}"
        case inspect.DictType(key_type=inspect.LiteralType(), value_type=value):
            return f"object of one {_words(value)} for each channel"
        case inspect.DictType(value_type=value):
            return f"object of one {_words(value)} for each name"
        case inspect.StrType(pattern=str()):
            return "decimal string"
        case inspect.StrType(max_length=most):
            return f"string of up to {most} characters" if most else "string"
        case inspect.FloatType(ge=least, le=most):
            return f"number, {least:g} to {most:g}" if least is not None and most is not None else "number"
        case inspect.IntType(ge=least, le=most):
            return f"integer, {least} to {most}" if most is not None and most < 100 else "integer"
        case inspect.BoolType():
            return "boolean"
        case inspect.LiteralType(values=values) if len(values) <= 2:
            return " or ".join(f"`{value}`" for value in values)
        case inspect.LiteralType():
            return "string, see below"
        case inspect.StructType():
            return "object, see below"
    raise TypeError(kind)


def _first_line(documented: object) -> str:
    return markdown((getdoc(documented) or "").partition("\n\n")[0])


def codes() -> set[str]:
    """Every error code of a message."""
    return set(get_args(ErrorCode))
