"""What is loaded, and where: by the first `get_instance` on a loop that runs already, and by the processes of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys, threading

class Watch:
    by_thread = {}
    def find_spec(self, name, path=None, target=None):
        self.by_thread.setdefault(name, threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Watch())
import hoga

async def main():
    manager = await hoga.GlobalWebSocketManager.get_instance()
    await manager.stop()

asyncio.run(main())
for name in ("hoga.app.hub", "aiohttp", "picows"):
    assert Watch.by_thread[name] is False, f"{name} was loaded on the loop"
for name in ("numpy", "hoga.recorder.recorder"):
    assert name not in sys.modules, f"{name} is not needed"
print("good")
"""


def test_what_takes_its_time_is_loaded_in_a_thread_and_the_recorder_not_at_all(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stdout == "good\n", done.stderr


def test_a_process_that_records_or_seals_loads_no_numpy(tmp_path: Path) -> None:
    """It takes 11 MB, and only merging, reading and the dashboard reckon with arrays."""
    program = "import sys, hoga.app.run, hoga.cli.run, hoga.archive.keep.seal; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout == "False\n", done.stderr
