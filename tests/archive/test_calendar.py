"""Proven, recorded but unprovable, missing: disjoint, whole, and never told better than they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form.audit import Flaw
from hoga.archive.form.calendar import NOT_RECORDED, Piece, State, pieces_of, shares_of
from hoga.archive.form.ledger import LiveEntry
from hoga.archive.form.manifest import decode_manifest, encode_manifest, read_manifest
from hoga.archive.form.proof import Proof, proof_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import covered_ns, covers
from hoga.archive.prove import verify
from hoga.archive.read.catalog import catalog
from hoga.archive.read.coverage import day_coverage
from hoga.core.ledger import Gap, Reason
from hoga.core.times import DAY_NS, MINUTE_NS, day_start_ns
from tests.archive.workshop import DAY, SYMBOL, Workshop, book, delta, fill_books, fill_trades

WIDE = 60
MOMENT = st.integers(-10, WIDE + 10)
SPANS = st.lists(st.tuples(MOMENT, MOMENT).map(lambda span: (min(span), max(span))), max_size=5)
GAPS = st.lists(st.builds(lambda a, b, reason: Gap(a, b, reason, None), MOMENT, MOMENT, st.sampled_from(list(Reason))), max_size=5)
FLAWS = st.lists(st.builds(lambda a, b: Flaw(from_ns=min(a, b), to_ns=max(a, b), kind="torn", detail=""), MOMENT, MOMENT), max_size=2)


def inside(spans: list[tuple[int, int]], moment: int) -> bool:
    return any(start <= moment < end for start, end in spans)


@given(SPANS, GAPS, SPANS, FLAWS, st.none() | MOMENT)
def test_each_moment_is_in_one_piece_and_in_the_right_one(
    live: list[tuple[int, int]], gaps: list[Gap], proving: list[tuple[int, int]], flaws: list[Flaw], now: int | None
) -> None:
    pieces = pieces_of((0, WIDE), live=live, gaps=gaps, proving=proving, flaws=flaws, now_ns=now)
    assert [piece.from_ns for piece in pieces] == [0, *(piece.to_ns for piece in pieces[:-1])]
    assert pieces[-1].to_ns == WIDE
    gone = [(min(gap.from_ns, gap.to_ns), max(gap.from_ns, gap.to_ns)) for gap in gaps] + [(flaw.from_ns, flaw.to_ns) for flaw in flaws]
    for moment in range(WIDE):
        piece = next(piece for piece in pieces if piece.from_ns <= moment < piece.to_ns)
        if now is not None and moment >= now:
            expected = State.TO_COME
        elif inside(gone, moment) or not inside(live, moment):
            expected = State.MISSING
        else:
            expected = State.PROVEN if inside(proving, moment) else State.UNPROVABLE
        assert piece.state is expected, moment
        assert (piece.reason == NOT_RECORDED) == (expected is State.MISSING and not inside(gone, moment))
        assert bool(piece.reason) == (expected is State.MISSING)


@given(SPANS, GAPS, SPANS, st.none() | MOMENT)
def test_shares_are_never_better_than_the_pieces(
    live: list[tuple[int, int]], gaps: list[Gap], proving: list[tuple[int, int]], now: int | None
) -> None:
    pieces = pieces_of((0, WIDE), live=live, gaps=gaps, proving=proving, now_ns=now)
    shares = shares_of(pieces, WIDE)
    part = {state: sum(piece.to_ns - piece.from_ns for piece in pieces if piece.state is state) / WIDE for state in State}
    assert shares.proven <= part[State.PROVEN] + 1e-12
    assert shares.unprovable <= part[State.UNPROVABLE] + 1e-12
    assert shares.missing >= part[State.MISSING] - 1e-12
    assert shares.proven + shares.unprovable + shares.missing + part[State.TO_COME] == pytest.approx(1, abs=2e-6)
    assert (shares.missing > 0) == bool(shares.reasons) or shares.missing <= 3e-6
    for reason, share in shares.reasons.items():
        assert share >= sum(piece.to_ns - piece.from_ns for piece in pieces if piece.reason == reason) / WIDE - 1e-12


def test_a_nanosecond_that_is_missing_is_not_rounded_away() -> None:
    gap = Gap(5, 6, Reason.DISCONNECT, None)
    shares = shares_of(pieces_of((0, DAY_NS), live=[(0, DAY_NS)], gaps=[gap], proving=[(0, DAY_NS)]))
    assert (shares.proven, shares.unprovable, shares.missing, shares.reasons) == (0.999999, 0.0, 1e-6, {"disconnect": 1e-6})


def test_a_moment_has_the_reason_of_the_gap_that_began_first() -> None:
    gaps = [Gap(20, 40, Reason.SILENCE, None), Gap(10, 30, Reason.DISCONNECT, None)]
    assert pieces_of((0, 50), live=[(0, 50)], gaps=gaps, proving=()) == [
        Piece(0, 10, State.UNPROVABLE),
        Piece(10, 30, State.MISSING, "disconnect"),
        Piece(30, 40, State.MISSING, "silence"),
        Piece(40, 50, State.UNPROVABLE),
    ]


@pytest.mark.parametrize(
    "venue,kind,streams,proof",
    [
        ("binance", "execution", "btcusdt@aggTrade", Proof(True, None)),
        ("binance", "execution", "btcusdt@aggTrade,btcusdt@trade", Proof(True, None)),
        ("binance", "execution", "", Proof(True, None)),
        ("binance", "delta", "btcusdt@depth@100ms", Proof(True, None)),
        ("binance-usdm", "delta", "btcusdt@depth@100ms", Proof(True, None)),
        ("binance", "orderbook", "btcusdt@depth20@100ms", Proof(False, "delta")),
        ("binance", "orderbook", "btcusdt@depth5@100ms", Proof(False, None)),
        ("binance", "orderbook", "", Proof(False, None)),
        ("binance", "quote", "btcusdt@bookTicker", Proof(False, None)),
        ("binance", "candle", "btcusdt@kline_1m", Proof(False, None)),
        ("upbit", "orderbook", "KRW-BTC@orderbook", Proof(False, None)),
        ("upbit", "execution", "KRW-BTC@trade", Proof(False, None)),
        ("elsewhere", "execution", "", Proof(False, None)),
    ],
)
def test_what_proves_a_series(venue: str, kind: str, streams: str, proof: Proof) -> None:
    assert proof_of(venue, kind, streams) == proof


@pytest.fixture
def pair(workshop: Callable[..., Workshop]) -> tuple[Workshop, Workshop]:
    """Books and deltas of three minutes; the deltas of the last one are not there."""
    books, deltas = workshop("orderbook"), workshop("delta")
    number = 1
    for minute in ("13-15", "13-16", "13-17"):
        start = books.minute_ns(minute)
        books.seal(minute, [book(start, number)], ids=[number], streams=["btcusdt@depth20@100ms"])
        if minute != "13-17":
            deltas.seal(minute, [delta(start, number, number)], ids=[number], streams=["btcusdt@depth@100ms"])
        number += 1
    return books, deltas


def day_of(shop: Workshop) -> SeriesDay:
    return SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day)


def merge(shop: Workshop) -> None:
    from hoga.archive.keep.merge import merge_day

    merge_day(day_of(shop), venue="binance", archive_format="zip", purge=True)


@pytest.mark.parametrize("merged", [(), ("orderbook",), ("delta",), ("orderbook", "delta"), ("delta", "orderbook")])
def test_books_are_proven_by_their_deltas_wherever_these_are(pair: tuple[Workshop, Workshop], merged: tuple[str, ...]) -> None:
    for kind in merged:
        merge(next(shop for shop in pair if shop.kind == kind))
    books = day_coverage(day_of(pair[0]))
    recorded = [(piece.state, (piece.to_ns - piece.from_ns) // MINUTE_NS) for piece in books.pieces if piece.state is not State.MISSING]
    assert recorded == [(State.PROVEN, 2), (State.UNPROVABLE, 1)]
    assert books.shares is not None
    row = next(row for row in catalog([pair[0].directory.parent]) if row.kind == "orderbook")
    assert (row.proven, row.unprovable, row.missing, row.reasons) == (
        books.shares.proven, books.shares.unprovable, books.shares.missing, books.shares.reasons,
    )  # fmt: skip
    manifest = read_manifest(day_of(pair[0]).manifest_path)
    assert (manifest.shares if manifest is not None else books.shares) == books.shares
    assert verify.verify([pair[0].directory.parent], jobs=1).ok


def test_books_alone_and_books_beside_damaged_deltas_are_unprovable(pair: tuple[Workshop, Workshop]) -> None:
    books, deltas = pair
    deltas.ledger.write_bytes(b"{}\n" + deltas.ledger.read_bytes())
    found = day_coverage(day_of(books)).shares
    assert found is not None
    assert (found.proven, found.unprovable) == (0.0, 3 * MINUTE_NS * 1_000_000 // DAY_NS / 1_000_000)


def test_deltas_that_are_cut_otherwise_prove_nothing(workshop: Callable[..., Workshop]) -> None:
    fill_trades(workshop("execution"))
    books, deltas = fill_books(workshop("orderbook")), workshop("delta")
    deltas.seal("13-15", [delta(deltas.minute_ns("13-15"), 1, 2)], ids=[2], streams=["btcusdt@depth"])
    shares = day_coverage(day_of(books)).shares
    assert shares is not None
    assert shares.proven == 0.0


def test_what_is_to_come_is_not_missing(workshop: Callable[..., Workshop]) -> None:
    shop = fill_trades(workshop("execution"))
    found = day_coverage(day_of(shop), now_ns=shop.minute_ns("13-18"))
    assert found.shares is not None
    assert found.shares.reasons == {NOT_RECORDED: pytest.approx((13 * 60 + 15) * MINUTE_NS / DAY_NS, abs=1e-6)}
    assert found.pieces[-1] == Piece(shop.minute_ns("13-18"), day_start_ns(DAY) + DAY_NS, State.TO_COME)


UNTOLD = (b'  "proven"', b'  "unprovable"', b'  "missing"', b'  "reasons"')


def test_a_manifest_of_before_is_valid_and_tells_the_same(pair: tuple[Workshop, Workshop]) -> None:
    merge(pair[0])
    path = day_of(pair[0]).manifest_path
    manifest = read_manifest(path)
    assert manifest is not None
    old = encode_manifest(msgspec.structs.replace(manifest, reasons=None))
    text = b"\n".join(line for line in old.split(b"\n") if not line.startswith((*UNTOLD, b'  "checksum"', b"}")))
    import hashlib

    path.write_bytes(text + b"\n" + b'  "checksum": "%b"\n}\n' % hashlib.sha256(text + b"\n").hexdigest().encode())
    assert decode_manifest(path.read_bytes()).shares is None
    assert day_coverage(day_of(pair[0])).shares == manifest.shares
    assert verify.verify([pair[0].directory], jobs=1).ok


def test_a_manifest_that_tells_less_missing_than_there_is_is_found(pair: tuple[Workshop, Workshop]) -> None:
    merge(pair[0])
    path = day_of(pair[0]).manifest_path
    manifest = read_manifest(path)
    assert manifest is not None
    assert manifest.shares is not None
    path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, missing=0.0, reasons={})))
    assert any("reasons" in problem.detail for problem in verify.verify([pair[0].directory], jobs=1).problems)


def test_a_day_of_the_classic_recorder_claims_nothing(tmp_path: Path) -> None:
    import zipfile

    folder = tmp_path / "binance" / "orderbook"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / f"{SYMBOL}_orderbook_{DAY}.zip", "w") as archive:
        archive.writestr(f"{SYMBOL}_orderbook_{DAY}.jsonl", b'{"lastUpdateId":1,"eventTime":1,"bids":[],"asks":[]}\n')
    found = day_coverage(SeriesDay(folder, SYMBOL, "orderbook", DAY))
    assert (found.shares, found.pieces) == (None, [])
    (row,) = catalog([tmp_path])
    assert (row.state, row.proven, row.missing) == ("classic", None, None)


def test_minutes_of_the_classic_recorder_are_recorded_and_not_proven(tmp_path: Path) -> None:
    """They have ids, and nobody held them against one another."""
    day = SeriesDay(tmp_path / "binance" / "execution", SYMBOL, "execution", DAY)
    day.folder.mkdir(parents=True)
    (day.folder / f"{day.segment_stem('13-15')}.jsonl").write_bytes(b'{"e":"aggTrade","a":1}\n')
    pieces = [piece for piece in day_coverage(day).pieces if piece.state is not State.MISSING]
    assert [(piece.state, piece.to_ns - piece.from_ns) for piece in pieces] == [(State.UNPROVABLE, MINUTE_NS)]


def test_live_without_a_record_counts_as_recorded(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    start = shop.minute_ns("13-15")
    shop.tell(LiveEntry(from_ns=start, to_ns=start + MINUTE_NS))
    pieces = day_coverage(day_of(shop)).pieces
    assert covered_ns((piece.from_ns, piece.to_ns) for piece in pieces if piece.state is State.PROVEN) == MINUTE_NS
    assert covers([(start, start + MINUTE_NS)], start)
