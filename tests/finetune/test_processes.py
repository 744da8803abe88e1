"""Processes that train together give what one gives; the command line begins them."""

import os
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
    one, two = (pd.read_csv(tmp_path / name / "curve.csv") for name in ("one", "two"))
    pd.testing.assert_frame_equal(two, one, rtol=1e-4)
    weights = load_file(tmp_path / "one/weights.safetensors")
    for name, value in load_file(tmp_path / "two/weights.safetensors").items():
        given = weights[name]
        if name.endswith("qkv.bias"):
            # softmax does not see a bias of the keys: its gradient is rounding alone
            given, value = (each.view(3, -1)[[0, 2]] for each in (given, value))
        torch.testing.assert_close(value, given, rtol=1e-3, atol=1e-5, msg=name)
    # one bar, of the first
    assert ended.stderr.count("12 of 12 steps") == 1
    assert (tmp_path / "two/logs/log.csv").is_file()


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
