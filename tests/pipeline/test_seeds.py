"""A further fine-tuning run, trained for real: other weights, the first as it was, one report."""

import hashlib
from pathlib import Path

import pytest

from tests.support.project import change, copy, dvc

pytestmark = pytest.mark.slow

MODEL = "timesformer_divided"


def _hashes(folder: Path, seed: int) -> dict[str, str]:
    """Hash of every file of weights, and of every table, of a run."""
    files = [
        *(folder / "data/weights").rglob(f"*-{seed}.safetensors"),
        *(folder / "reports/tables").rglob(f"*-{seed}.csv"),
    ]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def _repro(folder: Path) -> set[str]:
    done = dvc(folder, "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")
    }


def test_a_further_run_trains_anew_and_is_reported_with_the_first(tmp_path: Path) -> None:
    folder = copy(tmp_path / "study", {"study.models": [MODEL]})
    _repro(folder)
    first = _hashes(folder, 0)
    # weights and those before the first step; noise has four tables, spectra two
    assert len(first) == 2 + 4 + 2
    change(folder, {"study.seeds": [0, 1]})
    names = (f"{stage}@shapes-{MODEL}-1" for stage in ("finetune", "evaluate", "noise"))
    own = (f"{stage}@shapes-{MODEL}-shapes-1" for stage in ("extract", "spectra"))
    assert _repro(folder) == {*names, *own, "figures", "report"}
    assert _hashes(folder, 0) == first
    second = _hashes(folder, 1)
    renamed = {name.replace("-0.", "-1."): found for name, found in first.items()}
    assert set(second) == set(renamed)
    assert [name for name in second if second[name] == renamed[name]] == []
    page = (folder / "reports/default/index.html").read_text(encoding="utf-8")
    assert "of 2 runs" in page and "Means over 2 fine-tuning runs of each model" in page
