"""What the archive's tests share."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.archive.workshop import Workshop, envelope, fill_trades


@pytest.fixture
def workshop(tmp_path: Path) -> Callable[..., Workshop]:
    """`workshop(kind, archive_format=…)` in `data/binance/<kind>`."""
    return lambda kind="execution", **fields: Workshop(tmp_path / "data" / "binance" / kind, kind, **fields)


@pytest.fixture
def trades(workshop: Callable[..., Workshop]) -> Workshop:
    """Three minutes of trades with ids, sealed and in the ledger, not merged."""
    return fill_trades(workshop("execution"))


@pytest.fixture(scope="session")
def genuine_books(captures: Path) -> list[bytes]:
    """Genuine depth20 frames as archive lines."""
    path = captures / "binance-spot" / "derived_depth20_btcusdt_20240808.gz"
    lines = []
    for line in gzip.decompress(path.read_bytes()).splitlines():
        recv_ns, _, frame = line.partition(b" ")
        lines.append(envelope(int(recv_ns), frame[frame.index(b'"data":') + 7 : -1]))
    return lines
