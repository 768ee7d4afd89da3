"""Which proxy a URL is reached through: a table of cases, and text that is never trusted."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.net.proxy import Proxy, ProxyMistake, proxy_for

VENUE = "wss://stream.example.com:9443"
A = "http://a.proxy:3128"


def named(url: str, **environment: str) -> str | None:
    found = proxy_for(url, environment)
    return None if found is None else f"{found.host}:{found.port}"


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (VENUE, {}, None),
        (VENUE, {"HTTPS_PROXY": A}, "a.proxy:3128"),
        (VENUE, {"https_proxy": A}, "a.proxy:3128"),
        (VENUE, {"https_proxy": A, "HTTPS_PROXY": "http://b"}, "a.proxy:3128"),
        (VENUE, {"https_proxy": "", "HTTPS_PROXY": A}, "a.proxy:3128"),
        (VENUE, {"HTTPS_PROXY": " "}, None),
        (VENUE, {"HTTP_PROXY": A}, None),
        (VENUE, {"ALL_PROXY": A}, "a.proxy:3128"),
        (VENUE, {"all_proxy": A, "HTTPS_PROXY": "http://b:1"}, "b:1"),
        ("https://api.example.com", {"HTTPS_PROXY": A}, "a.proxy:3128"),
        ("http://api.example.com", {"HTTPS_PROXY": A}, None),
        ("http://api.example.com", {"http_proxy": A}, "a.proxy:3128"),
        ("ws://api.example.com", {"HTTP_PROXY": A}, "a.proxy:3128"),
        ("ws://api.example.com", {"ALL_PROXY": A}, "a.proxy:3128"),
        (VENUE, {"HTTPS_PROXY": "a.proxy:3128"}, "a.proxy:3128"),
        (VENUE, {"HTTPS_PROXY": "a.proxy"}, "a.proxy:80"),
        (VENUE, {"HTTPS_PROXY": "http://[fd00::1]:3128/"}, "fd00::1:3128"),
        ("ftp://example.com", {"ALL_PROXY": A}, None),
    ],
)
def test_the_variable_that_counts(url: str, environment: dict[str, str], expected: str | None) -> None:
    assert named(url, **environment) == expected


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        (VENUE, "*", True),
        (VENUE, "stream.example.com", True),
        (VENUE, "STREAM.Example.COM.", True),
        (VENUE, "example.com", True),
        (VENUE, ".example.com", True),
        (VENUE, "*.example.com", True),
        (VENUE, "ample.com", False),
        (VENUE, "other.com, example.com", True),
        (VENUE, "other.com example.com", True),
        (VENUE, "example.com:9443", True),
        (VENUE, "example.com:443", False),
        ("https://example.com", "example.com:443", True),
        ("ws://example.com", ":80,,", False),
        ("wss://10.1.2.3", "10.0.0.0/8", True),
        ("wss://10.1.2.3", "10.1.2.3", True),
        ("wss://10.1.2.3", "10.1.2.3:443", True),
        ("wss://10.1.2.3", "10.1.2.3:80", False),
        ("wss://11.1.2.3", "10.0.0.0/8", False),
        ("wss://[fd00::7]:9443", "fd00::/8", True),
        ("wss://[fd00::7]:9443", "[fd00::7]:9443", True),
        ("wss://[::ffff:10.1.2.3]", "10.0.0.0/8", True),
        ("wss://10.1.2.3", "2.3", False),
        ("wss://10.1.2.3", "10.0.0.0/99", False),
        ("wss://localhost:1", "", False),
        ("wss://127.0.0.1", "", False),
        ("wss://localhost:1", "localhost,127.0.0.1", True),
        ("ws://x.localhost:1", "localhost", True),
        ("wss://127.9.9.9", "127.0.0.0/8", True),
        ("wss://[::1]:1", "::1", True),
        ("wss://[::ffff:127.0.0.1]:1", "127.0.0.1", True),
    ],
)
@pytest.mark.parametrize("spelt", ["no_proxy", "NO_PROXY"])
def test_what_is_reached_directly(url: str, no_proxy: str, direct: bool, spelt: str) -> None:
    assert (proxy_for(url, {"ALL_PROXY": A, spelt: no_proxy}) is None) == direct


def test_the_password_is_said_to_the_proxy_and_to_nobody_else() -> None:
    found = proxy_for(VENUE, {"HTTPS_PROXY": "http://kim:p%40ss:wörd@a.proxy:3128"})
    assert isinstance(found, Proxy)
    assert base64.b64decode(found.authorization.reveal().removeprefix("Basic ")).decode() == "kim:p@ss:wörd"
    for text in (str(found), repr(found), found.url):
        assert "a.proxy" in text
        assert "p@ss" not in text
        assert "p%40ss" not in text
        assert "kim" not in text


@pytest.mark.parametrize(
    "value", ["socks5://u:hidden@h:1", "https://u:hidden@h", "http://u:hidden@h:99999", "http://u:hidden@", "http://u:hidden@h:0"]
)
def test_a_proxy_that_cannot_be_used_is_told(value: str) -> None:
    with pytest.raises(ProxyMistake, match="HTTPS_PROXY") as caught:
        proxy_for(VENUE, {"HTTPS_PROXY": value})
    assert "hidden" not in str(caught.value)
    assert proxy_for(VENUE, {"HTTPS_PROXY": value, "NO_PROXY": "*"}) is None


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_does_more_than_be_a_mistake(value: str, no_proxy: str) -> None:
    try:
        found = proxy_for(VENUE, {"HTTPS_PROXY": value, "NO_PROXY": no_proxy})
    except ProxyMistake:
        return
    assert found is None or (found.host and 0 < found.port < 65_536)
