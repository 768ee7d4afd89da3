"""dashboard.fanout: many viewers of one thing: one encoding for all, the newest frame for each, never a queue.

A viewer that does not read keeps one frame waiting, and costs nothing else; when it reads again it is given everything
anew, because it may have missed something. One that takes longer than `STUCK_S` for a frame is let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

__all__ = ["STUCK_S", "Fanout", "Frames", "Viewer"]

STUCK_S = 30.0

Send = Callable[[str], Awaitable[None]]


class Frames:
    """What one interval brings. `news` is for those who are up to date, `whole()` for those who are not; `extra(choice)`
    is what only the viewers of `choice` are given. Each is encoded at most once."""

    def __init__(self, news: bytes, *, whole: Callable[[], bytes], extra: Callable[[str], bytes]) -> None:
        self._news = news
        self._whole = whole
        self._extra = extra
        self._made: dict[tuple[bool, str], str] = {}

    def text(self, *, whole: bool, choice: str) -> str:
        """The frame for a viewer: a JSON list of messages."""
        made = self._made.get((whole, choice))
        if made is None:
            parts = [self._whole() if whole else self._news, self._extra(choice)]
            made = self._made[whole, choice] = (b"[" + b",".join(part for part in parts if part) + b"]").decode()
        return made


class Viewer:
    """One viewer. `choice`: the stream it looks at, "" for none."""

    def __init__(self, send: Send) -> None:
        self.choice = ""
        self.behind = True
        self.since: float | None = None
        self._send = send
        self._frames: Frames | None = None
        self._own: list[str] = []
        self._wake = asyncio.Event()

    def offer(self, frames: Frames) -> None:
        """The newest frame; replaces one that was not sent yet."""
        if self._frames is not None:
            self.behind = True
        self._frames = frames
        self._wake.set()

    def answer(self, text: str) -> None:
        """Something for this viewer only; at most a few wait."""
        if len(self._own) < 4:
            self._own.append(text)
            self._wake.set()

    async def serve(self) -> None:
        """Send what there is, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            own, self._own = self._own, []
            frames, self._frames = self._frames, None
            self.since = monotonic()
            for text in own:
                await self._send(text)
            if frames is not None:
                behind, self.behind = self.behind, False
                await self._send(frames.text(whole=behind, choice=self.choice))
            self.since = None

    @property
    def stuck(self) -> bool:
        """Whether a frame has been waiting too long to be taken."""
        return self.since is not None and monotonic() - self.since > STUCK_S


class Fanout:
    """All viewers, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.viewers: set[Viewer] = set()
        self.refused = 0

    def admit(self, viewer: Viewer) -> bool:
        """Take a viewer in, if there is room."""
        if len(self.viewers) >= self.limit:
            self.refused += 1
            return False
        self.viewers.add(viewer)
        return True

    def leave(self, viewer: Viewer) -> None:
        """The viewer is gone."""
        self.viewers.discard(viewer)

    def offer(self, frames: Frames) -> None:
        """The newest frames, to everybody."""
        for viewer in self.viewers:
            viewer.offer(frames)

    def choices(self) -> list[str]:
        """What is being looked at, the most wanted first."""
        wanted = [viewer.choice for viewer in self.viewers if viewer.choice]
        return sorted(set(wanted), key=lambda choice: (-wanted.count(choice), choice))
