"""bench.papers: `hoga trade --mode paper` as users start it, while ten thousand quotes come each second: from a quote to its decision.

A server in a process of its own sends the quotes of ten symbols, one after the other each millisecond, and their books ten times a
second; it answers the calls of a trader's start. Each quote carries the moment of its sending as the size of its bid, by the clock that
both processes read; the strategy notes how old it is when `on_book` has asked for its target, which turns with each hundredth quote of a
symbol: a hundred orders a second. The trader does all that it does for a user: its journal, its tape, its measuring, its page.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic, monotonic_ns, sleep, time_ns
from typing import Any

import msgspec
import psutil

from bench.orderline import shake_hands
from hoga.core.times import SECOND_NS
from hoga.runtime.frames import CLOSE, PING, PONG, TEXT, ws_frame

__all__ = ["PaperPlan", "PaperTimes", "measure_paper"]

_NAMES = ("BTC", "ETH", "SOL", "XRP", "ADA", "BNB", "LTC", "DOT", "LINK", "AVAX")
_SYMBOLS = tuple(f"{each}USDT" for each in _NAMES)
_SPIN_NS = 200_000
_LOST = 5
_START_S = 60.0
_BOOKS_A_SECOND = 10
_STRATEGY = """
import json
from time import monotonic_ns

from hoga import Strategy


class Timed(Strategy):
    symbols = ({symbols})

    def setup(self, m):
        m.quotes(*self.symbols)
        self.took, self.seen = [], {{each: 10 * place for place, each in enumerate(self.symbols)}}

    def on_book(self, book):
        sent = book.ticks.bid_size // 100_000
        if sent < 1_000_000_000:
            return  # a book, and no quote
        self.seen[book.symbol] = seen = self.seen[book.symbol] + 1
        self.target(book.symbol, "0.01" if seen // 100 % 2 else 0)
        self.took.append((monotonic_ns() - sent) % 1_000_000_000)

    def on_stop(self):
        with open({path!r}, "w") as file:
            json.dump(self.took, file)
"""


class PaperPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`rate`: quotes a second, for `warm_s` and then `seconds`: a trader has warmed up after five seconds, and looks through its memory
    then. `core`: where the trader is kept; the server is on another one."""

    data: str
    seconds: float
    rate: int
    warm_s: float = 6.0
    core: int | None = None


class PaperTimes(msgspec.Struct, frozen=True, kw_only=True):
    """`decisions`: from the sending of each quote to its decision, ns. `sent`, `taken`: quotes. `cpu`: of the trader, of one core. `late`:
    by how much the server was late itself, ns."""

    decisions: list[int]
    sent: int
    taken: int
    cpu: float
    late: list[int]


def measure_paper(plan: PaperPlan) -> PaperTimes:
    """Let a server send, and a trader trade. Raises RuntimeError where the trader did not begin or end well."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, plan), daemon=True)
    server.start()
    port = ours.recv()
    root = Path(plan.data)
    strategy, said = root / "timed.py", root / "took.json"
    strategy.write_text(_STRATEGY.format(symbols=", ".join(f'"binance:{each}"' for each in _SYMBOLS), path=str(said)))
    command = [sys.executable, "-m", "hoga", "trade", str(strategy), "--mode", "paper", "--data", str(root), "--json"]
    wide = ("MAX_ORDERS_PER_SEC", "MAX_ORDERS_PER_DAY", "MAX_REVERSALS_PER_MIN", "MAX_DRAWDOWN", "MAX_LOSSES_IN_A_ROW")
    for each in (
        f"WS_URL=ws://127.0.0.1:{port}",
        f"REST_URL=http://127.0.0.1:{port}",
        "DASHBOARD_PORT_NUMBER=0",
        *(f"{name}=0" for name in wide),
    ):
        command += ["--set", each]
    with (root / "trader.log").open("wb") as log:
        trader = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            if plan.core is not None:
                psutil.Process(trader.pid).cpu_affinity([plan.core])
            if not ours.poll(_START_S):
                raise RuntimeError(f"no stream was asked for: see {root / 'trader.log'}")
            ours.recv()
            sleep(plan.warm_s)
            process, began = psutil.Process(trader.pid), monotonic()
            spent = sum(process.cpu_times()[:2])
            sent, late = ours.recv()
            cpu = (sum(process.cpu_times()[:2]) - spent) / (monotonic() - began)
            trader.send_signal(signal.SIGTERM)
            trader.wait(30)
        finally:
            trader.kill()
            server.kill()
    if not said.exists():
        raise RuntimeError(f"the trader has told nothing: see {root / 'trader.log'}")
    times = json.loads(said.read_text())
    counted = times[int(len(times) * plan.warm_s / (plan.warm_s + plan.seconds)) :]
    return PaperTimes(decisions=counted, sent=sent, taken=len(times), cpu=cpu, late=late)


# -- the server ---------------------------------------------------------------------------------------------------------------


def _serve(tell: Any, plan: PaperPlan) -> None:
    others = [each for each in os.sched_getaffinity(0) if each != plan.core] if hasattr(os, "sched_setaffinity") else []
    if others and plan.core is not None:
        os.sched_setaffinity(0, {others[0]})
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    tell.send(listener.getsockname()[1])
    owners: dict[str, socket.socket] = {}
    threading.Thread(target=_accept, args=(listener, owners), daemon=True).start()
    wanted = {f"{each.lower()}@{channel}" for each in _SYMBOLS for channel in ("bookTicker", "depth20@100ms")}
    while not wanted <= owners.keys():
        sleep(0.05)
    tell.send("begun")
    tell.send(_send(owners, plan))
    sleep(30)


def _send(owners: dict[str, socket.socket], plan: PaperPlan) -> tuple[int, list[int]]:
    """The quotes of all symbols at once, again and again."""
    seconds = plan.warm_s + plan.seconds
    rounds, apart = int(seconds * plan.rate / len(_SYMBOLS)), SECOND_NS * len(_SYMBOLS) // plan.rate
    due, late, sent = monotonic_ns() + SECOND_NS // 2, [], 0
    for number in range(rounds):
        if (left := due - monotonic_ns()) > _SPIN_NS:
            sleep((left - _SPIN_NS) / SECOND_NS)
        while monotonic_ns() < due:
            pass
        late.append(monotonic_ns() - due)
        if late[-1] > _LOST * apart:
            due += late[-1]  # it was held up itself: that is no burst of the market
        for place, name in enumerate(_SYMBOLS):
            stamp = SECOND_NS + monotonic_ns() % SECOND_NS
            price = f"{1000 + number % 7}.{place:02d}"
            body = f'{{"u":{number},"s":"{name}","b":"{price}000000","B":"{stamp}.00000000","a":"{price}100000","A":"5.00000000"}}'
            _put(owners, f"{name.lower()}@bookTicker", body)
            sent += 1
            if number % (rounds // max(1, int(seconds * _BOOKS_A_SECOND))) == place:
                sides = ",".join(f'["{1000 - level}.00000000","1.50000000"]' for level in range(20))
                above = ",".join(f'["{1008 + level}.00000000","1.50000000"]' for level in range(20))
                _put(owners, f"{name.lower()}@depth20@100ms", f'{{"lastUpdateId":{number},"bids":[{sides}],"asks":[{above}]}}')
        due += apart
    return sent, late


def _put(owners: dict[str, socket.socket], stream: str, body: str) -> None:
    owners[stream].sendall(ws_frame(TEXT, f'{{"stream":"{stream}","data":{body}}}'.encode()))


def _accept(listener: socket.socket, owners: dict[str, socket.socket]) -> None:
    while True:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(peer, owners), daemon=True).start()


def _converse(peer: socket.socket, owners: dict[str, socket.socket]) -> None:
    """One connection: a call, or streams."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (piece := peer.recv(65_536)):
            return
        head += piece
    target = head.split(b" ", 2)[1].decode()
    if b"upgrade: websocket" not in head.lower():
        body = json.dumps(_answer(target)).encode()
        peer.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
        )
        peer.close()
        return
    shake_hands(peer, head)
    for name in target.partition("streams=")[2].split("&")[0].split("/"):
        owners.setdefault(name, peer)
    inbox = head.split(b"\r\n\r\n", 1)[1]
    with suppress(OSError):
        while piece := peer.recv(65_536):
            inbox = _hear(peer, inbox + piece, owners)


def _hear(peer: socket.socket, inbox: bytes, owners: dict[str, socket.socket]) -> bytes:
    """What a client says; returns what is no whole frame yet."""
    while len(inbox) >= 6:
        size, at = inbox[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(inbox[2:4], "big"), 4
        if len(inbox) < at + 4 + size:
            break
        mask, body = inbox[at : at + 4], inbox[at + 4 : at + 4 + size]
        text = bytes(each ^ mask[place % 4] for place, each in enumerate(body))
        opcode, inbox = inbox[0] & 0x0F, inbox[at + 4 + size :]
        if opcode == PING:
            peer.sendall(ws_frame(PONG, text))
        elif opcode == TEXT:
            asked = json.loads(text)
            peer.sendall(ws_frame(TEXT, json.dumps({"result": None, "id": asked.get("id")}).encode()))
            for name in asked.get("params", ()) if asked.get("method") == "SUBSCRIBE" else ():
                owners.setdefault(name, peer)
        elif opcode == CLOSE:
            peer.close()
    return inbox


def _answer(target: str) -> object:
    if target.startswith("/api/v3/exchangeInfo"):
        return {"timezone": "UTC", "serverTime": time_ns() // 1_000_000, "rateLimits": [], "symbols": [_listed(each) for each in _SYMBOLS]}
    return {"serverTime": time_ns() // 1_000_000}


def _listed(name: str) -> dict[str, Any]:
    return {
        "symbol": name,
        "status": "TRADING",
        "baseAsset": name.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "isSpotTradingAllowed": True,
        "orderTypes": ["LIMIT", "MARKET"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.00100000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
    }
