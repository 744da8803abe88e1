"""A signal that asks for the end is one sentence and an exit code, and leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
# A command whose two workers are at work when it says so.
SCRIPT = """
import sys, time
from functools import partial
from pathlib import Path
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import Unit, finish

def work(number, path):
    path.write_text("done")
    Path(sys.argv[1], f"begun-{number}").touch()
    time.sleep(60)

def main(folder: str) -> None:
    units = [Unit(number, Path(folder, str(number))) for number in range(2)]
    finish(units, work, label="sleep", isolate=True)

if __name__ == "__main__":
    stage.run(main)
"""


@pytest.fixture
def at_work(tmp_path: Path):
    """A command with two workers in the middle of their units."""
    script = tmp_path / "sleep.py"
    script.write_text(SCRIPT, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "SIGNAL_PERCEPTION_WORKERS": "2"},
        stderr=subprocess.PIPE,
        text=True,
        # Python of a background job would not hear SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while len(list(tmp_path.glob("begun-*"))) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stop_is_a_sentence_and_leaves_no_process(
    at_work: subprocess.Popen[str], name: str, tmp_path: Path
) -> None:
    children = psutil.Process(at_work.pid).children(recursive=True)
    assert len(children) >= 2
    at_work.send_signal(signal.Signals[name])
    # a second one, as from a terminal and from DVC, changes nothing
    at_work.send_signal(signal.SIGTERM)
    _, said = at_work.communicate(timeout=30)
    assert at_work.returncode == 128 + signal.Signals[name]
    assert said == (
        f"error in sleep.py: Stopped by {name}; what was finished is kept, so run it again to go "
        "on.\n"
    )
    psutil.wait_procs(children, timeout=5)
    assert not [child for child in children if child.is_running()]
    assert not (tmp_path / "0").exists()


def test_workers_of_a_killed_process_end(at_work: subprocess.Popen[str]) -> None:
    children = psutil.Process(at_work.pid).children(recursive=True)
    at_work.kill()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert len(gone) >= 2 and not alive
