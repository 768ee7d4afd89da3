"""A nats-server with JetStream for one test: on loopback, on a port of the system's choosing, its store below a folder of the test's.

`nats_server` is a fixture that gives a `NatsServer`, not started yet; where the program is not installed, the test is skipped by name.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import until

__all__ = ["NatsServer", "nats_server"]


class NatsServer:
    """One server, which may be killed and started again with what it kept. `store`: the folder of its streams."""

    def __init__(self, folder: Path, *, user: str = "", password: str = "", max_payload: int = 1 << 20) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.port = _free_port()
        self.user, self.password, self.max_payload = user, password, max_payload
        self.jetstream = True
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> NatsServer:
        """Start it, and wait until it listens."""
        lines = [f"port: {self.port}", 'host: "127.0.0.1"', f"max_payload: {self.max_payload}"]
        if self.jetstream:
            lines.append(f'jetstream {{ store_dir: "{self.store}" }}')
        if self.user:
            lines.append(f'authorization {{ user: "{self.user}", password: "{self.password}" }}')
        conf = self.folder / "nats.conf"
        conf.write_text("\n".join(lines) + "\n")
        log = (self.folder / "nats.log").open("ab")
        self._process = subprocess.Popen([_binary(), "-c", str(conf)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        until(self._listens, why=lambda: (self.folder / "nats.log").read_text()[-2000:])
        return self

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it by SIGKILL: what it had not written is lost."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It stands still, with its connections open; each of its threads, once this returns."""
        os.kill(self.pid, signal.SIGSTOP)
        threads = Path(f"/proc/{self.pid}/task")
        if threads.exists():
            until(lambda: all((each / "stat").read_text().rpartition(")")[2].split()[0] == "T" for each in threads.iterdir()))

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def newest_blocks(self, stream: str) -> list[Path]:
        """The files with a stream's messages, the oldest first."""
        return sorted(self.store.glob(f"**/streams/{stream}/msgs/*.blk"), key=lambda path: int(path.stem))

    def _end(self, how: int) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait(30)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "nats.log").read_text()[-2000:]
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0 and probe.recv(4) == b"INFO"


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server for this test, not started yet."""
    _binary()
    pytest.importorskip("nats", reason="nats-py is not installed: pip install 'hoga[nats]'")
    server = NatsServer(tmp_path / "nats")
    yield server
    server.kill()


def _binary() -> str:
    found = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("nats-server is not installed: apt-get install nats-server")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
