"""Who may see the dashboard."""

from __future__ import annotations

import pytest

from hoga.dashboard.guard import Guard, Tried, address_of, host_name


def guard(token: str = "", **changes: object) -> Guard:
    values: dict[str, object] = {"token": token, "names": ("localhost", "hoga.example.org"), "max_session_s": 0.0}
    return Guard(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("host, name", [("LOCALHOST:80", "localhost"), ("[::1]:8000", "::1"), ("a.b", "a.b"), ("", "")])
def test_the_name_in_a_host(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize("host, open_to_all, with_token", [
    ("127.0.0.1:8000", True, True), ("localhost:8000", True, True), ("[::1]:8000", True, True), ("hoga.example.org", True, True),
    ("192.168.1.7:8000", False, True), ("evil.example", False, False), ("127.0.0.1.evil.example", False, False), (None, False, False), ("", False, False),
])  # fmt: skip
def test_hosts(host: str | None, open_to_all: bool, with_token: bool) -> None:
    assert guard().host_allowed(host) is open_to_all
    assert guard("secret").host_allowed(host) is with_token


@pytest.mark.parametrize("origin, allowed", [
    (None, True), ("http://here:8000", True), ("https://here:8000", True), ("HTTP://HERE:8000", True), ("http://here", False), ("http://evil", False),
    ("null", False), ("", False), ("file://here:8000", False), ("http://here:8000.evil", False),
])  # fmt: skip
def test_origins(origin: str | None, allowed: bool) -> None:
    assert guard().origin_allowed(origin, "here:8000") is allowed


def test_tokens() -> None:
    asked = guard("sécret", once="a-single-time")
    assert asked.token_allowed("sécret")
    assert not asked.token_allowed("")
    assert not asked.token_allowed("secret")
    assert asked.token_allowed("a-single-time")
    assert not asked.token_allowed("a-single-time")
    assert not guard().token_allowed("")


def test_a_session_holds_until_its_end() -> None:
    asked = guard("secret", max_session_s=60.0)
    cookie, seconds = asked.cookie(1_000.0, "abcd")
    assert seconds == 60
    assert asked.session_ends(cookie, 1_059.0) == 1_060.0
    assert asked.session_ends(cookie, 1_060.0) is None
    assert guard("another").session_ends(cookie, 1_000.0) is None


@pytest.mark.parametrize("cookie", ["", "..", "9999999999.x.", "9999999999..y", "x.y.z", "٣.a.b", "1" * 400 + ".a.b", "9999999999.a.é"])
def test_no_session_is_made_up(cookie: str) -> None:
    assert guard("secret").session_ends(cookie, 0.0) is None


def test_every_changed_cookie_is_refused() -> None:
    asked = guard("secret")
    cookie, _ = asked.cookie(0.0, "abcd")
    for at in range(len(cookie)):
        changed = cookie[:at] + ("0" if cookie[at] != "0" else "1") + cookie[at + 1 :]
        assert asked.session_ends(changed, 0.0) is None


def test_wrong_tokens_are_limited_by_address_and_the_right_one_never_is() -> None:
    asked = guard("secret")
    assert [asked.try_token("no", "1.2.3.4", 5.0) for _ in range(21)] == [Tried.WRONG] * 20 + [Tried.TOO_OFTEN]
    assert asked.try_token("secret", "1.2.3.4", 5.0) is Tried.RIGHT
    assert asked.try_token("no", "1.2.3.5", 6.0) is Tried.WRONG
    assert asked.try_token("no", "1.2.3.4", 66.0) is Tried.WRONG


def test_a_crowd_of_addresses_is_not_remembered_for_ever() -> None:
    asked = guard("secret")
    for number in range(5_000):
        asked.try_token("no", f"address {number}", 5.0)
    assert len(asked._failures) <= 1_000


@pytest.mark.parametrize("peer, forwarded, address", [
    ("10.0.0.9", None, "10.0.0.9"), ("10.0.0.9", "1.2.3.4", "10.0.0.9"), ("127.0.0.1", "1.2.3.4", "1.2.3.4"), ("::1", "9.9.9.9, 1.2.3.4", "1.2.3.4"),
    ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"), ("127.0.0.1", "nonsense", "127.0.0.1"), ("127.0.0.1", "", "127.0.0.1"), ("", "1.2.3.4", ""),
    ("::ffff:127.0.0.1", "1.2.3.4", "1.2.3.4"),
])  # fmt: skip
def test_only_a_proxy_on_this_machine_is_believed(peer: str, forwarded: str | None, address: str) -> None:
    assert address_of(peer, forwarded) == address
