"""`trading.shelf`: rows are found by each of their names, the newest first, until they are let go of."""

from __future__ import annotations

from hoga.trading.shelf import Shelf


def test_a_row_is_found_by_each_of_its_names_packed_or_not() -> None:
    shelf = Shelf()
    for number in range(1_000):
        shelf.put((f"a{number}", f"b{number}"), number, f"row {number}".encode())
    assert len(shelf) == 1_000
    assert repr(shelf) == "<Shelf 1,000 rows>"
    for number in (0, 1, 127, 128, 500, 998, 999):
        assert next(shelf.find(f"a{number}")) == next(shelf.find(f"b{number}")) == f"row {number}".encode()
    assert list(shelf.find("c1")) == []
    assert [int(row.split()[1]) for row in shelf.rows()] == list(range(1_000))


def test_of_one_that_was_put_in_again_the_newest_comes_first() -> None:
    shelf = Shelf()
    shelf.put(("a",), 1, b"old")
    for number in range(300):
        shelf.put((f"x{number}",), 2, b"")
        if number in (5, 290):
            shelf.put(("a",), 2, f"put at {number}".encode())
    assert list(shelf.find("a")) == [b"put at 290", b"put at 5", b"old"]


def test_old_blocks_go_as_a_whole() -> None:
    shelf = Shelf()
    for number in range(1_000):
        shelf.put((f"a{number}",), number, b"row")
    assert shelf.forget(400) == 384  # three blocks of 128
    assert list(shelf.find("a383")) == []
    assert next(shelf.find("a384")) == b"row"
    assert shelf.forget(400) == 0
    assert len(shelf) == 616
