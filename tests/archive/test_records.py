from hoga.archive.form.records import RecordReader
from hoga.core.streams import Kind
from hoga.venues.registry import VENUES

RECEIPTS = [1_764_000_000_000_000_001, 1_764_000_000_000_000_002, 1_764_000_000_000_000_003]


def _lines(*rests: bytes) -> bytes:
    return b"".join(b'{"recvNs":%d,%b\n' % (receipt, rest) for receipt, rest in zip(RECEIPTS, rests, strict=True))


def test_as_many_objects_as_lines_prove_nothing_by_themselves() -> None:
    """One line with two objects and one object over two lines are three objects on three lines, too."""
    reader = RecordReader(VENUES["binance"].channels_for(Kind.ORDERBOOK))
    sound = _lines(b'"lastUpdateId":7}', b'"lastUpdateId":8}', b'"lastUpdateId":9}')
    records = reader.read_own(sound, RECEIPTS)
    assert records is not None
    assert reader.last_ids(records) == [7, 8, 9]
    assert reader.read_own(_lines(b'"lastUpdateId":7}{"lastUpdateId":8}', b'"a":[', b'"lastUpdateId":9}]}'), RECEIPTS) is None
    assert reader.read_own(_lines(b'"lastUpdateId":7},', b'"lastUpdateId":8}', b'"lastUpdateId":9}'), RECEIPTS) is None
    assert reader.read_own(sound, RECEIPTS[::-1]) is None
