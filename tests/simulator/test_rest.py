from __future__ import annotations

import ssl
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hoga.simulator import RestLimits, Simulator
from tests.waiting import LONG_S


@pytest.fixture
def ask(http: aiohttp.ClientSession):
    async def get(sim: Simulator, path: str, **options: Any) -> tuple[int, Any, Any]:
        async with http.get(sim.rest_url + path, **options) as response:
            return response.status, await response.json(content_type=None), response.headers

    return get


@pytest.fixture
async def sim(simulate) -> Simulator:
    made = await simulate()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        made.engine.market(symbol)
    return made


@pytest.mark.parametrize(
    "path, weight",
    [
        ("/api/v3/ping", 1),
        ("/api/v3/time", 1),
        ("/api/v3/exchangeInfo", 20),
        ("/api/v3/depth?symbol=BTCUSDT", 5),
        ("/api/v3/depth?symbol=BTCUSDT&limit=500", 25),
        ("/api/v3/depth?symbol=BTCUSDT&limit=1000", 50),
        ("/api/v3/depth?symbol=BTCUSDT&limit=9999", 250),
        ("/api/v1/depth?symbol=BTCUSDT", 5),
        ("/api/v3/trades?symbol=BTCUSDT", 25),
        ("/api/v3/historicalTrades?symbol=BTCUSDT", 25),
        ("/api/v3/aggTrades?symbol=BTCUSDT", 4),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1m", 2),
        ("/api/v3/uiKlines?symbol=BTCUSDT&interval=1M", 2),
        ("/api/v3/avgPrice?symbol=BTCUSDT", 2),
        ("/api/v3/ticker/price", 4),
        ("/api/v3/ticker/price?symbol=BTCUSDT", 2),
        ("/api/v3/ticker/bookTicker?symbol=BTCUSDT", 2),
        ("/api/v3/ticker/24hr?symbol=BTCUSDT", 2),
        ('/api/v3/ticker/24hr?symbols=["BTCUSDT","ETHUSDT"]', 2),
    ],
)
async def test_every_endpoint_answers_and_costs_its_weight(sim: Simulator, ask, path: str, weight: int) -> None:
    status, body, headers = await ask(sim, path)
    assert status == 200
    assert body is not None
    assert int(headers["X-MBX-USED-WEIGHT"]) == int(headers["X-MBX-USED-WEIGHT-1M"]) == weight


@pytest.mark.parametrize(
    "path, code",
    [
        ("/api/v3/depth", -1102),
        ("/api/v3/depth?symbol=", -1105),
        ("/api/v3/depth?symbol=NOSUCH", -1121),
        ("/api/v3/depth?symbol=btcusdt", -1100),
        ("/api/v3/depth?symbol=BTCUSDT&limit=many", -1100),
        ("/api/v3/depth?symbol=BTCUSDT&limit=0", -1130),
        ("/api/v3/klines?symbol=BTCUSDT", -1102),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", -1120),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1m&timeZone=x", -1130),
        ("/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", -1128),
        ("/api/v3/exchangeInfo?symbol=BTCUSDT&symbols=[]", -1128),
        ("/api/v3/exchangeInfo?symbols=BTCUSDT", -1100),
    ],
)
async def test_mistakes_get_the_venues_codes(sim: Simulator, ask, path: str, code: int) -> None:
    status, body, _ = await ask(sim, path)
    assert (status, body["code"]) == (400, code)


async def test_the_snapshot_is_the_book_and_its_id_between_the_diffs(sim: Simulator, ask) -> None:
    sim.engine.market("BTCUSDT").frozen = True
    _, body, _ = await ask(sim, "/api/v3/depth?symbol=BTCUSDT&limit=1000")
    book = sim.engine.market("BTCUSDT").book
    assert body["lastUpdateId"] == book.update_id
    assert len(body["bids"]) == len(body["asks"]) == 1_000
    assert float(body["bids"][0][0]) < float(body["asks"][0][0])


async def test_agg_trades_are_found_by_id_and_by_time(sim: Simulator, ask) -> None:
    _, newest, _ = await ask(sim, "/api/v3/aggTrades?symbol=BTCUSDT&limit=10")
    assert [row["a"] for row in newest] == list(range(newest[0]["a"], newest[0]["a"] + 10))
    _, by_id, _ = await ask(sim, f"/api/v3/aggTrades?symbol=BTCUSDT&fromId={newest[3]['a']}&limit=4")
    assert by_id == newest[3:7]
    _, by_time, _ = await ask(sim, f"/api/v3/aggTrades?symbol=BTCUSDT&startTime={newest[2]['T']}&endTime={newest[5]['T']}")
    assert all(newest[2]["T"] <= row["T"] <= newest[5]["T"] for row in by_time)
    assert [row for row in by_time if row["a"] >= newest[0]["a"]] == [row for row in newest if newest[2]["T"] <= row["T"] <= newest[5]["T"]]


async def test_historical_trades_follow_an_id(sim: Simulator, ask) -> None:
    _, trades, _ = await ask(sim, "/api/v3/trades?symbol=BTCUSDT&limit=20")
    _, rows, _ = await ask(sim, f"/api/v3/historicalTrades?symbol=BTCUSDT&fromId={trades[5]['id']}&limit=3")
    assert rows == trades[5:8]


async def test_candles_follow_one_another(sim: Simulator, ask) -> None:
    _, rows, _ = await ask(sim, "/api/v3/klines?symbol=BTCUSDT&interval=1s&limit=5")
    assert len(rows) == 5
    assert all(len(row) == 12 for row in rows)
    assert all(later[0] == earlier[6] + 1 for earlier, later in pairwise(rows))
    _, later_rows, _ = await ask(sim, f"/api/v3/klines?symbol=BTCUSDT&interval=1s&startTime={rows[1][0]}&endTime={rows[2][0]}")
    assert [row[0] for row in later_rows] == [rows[1][0], rows[2][0]]


async def test_microseconds_on_request(sim: Simulator, ask) -> None:
    _, body, _ = await ask(sim, "/api/v3/time", headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
    assert body["serverTime"] > 10**15


async def test_too_much_weight_is_429_then_418_with_the_seconds(simulate, ask) -> None:
    sim = await simulate(rest_limits=RestLimits(weight_per_minute=3, refusals_before_ban=1))
    answers = [await ask(sim, "/api/v3/ping") for _ in range(6)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 429, 418, 418]
    for status, body, headers in answers[3:]:
        assert body["code"] == -1003
        assert int(headers["Retry-After"]) >= 1
        assert ("banned until" in body["msg"]) is (status == 418)


async def test_paths_that_do_not_exist_are_404(sim: Simulator, http) -> None:
    async with http.get(f"{sim.rest_url}/api/v3/nothing") as response:
        assert response.status == 404


async def test_tls_with_a_given_certificate(simulate, http, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(cert, key)
    sim = await simulate(tls_cert=cert, tls_key=key)
    assert sim.ws_url.startswith("wss://")
    assert sim.rest_url.startswith("https://")
    trust = ssl.create_default_context(cafile=str(cert))
    async with http.get(f"{sim.rest_url}/api/v3/time", ssl=trust) as response:
        assert response.status == 200
    async with http.ws_connect(f"{sim.ws_url}/stream?streams=btcusdt@depth20@100ms", ssl=trust) as socket:
        assert (await socket.receive_json(timeout=LONG_S))["stream"] == "btcusdt@depth20@100ms"


def make_certificate(cert: Path, key: Path) -> None:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simulator")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encryption = serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
