"""`signal-perception plan`: what follows, the work of each stage, where its minutes come from."""

import json
from pathlib import Path

import pytest

from signal_perception.commands import plan
from signal_perception.commands.forecast import counts, estimates, speeds
from signal_perception.pipeline import dvcfile, params, records
from signal_perception.pipeline.errors import UserError
from tests.support.project import set_keys
from tests.support.study import default_study

MACHINE = speeds.Machine("", 1.0, 1, 1)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(default_study(tmp_path))
    return tmp_path


def _forecast(found: dict | None = None, machine: speeds.Machine = MACHINE) -> estimates.Forecast:
    return estimates.Forecast(params.load(), machine, found or {})


def _estimate(name: str, **more: object) -> estimates.Estimate:
    return _forecast(**more).estimate(dvcfile.stages()[name])  # type: ignore[arg-type]


def _record(name: str, seconds: float, **more: object) -> dict:
    stage = dvcfile.stages()[name]
    about = {"stage": name, "seconds": seconds, "device": "cpu", "params": dvcfile.declared(stage)}
    # as it is read from its file
    return json.loads(json.dumps({name: {**about, "finished": "2031-05-06", **more}}))


def test_all_that_follows_is_planned_without_any_data(study: Path) -> None:
    found = plan.plan(params.load(), {"synthesise": [{"changed deps": {"data": "deleted"}}]})
    assert len(found.steps) == len(dvcfile.stages())
    assert all(step.seconds and step.size for step in found.steps)
    why = {step.stage: step.why for step in found.steps}
    assert why["synthesise"] == "has not run yet"
    assert why["decode@shapes"] == "follows synthesise"
    assert found.seconds >= found.side_by_side > 0


def test_one_model_is_planned_alone(study: Path) -> None:
    (study / "dvc.lock").write_text("stages:\n  finetune@shapes-swin-0:\n    cmd: x\n")
    changes = [{"changed deps": {"params/models/swin.yaml": {"tiny.recipe": "modified"}}}]
    found = plan.plan(params.load(), {"finetune@shapes-swin-0": changes})
    assert found.steps[0].why == "tiny.recipe modified"
    assert {step.stage.partition("@")[0] for step in found.steps} == {
        "finetune", "evaluate", "extract", "spectra", "features", "probe", "noise", "figures",
        "report",
    }  # fmt: skip
    assert all("swin" in step.stage or step.stage in ("figures", "report") for step in found.steps)


@pytest.mark.parametrize(
    ("stage", "key", "value", "times"),
    [
        ("finetune@shapes-swin-0", "params/models/swin.yaml:tiny.recipe.epochs", 56, 2.0),
        ("noise@shapes-swin-0", "params.yaml:noise.repeats", 12, 2.0),
        ("evaluate@shapes-swin-0", "params.yaml:views.clips", 2, 2.0),
        ("extract@shapes-swin-shapes-0", "params.yaml:extract.controls", ["static"], 0.5),
        ("decode@shapes", "params.yaml:datasets.shapes.source.train_per_class", 176, 2.0),
    ],
)
def test_work_scales(study: Path, stage: str, key: str, value: object, times: float) -> None:
    start = speeds.reference()["stages"][stage.partition("@")[0]]["start"]
    before = _estimate(stage).seconds
    file, _, name = key.partition(":")
    if name == "tiny.recipe.epochs":
        value = 2 * params.load().entry("swin", "tiny").recipe.epochs
    set_keys(study / file, {name: value})
    after = _estimate(stage).seconds
    assert before is not None and after is not None
    assert (after - start) / (before - start) == pytest.approx(times, rel=0.05)


def test_a_record_of_the_same_stage_comes_first(study: Path) -> None:
    name = "finetune@shapes-swin-0"
    found = {**_record(name, 100.0), **_record("finetune@shapes-i3d-0", 1.0)}
    estimate = _estimate(name, found=found)
    assert estimate.seconds == pytest.approx(100.0)
    assert estimate.source == "its run of 2031-05-06"


def test_a_record_is_scaled_to_what_is_asked_now(study: Path) -> None:
    name = "noise@shapes-swin-0"
    usual = _estimate(name).seconds
    found = _record(name, 200.0)
    set_keys(study / "params.yaml", {"noise.repeats": 12})
    more, estimate = _estimate(name).seconds, _estimate(name, found=found)
    assert usual is not None and more is not None
    assert estimate.seconds == pytest.approx(200.0 * more / usual)


def test_records_of_the_kind_stand_in(study: Path) -> None:
    usual = [_estimate(f"finetune@shapes-{model}-0").seconds for model in ("i3d", "swin")]
    assert usual[0] is not None and usual[1] is not None
    found = _record("finetune@shapes-i3d-0", 3 * usual[0])
    estimate = _estimate("finetune@shapes-swin-0", found=found)
    assert estimate.seconds == pytest.approx(3 * usual[1])
    assert estimate.source == "a run of finetune here"


@pytest.mark.parametrize(
    "more",
    [
        {"device": "GPU of another kind"},
        {"processor": "of another make"},
        {"work": [{"unit": "step", "count": 9, "before": 5, "seconds": 1.0}]},
        {"params": {"model": {}}},
    ],
    ids=["device", "processor", "resumed", "other parameters"],
)
def test_records_that_do_not_compare_are_left_out(study: Path, more: dict) -> None:
    name = "finetune@shapes-swin-0"
    estimate = _estimate(name, found=_record(name, 100.0, **more))
    assert estimate.source.startswith("committed rates")


def test_the_poster_is_planned_on_a_gpu_by_its_own_rates(study: Path) -> None:
    settings = params.load()
    assert settings.entry("swin", "base")
    set_keys(study / "params.yaml", {"study.size": "base", "study.datasets": ["ucf101"]})
    set_keys(study / "params.yaml", {"study.weights": ["ucf101"], "study.models": ["swin"]})
    gpu = speeds.Machine("H100", 1.0, 8, 8)
    estimate = _estimate("finetune@ucf101-swin-0", machine=gpu)
    recipe = params.load().model("swin", "ucf101").recipe
    # 36 clips/s: README, "On a GPU"
    expected = 9537 * recipe.epochs * recipe.samples / 36
    assert estimate.seconds == pytest.approx(expected, rel=0.05)
    assert "H100" in estimate.source


def test_a_folder_that_is_not_there_leaves_its_stages_unknown(study: Path) -> None:
    set_keys(study / "params.yaml", {"study.datasets": ["gestures"], "study.weights": ["gestures"]})
    estimate = _estimate("decode@gestures")
    assert estimate.seconds is None and "data/raw/gestures is not there" in estimate.source
    with pytest.raises(UserError, match="link or copy"):
        counts.counts(params.load(), "gestures")


def test_stages_side_by_side_wait_for_what_they_read() -> None:
    upstream = {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"b", "c"}}
    took = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 1.0}
    assert plan.side_by_side(took, upstream, 1) == 7.0
    assert plan.side_by_side(took, upstream, 2) == 5.0


def test_records_are_read_from_the_logs(study: Path) -> None:
    assert records.read() == {}
