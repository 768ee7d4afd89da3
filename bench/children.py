"""bench.children: every measurement runs in a fresh process; this starts them and takes what they say.

`python -m bench.jobs JOB PLAN CORE` is such a process. A `LoadServer` is one that lives while another is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import msgspec

from bench.plans import LoadPlan, LoadReport
from hoga.core.errors import HogaError

__all__ = ["BenchFailed", "LoadServer", "run_child", "start_child"]

T = TypeVar("T")

_ROOT = Path(__file__).resolve().parent.parent
_TIMEOUT_S = 900.0
_READY_S = 120.0


class BenchFailed(HogaError):
    """A measurement could not be taken; `log` has what its process said."""

    def __init__(self, what: str, why: str, log: Path) -> None:
        self.what = what
        self.log = log
        super().__init__(f"{what}: {why}", hint=f"see {log}")


def run_child(job: str, plan: msgspec.Struct, result: type[T], *, folder: Path) -> T:
    """Run `job` in a process of its own and return its result. Raises BenchFailed."""
    log = folder / f"{job}.log"
    with log.open("ab") as stderr, start_child(job, plan, stderr) as child:
        try:
            out, _ = child.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired as late:
            raise BenchFailed(job, f"no result within {_TIMEOUT_S:.0f} s", log) from late
        finally:
            child.kill()
    lines = out.strip().splitlines()
    if child.returncode or not lines:
        raise BenchFailed(job, f"ended with status {child.returncode}", log)
    return msgspec.json.decode(lines[-1], type=result)


class LoadServer:
    """A load server while it is needed: `with LoadServer(plan, …) as load: … load.url …; report = load.stop()`."""

    def __init__(self, plan: LoadPlan, *, core: int | None, folder: Path) -> None:
        self._plan = plan
        self._core = core
        self._log = folder / "load.log"
        self._child: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        with self._log.open("ab") as stderr:
            self._child = start_child("load", self._plan, stderr, core=self._core)
        said = self._line()
        if "port" not in said:
            self.__exit__(None, None, None)
            raise BenchFailed("load", "did not start", self._log)
        self.url = f"{'wss' if self._plan.certificate else 'ws'}://127.0.0.1:{said['port']}"
        return self

    def stop(self) -> LoadReport:
        """End it; what it has sent. Raises BenchFailed."""
        assert self._child is not None and self._child.stdin is not None
        self._child.stdin.close()
        said = self._line()
        if "frames" not in said:
            raise BenchFailed("load", "said nothing", self._log)
        return msgspec.convert(said, LoadReport)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    pipe.close()

    def _line(self) -> dict[str, Any]:
        assert self._child is not None and self._child.stdout is not None
        line = self._child.stdout.readline()
        return dict(json.loads(line)) if line else {}


def start_child(job: str, plan: msgspec.Struct, stderr: IO[bytes] | None = None, *, core: int | None = None) -> subprocess.Popen[bytes]:
    """A process that does `job` on processor `core` (None: any); its pipes are the caller's to close."""
    command = [sys.executable, "-m", "bench.jobs", job, msgspec.json.encode(plan).decode(), "" if core is None else str(core)]
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment)
