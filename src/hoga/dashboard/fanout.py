"""dashboard.fanout: sends one frame to many viewers: it is built once, each viewer gets the newest, and nothing is queued.

What an interval brings is written to every viewer's connection at once, without a task or a copy for each. A viewer that
has not taken the frame before is passed over, and costs nothing; when it reads again it is given everything anew,
because it missed something. A viewer that takes longer than `STUCK_S` for a frame is disconnected.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Protocol

from hoga.runtime.frames import TEXT, ws_frame

__all__ = ["STUCK_S", "Fanout", "Frames", "Outlet", "Viewer"]

STUCK_S = 30.0
_ANSWERS_MAX = 4


class Outlet(Protocol):
    """What can be sent to one viewer's connection: whole frames."""

    @property
    def clear(self) -> bool:
        """Whether everything written before has been taken by the kernel."""

    def write(self, frame: bytes) -> None:
        """Send a whole WebSocket frame; does nothing when the connection is closing."""

    def set_viewing(self, viewing: bool) -> None:
        """Note that this connection is a viewer's from now on, or no longer."""


class Frames:
    """What one interval brings. `news` is for those who are up to date, `whole()` for those who are not; `extra(choice, whole)`
    is what only the viewers of `choice` are given. Each is encoded at most once."""

    def __init__(self, news: bytes, *, whole: Callable[[], bytes], extra: Callable[[str, bool], bytes]) -> None:
        self._news = news
        self._whole = whole
        self._all: bytes | None = None
        self._extra = extra
        self._made: dict[tuple[bool, str], bytes] = {}

    def frame(self, *, whole: bool, choice: str) -> bytes:
        """The WebSocket frame for a viewer: a JSON list of messages."""
        made = self._made.get((whole, choice))
        if made is None:
            parts = [self._everything() if whole else self._news, self._extra(choice, whole)]
            made = self._made[whole, choice] = ws_frame(TEXT, b"[" + b",".join(part for part in parts if part) + b"]")
        return made

    def _everything(self) -> bytes:
        if self._all is None:
            self._all = self._whole()
        return self._all


class Viewer:
    """One viewer. `choice`: the stream it looks at, "" for none. `since`: when it was first found not reading."""

    def __init__(self, outlet: Outlet) -> None:
        self.choice = ""
        self.behind = True
        self.since: float | None = None
        self.outlet = outlet
        self._answers: list[bytes] = []

    def offer(self, frames: Frames) -> None:
        """Send the newest frame, unless the viewer has not taken an earlier one yet."""
        if not self.outlet.clear:
            self.behind = True
            self.since = monotonic() if self.since is None else self.since
            return
        self.since = None
        if self._answers:
            self._say()
        behind, self.behind = self.behind, False
        self.outlet.write(frames.frame(whole=behind, choice=self.choice))

    def greet(self, hello: bytes) -> None:
        """Begin anew with this viewer: what waited for it is of another run, and the next frame is the whole."""
        self.behind = True
        self._answers.clear()
        self.answer(hello)

    def answer(self, text: bytes) -> None:
        """Send something to this viewer only; a few such frames wait for a viewer that does not read."""
        if len(self._answers) < _ANSWERS_MAX:
            self._answers.append(ws_frame(TEXT, text))
        if self.outlet.clear:
            self._say()

    def _say(self) -> None:
        answers, self._answers = self._answers, []
        for answer in answers:
            self.outlet.write(answer)

    @property
    def stuck(self) -> bool:
        """Whether the viewer has not taken a frame for longer than `STUCK_S`."""
        return self.since is not None and monotonic() - self.since > STUCK_S


class Fanout:
    """All viewers, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.viewers: set[Viewer] = set()
        self.refused = 0

    def admit(self, viewer: Viewer) -> bool:
        """Add a viewer; returns whether there was room."""
        if len(self.viewers) >= self.limit:
            self.refused += 1
            return False
        self.viewers.add(viewer)
        viewer.outlet.set_viewing(True)
        return True

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer."""
        self.viewers.discard(viewer)
        viewer.outlet.set_viewing(False)

    def offer(self, frames: Frames) -> None:
        """Send the newest frames to every viewer."""
        for viewer in self.viewers:
            viewer.offer(frames)

    def shown(self) -> set[str]:
        """What somebody looks at."""
        return {viewer.choice for viewer in self.viewers if viewer.choice}

    def choices(self) -> list[str]:
        """Return what viewers look at (`venue:stream`, `venue:SYMBOL`), that with the most viewers first."""
        wanted = [viewer.choice for viewer in self.viewers if viewer.choice]
        return sorted(set(wanted), key=lambda choice: (-wanted.count(choice), choice))
