"""app.venue_check: does a venue answer as a run will ask it? For `hoga doctor`.

What the program will do is done: the REST calls of a start, a WebSocket handshake on every port, one subscription, one frame of
it. What a server answered stands in the report: status, first bytes, address.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from time import perf_counter
from typing import Any

from hoga.app.checks import Check, CheckState, shown
from hoga.app.config import VenueConfig
from hoga.app.config.rooms import rest_of, tls_of
from hoga.app.instruments import instruments_of
from hoga.app.stream_plan import every_symbol, named, plan_streams
from hoga.core.errors import ConfigError, HandshakeRefused, HogaError, LinkError, RateLimited, Refused, WireFault
from hoga.core.instrument import Instrument
from hoga.core.jsontext import NO_JSON
from hoga.core.streams import Stream
from hoga.net.proxy import ProxyMistake, proxy_for
from hoga.net.ws import CloseInfo, open_link
from hoga.venues.registry import VENUES
from hoga.venues.spec import Answer

__all__ = ["examine_venue", "read_venue_time"]

_CONNECT_S = 5.0
_FRAME_S = 5.0


async def examine_venue(venue: VenueConfig) -> list[Check]:
    """Every check of one venue, side by side where they do not need one another."""
    symbols, checks = await _examine_rest(venue)
    urls = dict.fromkeys(venue.ws_url.replace("{port}", str(port)) for port in venue.ports)
    stream = _stream(venue, symbols)
    streams = await asyncio.gather(*(_examine_streams(venue, url, stream) for url in urls))
    return [*_proxies(venue, next(iter(urls))), *checks, *streams]


async def fetch(venue: VenueConfig) -> Mapping[str, Instrument]:
    """What the venue lists now. Raises VenueError, also for an answer that is no list."""
    return await instruments_of(venue).look(fresh_s=0.0)


async def read_venue_time(venue: VenueConfig) -> int:
    """The venue's clock, in ns. Raises VenueError; asked of venues that tell the time only."""
    spec = VENUES[venue.venue]
    assert spec.rest.time is not None and spec.server_time_ms is not None, "asked of venues that tell the time only"
    async with rest_of(venue) as rest:
        body = await rest.get(spec.rest.time)
    try:
        return spec.server_time_ms(body) * 1_000_000
    except NO_JSON as fault:
        raise WireFault(spec.name, f"{venue.rest_url}{spec.rest.time} sent no server time: {shown(body)}") from fault


def _proxies(venue: VenueConfig, ws_url: str) -> list[Check]:
    """Which proxies the environment puts between here and there. No line where there is none."""
    found: dict[str, list[str]] = {}
    for url in (venue.rest_url, ws_url):
        try:
            proxy = proxy_for(url, os.environ)
        except ProxyMistake as fault:
            advice = "set it to http://HOST:PORT, or name the venue's host in NO_PROXY"
            return [Check(name=f"{venue.venue} proxy", state=CheckState.FAILED, found=str(fault), advice=advice)]
        if proxy is not None:
            found.setdefault(str(proxy), []).append(url)
    return [
        Check(name=f"{venue.venue} proxy", state=CheckState.OK, found=f"{' and '.join(urls)} through {proxy}")
        for proxy, urls in found.items()
    ]


async def _examine_rest(venue: VenueConfig) -> tuple[tuple[str, ...], list[Check]]:
    """(the symbols to record as far as they are known, checks): is REST there, and does the venue know the symbols?"""
    spec, name, began = VENUES[venue.venue], f"{venue.venue} REST", perf_counter()
    try:
        async with rest_of(venue):
            if spec.rest.time is not None and spec.server_time_ms is not None:
                await read_venue_time(venue)
            known = await fetch(venue)
    except (HogaError, OSError) as fault:
        return named(venue.symbols), [Check(name=name, state=CheckState.FAILED, found=str(fault), advice=_advice(fault, "REST_URL"))]
    answers = Check(name=name, state=CheckState.OK, found=f"{venue.rest_url} answers in {(perf_counter() - began) * 1e3:.0f} ms")
    symbols = every_symbol(spec, venue.symbols, known)
    return symbols, [answers, *judge_symbols(venue.venue, symbols, known)]


def judge_symbols(venue: str, symbols: tuple[str, ...], known: Mapping[str, Instrument]) -> list[Check]:
    """Does the venue know the symbols, and do they trade?"""
    name, checks = f"{venue} symbols", []
    for symbol in symbols:
        near = get_close_matches(symbol, known, n=1, cutoff=0.7)
        if symbol not in known:
            advice = f"did you mean {near[0]}?" if near else "look at its spelling in SYMBOLS; its streams would stay silent for ever"
            checks.append(Check(name=name, state=CheckState.FAILED, found=f"{venue} knows no {symbol}", advice=advice))
        elif not known[symbol].is_trading:
            advice = "halted or delisted: its streams stay silent meanwhile"
            checks.append(Check(name=name, state=CheckState.WARNING, found=f"{symbol} is {known[symbol].said}, not TRADING", advice=advice))
    if not symbols:
        checks.append(
            Check(name=name, state=CheckState.FAILED, found="SYMBOLS names nothing that trades", advice="look at what is after ALL:")
        )
    if not checks:
        some = ", ".join(symbols[:5]) + (f" and {len(symbols) - 5} more" if len(symbols) > 5 else "")
        checks.append(Check(name=name, state=CheckState.OK, found=f"{some}: known, and trading"))
    return checks


def _stream(venue: VenueConfig, symbols: tuple[str, ...]) -> Stream | None:
    """One that ought to bring something soon."""
    spec = VENUES[venue.venue]
    try:
        streams = plan_streams(spec, symbols[:1] or (), venue.streams, where=venue.venue)
    except ConfigError:
        return None
    return min(streams, key=lambda stream: spec.channel_of(stream.channel).first_frame_s is None, default=None)


async def _examine_streams(venue: VenueConfig, url: str, stream: Stream | None) -> Check:
    name, began = f"{venue.venue} streams", perf_counter()
    try:
        return await _first_frame(venue, url, stream, lambda: (perf_counter() - began) * 1e3)
    except HandshakeRefused as fault:
        body = f": {shown(fault.body)}" if fault.body else ""
        found = f"{url}: the WebSocket handshake was answered with HTTP {fault.status}{body}"
        return Check(name=name, state=CheckState.FAILED, found=found, advice=_advice(fault, "WS_URL"))
    except (HogaError, OSError) as fault:
        why = fault.why if isinstance(fault, LinkError) else str(fault) or type(fault).__name__
        found = why if url in why else f"{url}: {why}"
        return Check(name=name, state=CheckState.FAILED, found=found, advice=_advice(fault, "WS_URL"))


async def _first_frame(venue: VenueConfig, url: str, stream: Stream | None, ms: Callable[[], float]) -> Check:
    """Connect, subscribe, and wait for one frame. Raises LinkError."""
    spec, name = VENUES[venue.venue], f"{venue.venue} streams"
    frames: asyncio.Queue[bytes] = asyncio.Queue()
    route = spec.route_of(stream) if stream is not None else ""
    link = await open_link(
        url + spec.connect_path(route, []),
        name=name,
        epoch=1,
        table={},
        on_odd=lambda now, frame: frames.put_nowait(frame),
        on_open=lambda now: None,
        tls=tls_of(venue),
        timeout_s=_CONNECT_S,
    )
    connected = f"{url} connects in {ms():.0f} ms"
    if stream is None:
        link.cut()
        return Check(name=name, state=CheckState.OK, found=connected)
    try:
        link.send(spec.subscribe([stream.name], 1))
        refused = await _until_data(spec.answer, spec.split, frames, link.closed)
    finally:
        link.cut()
    if refused is None:
        return Check(name=name, state=CheckState.OK, found=f"{connected}, the first frame of {stream.name} came after {ms():.0f} ms")
    periodic = spec.channel_of(stream.channel).first_frame_s is not None
    silent = refused == ""
    state = CheckState.WARNING if silent and not periodic else CheckState.FAILED
    said = f"nothing of {stream.name} came in {_FRAME_S:g} s" if silent else f"{stream.name}: {refused}"
    advice = "a symbol without trades is silent; otherwise look at SYMBOLS and STREAMS" if silent else "look at SYMBOLS, STREAMS and WS_URL"
    return Check(name=name, state=state, found=f"{connected}, but {said}", advice=advice)


async def _until_data(
    answer: Callable[[bytes], Answer | None],
    split: Callable[[bytes], object],
    frames: asyncio.Queue[bytes],
    closed: asyncio.Future[CloseInfo],
) -> str | None:
    """None when a data frame came, "" when none did in time, else what the server said instead."""
    try:
        async with asyncio.timeout(_FRAME_S):
            while True:
                getting = asyncio.ensure_future(frames.get())
                waiting: set[asyncio.Future[Any]] = {getting, closed}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    end = closed.result()
                    return f"the server ended the connection ({end.code} {end.reason})"
                frame = getting.result()
                said = answer(frame)
                if said is not None and said.complaint:
                    return f"refused with {shown(said.complaint.encode())}"
                if said is None:
                    return None if split(frame) is not None else f"it sent {shown(frame)}"
    except TimeoutError:
        return ""


def _advice(fault: Exception, key: str) -> str:
    """What to do about a foreign answer, or about none."""
    status = fault.status if isinstance(fault, HandshakeRefused | Refused) else None
    if status in (403, 451):
        return "the venue does not serve this address or country: another network, or a proxy (HTTPS_PROXY)"
    if isinstance(fault, RateLimited) or status in (418, 429):
        return "too many requests from this address: wait, and look for other programs that ask"
    if status is not None and status >= 500:
        return "the venue is in trouble: look at its status page"
    if status is not None or isinstance(fault, WireFault):
        return f"what answers there is not the venue: look at {key}, at a proxy, at a login page of the network"
    return f"look at the network, the firewall, and {key}"
