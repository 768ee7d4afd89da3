"""venues.binance.refill: aggregate and single trades by id, over REST and from the files; spot and futures alike. Pure.

Source: Binance's REST documentation, "aggTrades" and "historicalTrades" (`fromId`), read 2026-11; the files' columns as in `history`.
"""

from __future__ import annotations

import msgspec

from hoga.venues.refill import Refill, Refilled

__all__ = ["refills"]

_rows = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_SINGLE = {"id": "t", "price": "p", "qty": "q", "time": "T", "isBuyerMaker": "m", "isBestMatch": "M"}
"""What REST calls the keys of the stream."""
_AGGREGATE_CELLS = ("a", "p", "q", "f", "l", "T", "m", "M")
_SINGLE_CELLS = ("t", "p", "q", "", "T", "m", "M")
_TEXTS = frozenset("pq")
_MICROS_FROM = 10**14


def _payload(channel: str, symbol: str, fields: list[tuple[str, bytes]]) -> bytes:
    inner = b",".join(b'"%s":%s' % (key.encode(), value) for key, value in fields)
    return b'{"e":"%s","s":"%s",%s}' % (channel.encode(), symbol.encode(), inner)


def _number(raw: msgspec.Raw) -> int:
    return int(msgspec.json.decode(raw, type=int))


def _decoded(body: bytes) -> list[dict[str, msgspec.Raw]]:
    try:
        return _rows.decode(body)
    except msgspec.MsgspecError as fault:
        raise ValueError(f"no list of trades: {fault}") from None


def _aggregates(body: bytes, symbol: str) -> list[Refilled]:
    try:
        return [Refilled(_number(row["a"]), _number(row["T"]), _payload("aggTrade", symbol, _texts(row))) for row in _decoded(body)]
    except (KeyError, msgspec.MsgspecError) as fault:
        raise ValueError(f"an aggregate trade without {fault}") from None


def _texts(row: dict[str, msgspec.Raw]) -> list[tuple[str, bytes]]:
    return [(key, bytes(value)) for key, value in row.items()]


def _singles(body: bytes, symbol: str) -> list[Refilled]:
    try:
        return [
            Refilled(
                _number(row["id"]),
                _number(row["time"]),
                _payload("trade", symbol, [(_SINGLE[key], bytes(value)) for key, value in row.items() if key in _SINGLE]),
            )
            for row in _decoded(body)
        ]
    except (KeyError, msgspec.MsgspecError) as fault:
        raise ValueError(f"a trade without {fault}") from None


def _of_line(channel: str, names: tuple[str, ...], line: bytes, symbol: str) -> Refilled:
    cells = line.rstrip(b"\r\n").split(b",")
    if len(cells) not in (len(names), len(names) - 1):
        raise ValueError(f"{len(cells)} columns")
    found = {name: _spelt(name, cell) for name, cell in zip(names, cells, strict=False) if name}
    return Refilled(int(cells[0]), int(found["T"]), _payload(channel, symbol, list(found.items())))


def _spelt(name: str, cell: bytes) -> bytes:
    """A cell of a file as the stream spells it."""
    if name in _TEXTS:
        if not cell.replace(b".", b"", 1).isdigit():
            raise ValueError(f"no number: {cell[:20]!r}")
        return b'"%s"' % cell
    if name in ("m", "M"):
        truth = cell.lower()
        if truth not in (b"true", b"false"):
            raise ValueError(f"neither true nor false: {cell[:20]!r}")
        return truth
    number = int(cell)
    return b"%d" % (number // 1_000 if name == "T" and number >= _MICROS_FROM else number)


def refills(prefix: str, *, aggregate_weight: int, single_weight: int, single_limit: int, singles_count: bool) -> tuple[Refill, ...]:
    """What can be asked for of the venue whose REST is at `prefix` (`/api/v3`). `singles_count`: single trades' ids prove holes."""
    aggregates = Refill(
        chain="aggTrade",
        counted=True,
        path=lambda symbol, first, limit: f"{prefix}/aggTrades?symbol={symbol}&fromId={first}&limit={limit}",
        limit=1_000,
        weight=aggregate_weight,
        rows=_aggregates,
        file="aggTrades",
        line=lambda line, symbol: _of_line("aggTrade", _AGGREGATE_CELLS, line, symbol),
    )
    singles = Refill(
        chain="trade",
        counted=True,
        path=lambda symbol, first, limit: f"{prefix}/historicalTrades?symbol={symbol}&fromId={first}&limit={limit}",
        limit=single_limit,
        weight=single_weight,
        rows=_singles,
        file="trades",
        line=lambda line, symbol: _of_line("trade", _SINGLE_CELLS, line, symbol),
    )
    return (aggregates, singles) if singles_count else (aggregates,)
