"""Processes that train together give what one gives; the command line begins them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from signal_perception.finetune import processes
from signal_perception.finetune.processes import Processes
from signal_perception.finetune.run import finetune
from signal_perception.pipeline.errors import UserError
from tests.support import runs
from tests.support.clips import make_store
from tests.support.project import ROOT


def _torchrun(count: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    environment = {**os.environ, "PYTHONPATH": "src:.", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*torchrun, "--nproc-per-node", str(count), *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Drop path, mixup, cutmix, two clips of each video, steps of three or four clips."""
    clips = make_store(tmp_path / "train.zarr", range(7)).path
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    files = runs.files_in(clips, tmp_path / "one")
    finetune(runs.settings(**runs.MIXED), "shapes", runs.MODEL, 3, files)
    ended = _torchrun(2, ROOT / "tests/support/runs.py", clips, tmp_path / "two")
    assert ended.returncode == 0, ended.stderr
    _agree(tmp_path / "one", tmp_path / "two")
    # one bar, of the first
    assert ended.stderr.count("12 of 12 steps") == 1
    assert (tmp_path / "two/logs/log.csv").is_file()


_LOST = """
import os, pathlib, signal, sys
from signal_perception.finetune import processes
from signal_perception.pipeline import stage

def main() -> None:
    processes.begin_others(pathlib.Path(__file__))
    with processes.joined() as own:
        own.wait()
        if own.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        own.wait()

stage.run(main)
"""


@pytest.mark.slow
def test_a_lost_process_ends_all_with_a_sentence(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_LOST)
    environment = {**os.environ, "PYTHONPATH": "src:.", "SIGNAL_PERCEPTION_PROCESSES": "2"}
    ended = subprocess.run(
        [sys.executable, str(script)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    said = [line for line in ended.stderr.splitlines() if line.startswith("error in ")]
    assert (
        "Process 1 of the 2 that train together was ended by SIGKILL; run the stage again, and it "
        "goes on after its last finished epoch."
    ) in said[-1]


@pytest.mark.slow
def test_two_launchers_train_as_one_machine_does(tmp_path: Path) -> None:
    """`torchrun --nnodes 2`, both on this machine."""
    clips = make_store(tmp_path / "train.zarr", range(7)).path
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    finetune(
        runs.settings(**runs.MIXED), "shapes", runs.MODEL, 3, runs.files_in(clips, tmp_path / "one")
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meet = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "a"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", *meet]
    program = [str(ROOT / "tests/support/runs.py"), str(clips), str(tmp_path / "two")]
    launchers = [
        subprocess.Popen(
            [*torchrun, "--node-rank", str(node), "--nproc-per-node", "1", *program],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": "src:.", "OMP_NUM_THREADS": "1"},
        )
        for node in range(2)
    ]
    assert [launcher.wait(300) for launcher in launchers] == [0, 0]
    _agree(tmp_path / "one", tmp_path / "two")


def _agree(one: Path, two: Path) -> None:
    curve, expected = (pd.read_csv(folder / "curve.csv") for folder in (two, one))
    pd.testing.assert_frame_equal(curve, expected, rtol=1e-4)
    weights = load_file(one / "weights.safetensors")
    for name, value in load_file(two / "weights.safetensors").items():
        given = weights[name]
        if name.endswith("qkv.bias"):
            # softmax does not see a bias of the keys: its gradient is rounding alone
            given, value = (each.view(3, -1)[[0, 2]] for each in (given, value))
        torch.testing.assert_close(value, given, rtol=1e-3, atol=1e-5, msg=name)


def test_alone_nothing_is_added_and_nobody_waited_for() -> None:
    own, value = Processes(), torch.ones(3)
    own.add([value])
    own.wait()
    assert value.tolist() == [1, 1, 1]
    assert own.first


def test_the_environment_asks_for_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_PROCESSES", "1")
    processes.begin_others(Path("nothing.py"))
    monkeypatch.setenv("SIGNAL_PERCEPTION_PROCESSES", "two")
    with pytest.raises(UserError, match="PROCESSES is 'two'; it must be a whole number, 1 or more"):
        processes.begin_others(Path("nothing.py"))


def test_several_processes_are_begun_and_their_failure_is_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, pathlib\n"
        "rank = os.environ['RANK']\n"
        "pathlib.Path(sys.argv[1], rank).write_text(os.environ['WORLD_SIZE'])\n"
        "sys.exit(int(sys.argv[2]))\n"
    )
    monkeypatch.setenv("SIGNAL_PERCEPTION_PROCESSES", "2")
    for code in (0, 1):
        monkeypatch.setattr(sys, "argv", ["script.py", str(tmp_path), str(code)])
        with pytest.raises(SystemExit) as ended:
            processes.begin_others(script)
        assert ended.value.code == code
        assert [(tmp_path / rank).read_text() for rank in "01"] == ["2", "2"]
