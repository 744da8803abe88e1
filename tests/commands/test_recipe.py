"""`signal-perception recipe`: every value of every published recipe says where it comes from."""

import json
from pathlib import Path

import pytest

from signal_perception.commands.recipe import recipe
from signal_perception.pipeline import params, sources
from signal_perception.pipeline.errors import UserError
from tests.support.project import ROOT
from tests.support.study import default_study

BASE = sorted(path.stem for path in (ROOT / params.MODELS).glob("*.yaml"))
DATASETS = ("hmdb51", "ucf101")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the parameter files; the current directory."""
    monkeypatch.chdir(tmp_path)
    return default_study(tmp_path)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("model", BASE)
def test_every_value_of_a_published_recipe_has_a_source(model: str, dataset: str) -> None:
    sources.refuse_without_source(model, "base", dataset, ROOT)
    found = {value.key for value in sources.values(model, "base", dataset, ROOT)}
    needed = {"epochs", "batch", "optimiser", "lr", "lr_batch", "weight_decay", "schedule"}
    assert {f"recipe.{key}" for key in needed} <= found
    assert {"protocol.clips", "protocol.crops", "pretrained.file"} <= found


def test_there_are_nine_models() -> None:
    assert len(BASE) == 9


MADE_UP = """# Ours: all of it.
base:
  network: {}
  input:
    # Authors: a.py.
    frames: 8
    on:
      hmdb51:
        stride: 2
  recipe:
    batch: 4
    # Authors: configs/
    # b.py.
    lr: 0.1
    crop_area:
    - 0.5
    - 1.0
"""


def _made_up(root: Path, text: str) -> None:
    (root / "params/models/made_up.yaml").write_text(text, encoding="utf-8")


def test_a_value_without_a_source_is_refused(root: Path) -> None:
    # the entry says whose it is, so nothing is missing
    _made_up(root, MADE_UP)
    sources.refuse_without_source("made_up", "base", "ucf101")
    _made_up(root, MADE_UP.replace("# Ours: all of it.", "# Made up."))
    with pytest.raises(UserError, match=r"made_up.yaml: base.recipe.batch is 4, and it has no sou"):
        sources.refuse_without_source("made_up", "base", "ucf101")
    said = MADE_UP.replace("# Ours: all of it.\n", "").replace(
        "    batch: 4", "    # Four.\n    batch: 4"
    )
    _made_up(root, said)
    with pytest.raises(
        UserError, match=r"base.recipe.batch is 4, and its source is 'Four.'; write"
    ):
        sources.refuse_without_source("made_up", "base", "ucf101")
    # what is of one data set alone needs its own
    _made_up(root, said.replace("# Four.", "# Ours: four."))
    sources.refuse_without_source("made_up", "base", "ucf101")
    with pytest.raises(UserError, match=r"base.input.on.hmdb51.stride is 2, and it has no source"):
        sources.refuse_without_source("made_up", "base", "hmdb51")


def test_a_source_is_that_of_the_nearest_key_above(root: Path) -> None:
    _made_up(root, MADE_UP)
    found = {value.key: value for value in sources.values("made_up", "base", "hmdb51")}
    assert found["input.frames"].source == "Authors: a.py."
    # a path that goes on in the next line
    assert found["recipe.lr"].source == found["recipe.crop_area"].source
    assert found["recipe.lr"].source == "Authors: configs/b.py."
    assert found["recipe.batch"].source == "Ours: all of it."
    assert found["input.stride"].own and found["input.stride"].source == ""
    assert not found["input.frames"].own


def test_the_command_prints_values_sources_and_overrides(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe("videomae_v2", "hmdb51", "base", False, False)
    text = capsys.readouterr().out
    lines = [line.split() for line in text.splitlines()]
    assert text.startswith("videomae_v2 at size base on hmdb51: params/models/videomae_v2.yaml\n")
    source = "Authors: scripts/finetune/vit_g_k710_it_hmdb51_ft.sh."
    assert ["input.stride", "2", *source.split()] in lines
    assert "of hmdb51 alone: input.stride, 4 elsewhere" in text
    assert ["highest", "rate", "4.6875e-05"] in lines
    recipe("videomae_v2", "ucf101", "base", False, False)
    text = capsys.readouterr().out
    assert ["input.stride", "4"] in [line.split()[:2] for line in text.splitlines()]
    assert "of ucf101 alone: nothing" in text


def test_json_holds_what_the_stage_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model in BASE:
        for dataset in DATASETS:
            recipe(model, dataset, "base", False, True)
            found = json.loads(capsys.readouterr().out)
            entry = params.load().entry(model, "base", dataset)
            shown = {each["key"]: each["value"] for each in found["values"]} | found["defaults"]
            for part in ("input", "protocol", "recipe"):
                for key, value in params.plain(getattr(entry, part)).items():
                    name = f"{part}.{key}"
                    given = shown[name]
                    same = given == value or [given] * 3 == value
                    assert same, f"{model} on {dataset}: {name}"


def test_facts_by_hand(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def facts(model: str, dataset: str) -> dict[str, float]:
        recipe(model, dataset, "base", False, True)
        return json.loads(capsys.readouterr().out)["facts"]

    # 5e-4 · 128 videos / 256
    v1 = facts("videomae_v1", "ucf101")
    assert (v1["videos per step"], v1["highest rate"], v1["last rate"]) == (128, 2.5e-4, 5e-6)
    assert v1["views of a test video"] == 15
    swin = facts("swin", "ucf101")
    assert (swin["highest rate"], swin["highest rate of the head"]) == (1e-4, 1e-3)
    assert (swin["first rate"], swin["last rate"]) == (1e-5, 0.0)
    i3d = facts("i3d", "hmdb51")
    assert (i3d["first rate"], i3d["last rate"]) == (1e-3, 1e-5)


def test_what_does_not_exist_is_a_sentence(root: Path) -> None:
    with pytest.raises(UserError, match=r"no entry for swim at size base in params/models; there "):
        recipe("swim", "hmdb51", "base", False, False)
    with pytest.raises(UserError, match=r"no entry for swin at size huge"):
        recipe("swin", "hmdb51", "huge", False, False)
    with pytest.raises(UserError, match=r"no data set kinetics; params.yaml describes gestures, "):
        recipe("swin", "kinetics", "base", False, False)


def test_rates_of_groups_and_epochs_by_hand(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(model: str) -> dict:
        recipe(model, "hmdb51", "base", True, True)
        return json.loads(capsys.readouterr().out)

    v1 = told("videomae_v1")
    by_layer = {group["layer"]: group["rate"] for group in v1["groups"]}
    assert by_layer == pytest.approx({layer: 2.5e-4 * 0.7 ** (13 - layer) for layer in range(14)})
    # linearly from 0 over five epochs
    assert v1["rate by epoch"][:6] == pytest.approx([5e-5 * epoch for epoch in range(6)])
    swin = told("swin")
    assert sorted({group["rate"] for group in swin["groups"]}) == pytest.approx([1e-4, 1e-3])
    assert {name for g in swin["groups"] if g["scale"] == 10 for name in g["names"]} == {
        "head.bias",
        "head.weight",
    }
    assert {g["weight_decay"] for g in swin["groups"]} == {0.0, 0.02}
    v2 = told("uniformer_v2")
    assert sorted({group["rate"] for group in v2["groups"]}) == pytest.approx([1e-5, 2e-4])
    assert sum(group["values"] for group in v2["groups"]) > 110e6
    i3d = told("i3d")
    assert i3d["rate by epoch"][14:16] == pytest.approx(
        [i3d["rate by epoch"][0], i3d["rate by epoch"][0] / 10]
    )
    recipe("swin", "hmdb51", "base", True, False)
    assert "  rate × 10 = 0.001, weight decay 0.02: 2 tensors, " in capsys.readouterr().out
