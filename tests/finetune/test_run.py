"""A run writes where it began and where it ended, killed or not, held in memory or not."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from signal_perception.clips.order import Step
from signal_perception.clips.store import ClipStore
from signal_perception.finetune import kept, run
from signal_perception.finetune.run import finetune
from signal_perception.finetune.trainer import Trainer
from signal_perception.inference import described, networks
from signal_perception.pipeline import dvcfile, params
from signal_perception.pipeline.errors import UserError
from tests.support.clips import make_store
from tests.support.damage import DAMAGE, another_process
from tests.support.runs import MIXED, MODEL, files_in, settings
from tests.support.study import default_study

SEED = 3
CLASSES = 3


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("finetune") / "train.zarr", range(7)).path


def _run(clips: Path, folder: Path, seed: int = SEED, **recipe: Any) -> pd.DataFrame:
    folder.mkdir(exist_ok=True)
    return finetune(settings(**recipe), "shapes", MODEL, seed, files_in(clips, folder))


def _bytes(folder: Path) -> dict[str, bytes]:
    names = ("start.safetensors", "weights.safetensors", "curve.csv")
    return {name: (folder / name).read_bytes() for name in names}


def test_the_start_is_the_fresh_network(clips: Path, tmp_path: Path) -> None:
    _run(clips, tmp_path)
    fresh = networks.fresh(
        MODEL,
        settings().model.network,
        classes=CLASSES,
        pretrained=None,
        seed=SEED,
        dataset="shapes",
        threads=1,
    )
    classes = ClipStore(clips).classes
    expected = described.say(MODEL, settings().model, classes, "shapes", SEED, trained=False)
    described.save(fresh, tmp_path / "expected.safetensors", expected)
    found = _bytes(tmp_path)
    assert found["start.safetensors"] == (tmp_path / "expected.safetensors").read_bytes()
    assert found["weights.safetensors"] != found["start.safetensors"]
    trained = described.read(tmp_path / "weights.safetensors")
    assert trained == expected.model_copy(update={"trained": True})
    assert trained is not None and trained.classes == classes
    assert trained.input == settings().model.input


def test_each_seed_has_a_start_and_a_course_of_its_own(clips: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        _run(clips, tmp_path / str(seed), seed)
    one, other = (_bytes(tmp_path / str(seed)) for seed in (0, 1))
    assert all(one[name] != other[name] for name in one)


class _Killed(Exception):
    pass


def _killed_at(step: int) -> Any:
    """A trainer's step that does not come to an end."""
    usual = Trainer.step

    def step_or_end(self: Trainer, each: Step, batches: Iterator) -> None:
        if each.number == step:
            # some of the clips were taken already
            next(batches, None)
            raise _Killed
        usual(self, each, batches)

    return step_or_end


# Twelve steps in all, four an epoch with two clips of each video; states are kept after each step,
# or after each epoch alone.
@pytest.mark.parametrize(("seconds", "kills"), [(-1.0, (1, 6, 10)), (300.0, (2, 5, 9))])
def test_a_run_killed_three_times_writes_the_same_bytes(
    seconds: float,
    kills: tuple[int, ...],
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = {**MIXED, "validation": 0.0}
    curve = _run(clips, tmp_path / "unbroken", **recipe)
    monkeypatch.setattr(run, "_SECONDS_BETWEEN_STATES", seconds)
    steps = []
    for kill in kills:
        with monkeypatch.context() as patched:
            patched.setattr(Trainer, "step", _killed_at(kill))
            with pytest.raises(_Killed):
                _run(clips, tmp_path / "killed", **recipe)
    usual = Trainer.step
    monkeypatch.setattr(
        Trainer, "step", lambda self, each, found: steps.append(each) or usual(self, each, found)
    )
    assert _run(clips, tmp_path / "killed", **recipe).equals(curve)
    assert _bytes(tmp_path / "killed") == _bytes(tmp_path / "unbroken")
    # it went on where it was, or at the last epoch's end
    assert steps[0].number == (kills[-1] if seconds < 0 else kills[-1] // 4 * 4)


@pytest.mark.parametrize("damage", ["a flipped bit", "truncation", "no content"])
def test_a_damaged_state_is_said_and_training_begins_anew(
    damage: str,
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    curve = _run(clips, tmp_path / "unbroken")
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "step", _killed_at(5))
        with pytest.raises(_Killed):
            _run(clips, tmp_path / "killed")
    state = files_in(clips, tmp_path / "killed").state
    DAMAGE[damage](state)
    another_process()
    assert _run(clips, tmp_path / "killed").equals(curve)
    assert _bytes(tmp_path / "killed") == _bytes(tmp_path / "unbroken")
    assert f"the state of training in {state} is damaged" in capsys.readouterr().err


def test_a_full_disk_while_a_state_is_kept_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    kept.keep({"next": 1}, tmp_path / "state.pt")
    usual = torch.save
    file: Any = SimpleNamespace(write=full, flush=full)
    monkeypatch.setattr(torch, "save", lambda state, _: usual(state, file))
    with pytest.raises(UserError, match=r"The disk of .*state.pt is full"):
        kept.keep({"next": 2}, tmp_path / "state.pt")
    assert kept.read(tmp_path / "state.pt", "finetune", speaks=True) == {"next": 1}


def test_a_run_killed_after_its_last_step_writes_everything_again(
    clips: Path, tmp_path: Path
) -> None:
    _run(clips, tmp_path)
    before = _bytes(tmp_path)
    # as DVC does
    for name in ("curve.csv", "weights.safetensors"):
        (tmp_path / name).unlink()
    _run(clips, tmp_path)
    assert _bytes(tmp_path) == before


def test_memory_and_workers_change_no_byte(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for memory, workers in (("0", "1"), ("1", "1"), ("1", "3")):
        monkeypatch.setenv("SIGNAL_PERCEPTION_MEMORY", memory)
        monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", workers)
        _run(clips, tmp_path / f"{memory}-{workers}", **MIXED)
        found.append(_bytes(tmp_path / f"{memory}-{workers}"))
    assert found[0] == found[1] == found[2]


def test_the_curve_has_a_row_per_epoch_while_it_runs(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _run(clips, tmp_path / "whole")
    assert list(whole.columns) == ["epoch", "lr", "loss", "top1"]
    assert whole["epoch"].tolist() == [0, 1, 2]
    assert all(0 <= each <= 100 for each in whole["top1"])
    # two steps an epoch
    monkeypatch.setattr(Trainer, "step", _killed_at(5))
    with pytest.raises(_Killed):
        _run(clips, tmp_path / "killed")
    found = pd.read_csv(tmp_path / "killed/curve.csv")
    pd.testing.assert_frame_equal(found, whole.head(2))
    log = pd.read_csv(tmp_path / "whole/logs/log.csv")
    assert list(log.columns) == ["epoch", "seconds", "clips_per_second", "memory_mib"]
    assert log["epoch"].tolist() == [0, 1, 2]
    assert min(log["clips_per_second"]) > 0


def test_top1_of_mixed_clips_is_that_of_clips_as_they_are(clips: Path, tmp_path: Path) -> None:
    curve = _run(clips, tmp_path, **MIXED)
    # of the seven videos
    assert all(round(each / 100 * 7, 6) in range(8) for each in curve["top1"])


def test_videos_kept_out_are_scored_and_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(tmp_path / "train.zarr", range(12))
    groups = property(lambda self: list("aabbccddeeff"), lambda self, _: None)
    monkeypatch.setattr(run.HeldStore, "groups", groups, raising=False)
    curve = _run(tmp_path / "train.zarr", tmp_path / "run", validation=0.3)
    assert list(curve.columns)[-2:] == ["validation_loss", "validation_top1"]
    # two groups of two videos
    assert all(each / 25 in range(5) for each in curve["validation_top1"])
    with pytest.raises(UserError, match=r"recipe.validation is 0.9, but of the 12 training videos"):
        _run(tmp_path / "train.zarr", tmp_path / "most", validation=0.9)


def test_outputs_are_told_apart(tmp_path: Path) -> None:
    found = dvcfile.stages(default_study(tmp_path))[f"finetune@shapes-{MODEL}-0"]
    weights, start = found.out("data/weights/shapes"), found.out("data/weights/shapes-start")
    assert weights == Path(f"data/weights/shapes/{MODEL}-0.safetensors")
    assert start == Path(f"data/weights/shapes{params.START}/{MODEL}-0.safetensors")
