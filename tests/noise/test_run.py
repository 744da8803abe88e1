"""Units live on: a changed grid scores its new cells alone, a killed run goes on to equal bytes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from signal_perception.clips.store import ClipStore
from signal_perception.evaluate import predictions
from signal_perception.inference.fusion import fuse
from signal_perception.models.core.header import tensors_hash
from signal_perception.noise import precision, run, views
from signal_perception.noise.engine import Engine, Scored
from signal_perception.noise.run import Inputs
from signal_perception.noise.settings import Settings
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit, Write
from tests.support import predicted, tiny_model
from tests.support.damage import DAMAGE, another_process
from tests.support.noise_runs import (
    THIRDS,
    VIDEOS,
    evaluated,
    make_inputs,
    score,
    settings,
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return make_inputs(tmp_path_factory.mktemp("noise"))


class Call(NamedTuple):
    """What an engine was asked for: σ, kind, repeat, part."""

    sigma: float
    kind: str
    repeat: int
    part: int


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What every engine is asked for from now on."""
    calls: list[Call] = []
    score = Engine.score

    def noted(self: Engine, items: Sequence[Scored], done: Callable[[Scored, Write], None]) -> None:
        calls.extend(Call(i.cell.sigma, i.cell.kind, i.repeat, i.part) for i in items)
        score(self, items, done)

    monkeypatch.setattr(Engine, "score", noted)
    return calls


def files(units: Sequence[Unit[Scored]]) -> dict[str, bytes]:
    return {unit.result.name: unit.result.read_bytes() for unit in units}


def test_clean_cells_are_no_units_and_every_unit_has_a_file_of_its_own(inputs: Inputs) -> None:
    chosen = settings({"a": THIRDS, "b": THIRDS | {"kind": "activations"}}, worst_case=True)
    plan = run.plan_of(chosen, tiny_model.MODEL, inputs.clips)
    parts = run.parts_of(chosen, inputs.clips)
    found = run.units(plan.cells, 2, parts, Path("cache"))
    # thirds × σ: weights, their worst case and activations
    assert len(plan.cells) == 3 * 3 * 3
    assert len(found) == 3 * 2 * 3 * 2
    assert not any(unit.item.cell.clean for unit in found)
    assert len({unit.result for unit in found}) == len(found)
    assert parts == [tuple(range(VIDEOS))]
    other = run.units(plan.cells, 2, [tuple(range(VIDEOS - 1))], Path("cache"))
    assert not {unit.result for unit in found} & {unit.result for unit in other}


@pytest.mark.parametrize("which", ["all", "centre"])
@pytest.mark.parametrize(("rule", "fusion"), [("dense", "logits"), ("mmaction", "probabilities")])
def test_a_cell_that_reaches_nothing_scores_as_the_clean_model_to_the_bit(
    inputs: Inputs, which: str, rule: str, fusion: str, tmp_path: Path
) -> None:
    """So the clean accuracy, of evaluate's own logits, is that of the engine's clean model."""
    grid = {"panels": ["mlp"], "sigma": 1.0, "gamma": 1e-9, "rho": 1.0}
    plain = settings({"a": grid}, repeats=1, views=which).model_dump()
    plain["views"] = {"clips": 2, "crops": "protocol"}
    plain["model"]["input"] |= {"sampling": rule, "fusion": fusion}
    plain["model"]["protocol"] = {"clips": 1, "crops": 3}
    chosen = Settings.model_validate(plain)
    made = replace(inputs, predictions=evaluated(inputs, chosen, tmp_path))
    (unit,) = score(made, chosen, tmp_path)
    clean = views.clean(chosen, made.predictions, ClipStore(inputs.clips).ids)
    with np.load(unit.result) as found:
        assert np.array_equal(found["scores"], clean)
    # all views are what Table 1 rests on, one of them is not
    whole = predictions.read(made.predictions).scores
    assert np.array_equal(clean, whole) == (which == "all")
    centre = {"dense": 4, "mmaction": 5}[rule]
    chosen_views = range(6) if which == "all" else [centre]
    logits = predictions.logits(made.predictions)[:, list(chosen_views)]
    assert np.array_equal(clean, fuse(logits, fusion))


def test_only_new_cells_are_scored(inputs: Inputs, asked: list[Call], tmp_path: Path) -> None:
    def grid(*sigma: float) -> dict[str, dict[str, Any]]:
        return {"a": {"panels": ["mlp"], "sigma": list(sigma), "rho": 1.0}}

    units = score(inputs, settings(grid(0.1, 0.2)), tmp_path)
    assert {(call.sigma, call.repeat) for call in asked} == {
        (0.1, 0),
        (0.1, 1),
        (0.2, 0),
        (0.2, 1),
    }
    assert len(asked) == len(units) == 4
    asked.clear()
    score(inputs, settings(grid(0.2, 0.3)), tmp_path)
    assert asked == [Call(0.3, "weights", 0, 0), Call(0.3, "weights", 1, 0)]
    asked.clear()
    score(inputs, settings(grid(0.1, 0.2, 0.3), repeats=3, bootstrap=500), tmp_path)
    assert {(call.sigma, call.repeat) for call in asked} == {(0.1, 2), (0.2, 2), (0.3, 2)}
    assert len(asked) == 3


def test_a_run_killed_three_times_goes_on_to_equal_bytes(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings({"a": THIRDS}, worst_case=True, precision=6.0)
    (tmp_path / "once").mkdir()
    expected = files(score(inputs, chosen, tmp_path / "once"))
    (tmp_path / "killed").mkdir()
    whole, finished = Engine.score, 0
    for kill in (3, 5, 17):

        def killed(self: Engine, items: Sequence[Scored], done: Any, kill: int = kill) -> None:
            def done_until(item: Scored, write: Write) -> None:
                if len(list((tmp_path / "killed/cache").glob("*.npz"))) == kill:
                    raise KeyboardInterrupt
                done(item, write)

            whole(self, items, done_until)

        monkeypatch.setattr(Engine, "score", killed)
        with pytest.raises(KeyboardInterrupt):
            score(inputs, chosen, tmp_path / "killed")
        finished = len(list((tmp_path / "killed/cache").glob("*.npz")))
        assert finished == kill
    again: list[Scored] = []

    def noted(self: Engine, items: Sequence[Scored], done: Any) -> None:
        again.extend(items)
        whole(self, items, done)

    monkeypatch.setattr(Engine, "score", noted)
    found = files(score(inputs, chosen, tmp_path / "killed"))
    assert found == expected
    assert len(again) == len(expected) - finished


@pytest.mark.parametrize("damage", ["a flipped bit", "truncation"])
def test_a_damaged_cell_is_scored_again(
    damage: str, inputs: Inputs, asked: list[Call], tmp_path: Path
) -> None:
    chosen = settings({"a": THIRDS | {"sigma": 0.3}}, worst_case=True)
    units = score(inputs, chosen, tmp_path)
    expected, gradient = files(units), tmp_path / "cache/gradient.safetensors"
    learnt = gradient.read_bytes()
    for file in (units[1].result, gradient):
        DAMAGE[damage](file)
    another_process()
    asked.clear()
    assert files(score(inputs, chosen, tmp_path)) == expected
    assert len(asked) == 1
    assert units[1].item.cell.kind == "gradient"
    assert gradient.read_bytes() == learnt


def test_a_precise_cell_stops_and_a_noisy_one_goes_on(
    inputs: Inputs, asked: list[Call], tmp_path: Path
) -> None:
    grids = {"a": {"panels": ["mlp"], "sigma": [1e-9, 3.0], "rho": 1.0}}
    chosen = settings(grids, precision=3.0)
    units = score(inputs, chosen, tmp_path)
    parts = run.parts_of(chosen, inputs.clips)
    assert [len(part) for part in parts] == [len(part) for part in precision.parts(VIDEOS, 3.0)]
    assert len(parts) > 2
    assert sorted(video for part in parts for video in part) == list(range(VIDEOS))
    looks: dict[float, int] = {}
    for unit in units:
        looks[unit.item.cell.sigma] = max(looks.get(unit.item.cell.sigma, 0), unit.item.part)
        assert unit.finished
    # what says what the clean model says is known after one look
    assert looks[1e-9] == 0
    assert looks[3.0] == _looks(units, inputs, parts, 3.0) > 0
    # both repeats score the same videos
    assert len(units) == 2 * sum(last + 1 for last in looks.values())
    assert [call.part for call in asked] == sorted(call.part for call in asked)
    # where more is wanted, parts scored before are not scored again; with less none is
    asked.clear()
    score(inputs, settings(grids, precision=20.0), tmp_path)
    assert asked == []
    score(inputs, settings(grids, precision=1e-9), tmp_path)
    assert {(call.sigma, call.part) for call in asked} == {
        (sigma, part) for sigma, last in looks.items() for part in range(last + 1, len(parts))
    }


def _looks(
    units: Sequence[Unit[Scored]], inputs: Inputs, parts: Sequence[Sequence[int]], asked: float
) -> int:
    """After which part the noisy cell is settled, by the files and the definition."""
    from signal_perception.statistics.accuracy import ranking

    labels = ClipStore(inputs.clips).labels
    clean = ranking(predictions.read(inputs.predictions).scores, labels)
    for last in range(len(parts)):
        videos = [video for part in parts[: last + 1] for video in part]
        hits = []
        for repeat in (0, 1):
            scores = [
                np.load(unit.result)["scores"]
                for unit in units
                if (unit.item.cell.sigma, unit.item.repeat) == (3.0, repeat)
                and unit.item.part <= last
            ]
            found = ranking(np.concatenate(scores), labels[videos])
            hits.append([found.hits(1), found.hits(5)])
        top1, top5 = np.array(hits).swapaxes(0, 1)
        if precision.settled(top1, top5, clean.hits(1), clean.hits(5), tuple(videos), asked):
            return last
    return len(parts) - 1


def test_predictions_of_other_videos_are_refused(inputs: Inputs, tmp_path: Path) -> None:
    table = pd.read_parquet(inputs.predictions)
    file, own = tmp_path / "other.parquet", tensors_hash(inputs.weights)
    other = Inputs(inputs.clips, inputs.training, inputs.weights, file)
    predicted.write(table.iloc[1:], file, own)
    chosen = settings({"a": THIRDS}, precision=5.0)
    with pytest.raises(UserError, match="run the stage evaluate again"):
        score(other, chosen, tmp_path)
    predicted.write(table, file, "0123456789")
    with pytest.raises(UserError) as refused:
        score(other, chosen, tmp_path)
    assert str(refused.value) == (
        f"{file} has predictions of other weights (weights_sha256 01234567…) than those that are "
        f"to be disturbed ({own[:8]}…); run the stage evaluate again."
    )
    assert not list((tmp_path / "cache").iterdir())


def test_what_a_run_will_cost_is_said_before_it_starts(
    inputs: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grids = {"a": THIRDS, "b": THIRDS | {"sigma": [0.3]}}
    score(inputs, settings(grids), tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == (
        "noise shapes: 12 places in figures are 9 cells: 3 are shared, 3 are clean and are not run"
    )
    assert lines[1] == (
        "noise shapes: 6 cells × 2 repeats × 200 videos × 1 view = 2400 forward passes of a clip"
    )
    assert lines[2].startswith("noise shapes: clean states save ")
    assert "; 0 of 12 units are done, the others take about 0.0 minutes" in lines[2]
    assert lines[3].startswith("noise shapes: 12 of 12 units, ")
    score(inputs, settings(grids), tmp_path)
    assert capsys.readouterr().err.splitlines()[:2] == lines[:2]


def test_the_gradient_is_computed_once_and_is_that_of_the_training_videos(
    inputs: Inputs, asked: list[Call], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings({"a": THIRDS | {"sigma": 0.3}}, worst_case=True)
    units = score(inputs, chosen, tmp_path)
    file = tmp_path / "cache/gradient.safetensors"
    assert file.is_file()
    clean = predictions.read(inputs.predictions).scores
    for unit in units:
        worst = unit.item.cell.kind == "gradient"
        assert (unit.item.cell in [each.item.cell for each in units[1::2]]) == worst
        assert not np.array_equal(np.load(unit.result)["scores"], clean)
    # what is there is not computed again
    monkeypatch.setattr(run, "loss_gradient", None)
    asked.clear()
    score(inputs, settings({"a": THIRDS | {"sigma": [0.3, 0.4]}}, worst_case=True), tmp_path)
    assert len(asked) == 3 * 2 * 2
