"""Every long stage is killed in its middle and started again by DVC.

It continues, and its outputs equal those of an unbroken run.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from signal_perception.pipeline.checksums import beside
from tests.support.damage import flip
from tests.support.project import change, copy, dvc, environment

pytestmark = pytest.mark.slow

MODEL = "timesformer_divided"
# Stage → (pattern of its finished units below the scratch directory, what progress calls them).
LONG = {
    "decode@shapes": ("*/verdicts/*.json", "shard"),
    f"finetune@shapes-{MODEL}-0": ("*/state.pt", "step"),
    f"evaluate@shapes-{MODEL}-0": ("*/*.npz", "block"),
    f"extract@shapes-{MODEL}-shapes-0": ("*/blocks/*", "block"),
    f"spectra@shapes-{MODEL}-shapes-0": ("*/*/*.npz", "tap"),
    f"features@shapes-{MODEL}-shapes-0": ("*/blocks/*", "block"),
    f"probe@shapes-{MODEL}-shapes-0": ("*/shapes/*.npz", "tap"),
    f"noise@shapes-{MODEL}-0": ("cells-*/*.npz", "unit"),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy(
        tmp_path_factory.mktemp("resume") / "study",
        {
            "study.models": [MODEL],
            "datasets.shapes.source.train_per_class": 6,
            "datasets.shapes.source.test_per_class": 10,
            f"models.{MODEL}.tiny.recipe.epochs": 8,
            # spectra of activations are measured in units, means are only read
            "extract.keep": "activations",
            "extract.per_class": None,
            "noise.repeats": 4,
        },
    )
    done = dvc(folder, "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _outputs(folder: Path, stage: str) -> dict[str, str]:
    """Hash of every output file of a stage, by path."""
    lock = YAML(typ="safe").load((folder / "dvc.lock").read_text(encoding="utf-8"))
    hashes = {}
    for out in lock["stages"][stage]["outs"]:
        path = folder / out["path"]
        for file in (
            [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
        ):
            hashes[str(file.relative_to(folder))] = hashlib.sha256(file.read_bytes()).hexdigest()
    return hashes


def _kill_in_the_middle(folder: Path, stage: str, pattern: str) -> None:
    """Start the stage through DVC; kill DVC and all below it once a unit of work is finished."""
    # finished cells of the noise grids live on from run to run
    shutil.rmtree(folder / ".scratch" / stage, ignore_errors=True)
    command = [sys.executable, "-m", "dvc", "repro", "--single-item", "--force", stage]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    scratch = folder / ".scratch" / stage
    while process.poll() is None and not _finished(scratch, pattern):
        time.sleep(0.002)
    assert process.poll() is None, "the stage ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _finished(scratch: Path, pattern: str) -> list[Path]:
    """Units that are finished, which have their checksums."""
    found = (path for path in scratch.glob(pattern) if not path.name.startswith("."))
    return [path for path in found if beside(path).is_file()]


@pytest.mark.parametrize("stage", LONG)
def test_a_killed_stage_continues(study: Path, stage: str) -> None:
    pattern, unit = LONG[stage]
    unbroken = _outputs(study, stage)
    _kill_in_the_middle(study, stage, pattern)
    assert _finished(study / ".scratch" / stage, pattern)
    again = dvc(study, "repro", "--single-item", "--force", stage)
    assert again.returncode == 0, again.stdout + again.stderr
    match = re.search(rf"(\d+) of (\d+) {unit}s were done before", again.stderr)
    assert match, again.stderr
    before, total = int(match[1]), int(match[2])
    print(
        f"\n{stage}: killed after {before} of {total} {unit}s, continued, outputs equal in "
        f"{len(unbroken)} files"
    )
    assert 0 < before < total
    assert _outputs(study, stage) == unbroken


@pytest.mark.parametrize("stage", LONG)
def test_a_damaged_unit_is_made_anew(study: Path, stage: str) -> None:
    pattern, _ = LONG[stage]
    unbroken = _outputs(study, stage)
    _kill_in_the_middle(study, stage, pattern)
    flip(_finished(study / ".scratch" / stage, pattern)[0])
    again = dvc(study, "repro", "--single-item", "--force", stage)
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search("damaged.* made anew|damaged.* begins anew", again.stderr), again.stderr
    assert _outputs(study, stage) == unbroken


def test_a_changed_setting_never_continues_an_old_run(study: Path) -> None:
    stage = f"noise@shapes-{MODEL}-0"
    _kill_in_the_middle(study, stage, LONG[stage][0])
    change(study, {"noise.scale": "rel_std"})
    again = dvc(study, "repro", "--single-item", "--force", stage)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "were done before" not in again.stderr


def test_finished_cells_live_on(study: Path) -> None:
    """A new σ computes its own cells, another bootstrap none, and the products are as if anew."""
    stage = f"noise@shapes-{MODEL}-0"

    def again(*options: str) -> str:
        done = dvc(study, "repro", "--single-item", *options, stage)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    change(study, {"noise.scale": "absolute"})
    # DVC remembers the products of this setting, not its cells
    again("--force")
    change(study, {"noise.grids.figure4.sigma": [1.0, 1.5]})
    match = re.search(r"(\d+) of (\d+) units were done before", again())
    assert match
    before, total = int(match[1]), int(match[2])
    # figure 4 has three thirds of which ρ takes one or two layers, and two γ, in four repeats
    assert total - before == 3 * 2 * 2 * 4
    partly_new = _outputs(study, stage)
    change(study, {"noise.bootstrap": 120})
    assert f"{total} of {total} units were done before" in again()
    change(study, {"noise.bootstrap": 100})
    again("--force")
    assert _outputs(study, stage) == partly_new
    shutil.rmtree(study / ".scratch" / stage)
    assert "were done before" not in again("--force")
    assert _outputs(study, stage) == partly_new
