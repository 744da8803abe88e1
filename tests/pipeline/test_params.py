"""Every mistake in the parameters is refused by the full name of its key, in one sentence."""

from pathlib import Path

import pytest

from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from tests.support.project import ROOT, edit
from tests.support.study import default_study

SWIN = "params/models/swin.yaml"
DIVIDED = "params/models/timesformer_divided.yaml"
INCEPTION = "params/models/i3d_inception.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the parameter files, with the default study."""
    default_study(tmp_path)
    # its stages are not those of these tests
    (tmp_path / "dvc.yaml").unlink()
    return tmp_path


def _refusal(root: Path) -> str:
    with pytest.raises(UserError) as caught:
        params.load(root)
    message = str(caught.value)
    assert "\n" not in message and message.endswith((".", "?"))
    assert not message.endswith(("..", "?."))
    return message


def test_the_parameters_as_they_are_now_are_right() -> None:
    params.load(ROOT)


def test_the_default_parameters_are_right(root: Path) -> None:
    settings = params.load(root)
    assert settings.model("i3d").input.frames == 32
    assert len(settings.study.datasets) == 1
    assert set(settings.models) == {path.stem for path in (ROOT / params.MODELS).glob("*.yaml")}
    for name, sizes in settings.models.items():
        assert sizes, f"params/models/{name}.yaml holds no sizes; give at least one."


def test_what_a_model_leaves_out_has_its_default(root: Path) -> None:
    tiny = params.load(root).models["swin"]["tiny"]
    assert tiny.input.resize is None
    assert tiny.input.mean == (0.485, 0.456, 0.406)
    assert tiny.recipe.mixup == 0
    assert tiny.recipe.layer_decay is None
    assert tiny.pretrained is None


def test_one_number_stands_for_all_channels(root: Path) -> None:
    assert params.load(root).models["i3d_inception"]["base"].input.std == (0.5, 0.5, 0.5)


MISTAKES = [
    ("params.yaml", "study.sise", "tiny", "study.sise is no known key; did you mean study.size?"),
    ("params.yaml", "study.size", ..., "study.size is missing."),
    (
        "params.yaml",
        "study.size",
        "huge",
        "study.size is 'huge', which params/models/i3d.yaml does",
    ),
    ("params.yaml", "study.datasets", [], "study.datasets is []"),
    ("params.yaml", "study.datasets", ["shaps"], "study.datasets[0] is 'shaps', which does not"),
    (
        "params.yaml",
        "study.models",
        ["resnet"],
        "study.models[0] is 'resnet', which does not exist; params/models has ",
    ),
    ("params.yaml", "study.models", ["i3d", "i3d"], "study.models names the same entry twice"),
    ("params.yaml", "study.seeds", ..., "study.seeds is missing"),
    ("params.yaml", "study.seeds", [], "study.seeds is [], but tuple should have at least 1 item"),
    ("params.yaml", "study.seeds", [0, -1], "study.seeds[1] is -1, but input should be greater"),
    ("params.yaml", "study.seeds", [0, "1"], "study.seeds[1] is '1'"),
    ("params.yaml", "study.seeds", [2, 0, 2], "study.seeds names the same run twice: 2, 0, 2"),
    ("params.yaml", "study.name", "../mine", "study.name is '../mine'"),
    ("params.yaml", "study.weights", ["ucf101"], "study.weights leaves out shapes of study.datas"),
    (
        "params.yaml",
        "study.weights",
        ["shapes", "shaps-start"],
        "study.weights[1] is 'shaps-start'; give a data set that params.yaml describes (",
    ),
    (
        "params.yaml",
        "datasets.shapes-start",
        {"source": {"kind": "ucf101", "split": 1}, "flip": True},
        "datasets.shapes-start ends in -start, which stands for the weights that",
    ),
    ("params.yaml", "seed", True, "seed is True"),
    ("params.yaml", "decode.qualty", 95, "decode.qualty is no known key; did you mean decode.qual"),
    ("params.yaml", "decode.shard", ..., "decode.shard is missing"),
    ("params.yaml", "extract", ..., "extract is missing"),
    ("params.yaml", "views.clips", 0, "views.clips is 0, but input should be a number from 1, or "),
    ("params.yaml", "views.crops", 2, "views.crops is 2, but input should be 1, 3 or 'protocol'"),
    (SWIN, "base.protocol.crops", 2, "base.protocol.crops is 2, but input should be "),
    ("params.yaml", "models", {}, "models is no known key; known keys there: "),
    (
        "params.yaml",
        "datasets.gestures.source.manifesto",
        "m.csv",
        "datasets.gestures.source.manifesto is no known key; did you mean datasets.gestures.sour",
    ),
    ("params.yaml", "datasets.gestures.source.seed", ..., "datasets.gestures.source.seed is miss"),
    ("params.yaml", "datasets.hmdb51.source.split", 4, "datasets.hmdb51.source.split is 4"),
    (
        "params.yaml",
        "noise.gamma",
        [0.05, 1.3],
        "noise.gamma[1] is 1.3, but input should be less than or equal to 1",
    ),
    ("params.yaml", "noise.grids.figure3.sigma", [-0.1], "noise.grids.figure3.sigma[0] is -0.1"),
    ("params.yaml", "noise.grids.figure9", {}, "noise.grids.figure9.panels is missing"),
    (SWIN, "base.input.resize", 200, "base.input.resize is 200, smaller than the crop of 224"),
    (SWIN, "base.input", ..., "base.input is missing"),
    (SWIN, "tiny.input.mean", "grey", "tiny.input.mean is 'grey'"),
    (SWIN, "tiny.input.std", [0.2, 0.0, 0.2], "tiny.input.std is 0.2, 0, 0.2: pixels are divide"),
    (SWIN, "tiny.protocol", {"clips": 4, "crops": 2}, "tiny.protocol.crops is 2"),
    (SWIN, "tiny.recipe.crop_area", [1.0, 0.6], "tiny.recipe.crop_area is 1.0 to 0.6: give the "),
    (SWIN, "tiny.recipe.crop_area", [0.0, 0.6], "tiny.recipe.crop_area is 0.0 to 0.6: give the "),
    (SWIN, "tiny.recipe.crop_aspect", [2.0, 1.0], "tiny.recipe.crop_aspect is 2.0 to 1.0: give t"),
    (SWIN, "tiny.recipe.warmup_epochs", 17, "tiny.recipe.warmup_epochs is 17, more than the "),
    (SWIN, "tiny.recipe.min_lr", 0.1, "tiny.recipe.min_lr is 0.1, above lr, which is 0.002"),
    (SWIN, "tiny.recipe.warmup_lr", 0.1, "tiny.recipe.warmup_lr is 0.1, above lr, which is 0.00"),
    (SWIN, "tiny.recipe.steps", [4, 8], "tiny.recipe.steps is [4, 8] and schedule is cosine: step"),
    (SWIN, "tiny.recipe.schedule", "steps", "tiny.recipe.steps is [] and schedule is steps: steps"),
    (SWIN, "tiny.recipe.validation", 1.0, "tiny.recipe.validation is 1.0"),
    (SWIN, "tiny.recipe.lr_batch", 0, "tiny.recipe.lr_batch is 0"),
    (SWIN, "tiny.recipe.samples", 3, "tiny.recipe.samples is 3, and a batch of 16 clips is not so"),
    (SWIN, "tiny.recipe.randaugment", "rand-m7 n4", "tiny.recipe.randaugment is 'rand-m7 n4'"),
    (SWIN, "tiny.recipe.optimiser", "adam", "tiny.recipe.optimiser is 'adam'"),
    (
        SWIN,
        "tiny.input.on",
        {"shaps": {"stride": 2}},
        "tiny.input.on.shaps is no data set; para",
    ),
    (SWIN, "tiny.input.on", ["shapes"], "tiny.input.on holds no data sets; name one above its k"),
    (SWIN, "tiny.input.on", {"shapes": 2}, "tiny.input.on.shapes holds no keys; give some, or d"),
    (SWIN, "tiny.input.on", {"shapes": {"stride": 0}}, "tiny.input.on.shapes.stride is 0"),
    (
        SWIN,
        "tiny.recipe.on",
        {"shapes": {"epoch": 2}},
        "tiny.recipe.on.shapes.epoch is no known key; did you mean tiny.recipe.on.shapes.epochs?",
    ),
    (
        SWIN,
        "tiny.recipe.on",
        {"shapes": {"epochs": 1}},
        "tiny.recipe.on.shapes.warmup_epochs is 2, more than the 1 epochs in all",
    ),
    (INCEPTION, "tiny.recipe.learning", 1.0, "tiny.recipe.learning is no known key"),
    (INCEPTION, "gestures.recipe.lr", ..., "gestures.recipe.lr is missing"),
    (INCEPTION, "base.pretrained.sha256", "XYZ", "base.pretrained.sha256 is 'XYZ'"),
    (DIVIDED, "tiny.recipe.lr", "0.1", "tiny.recipe.lr is '0.1'"),
    (DIVIDED, "tiny.recipe.epochs", 1.5, "tiny.recipe.epochs is 1.5"),
    (DIVIDED, "tiny.recipe.batch_norm", "off", "tiny.recipe.batch_norm is 'off'"),
    (DIVIDED, "tiny.disturb", ..., "tiny.disturb is missing"),
]


@pytest.mark.parametrize(("file", "key", "value", "expected"), MISTAKES)
def test_a_mistake_is_named_in_full(
    root: Path, file: str, key: str, value: object, expected: str
) -> None:
    edit(root / file, key, value)
    assert f"{file}: {expected}" in _refusal(root)


STEPS = [
    ([8, 4], "tiny.recipe.steps is [8, 4]: give rising epochs, all below the "),
    ([4, 16], "tiny.recipe.steps is [4, 16]: give rising epochs, all below the "),
    ([4, 8], "tiny.recipe.min_lr is 1e-05, where a cosine ends, and schedule is steps"),
]


@pytest.mark.parametrize(("steps", "expected"), STEPS)
def test_steps_rise_and_end_before_the_last_epoch(
    root: Path, steps: list[int], expected: str
) -> None:
    edit(root / SWIN, "tiny.recipe.schedule", "steps")
    edit(root / SWIN, "tiny.recipe.steps", steps)
    assert f"{SWIN}: {expected}" in _refusal(root)


def test_an_override_is_of_one_data_set(root: Path) -> None:
    edit(root / SWIN, "tiny.input.on", {"hmdb51": {"stride": 7}})
    edit(root / SWIN, "tiny.protocol", {"clips": 2, "crops": 3, "on": {"hmdb51": {"clips": 4}}})
    edit(root / SWIN, "tiny.recipe.on", {"ucf101": {"epochs": 3}})
    edit(root / SWIN, "tiny.recipe.epochs", 16)
    settings = params.load(root)
    plain = settings.model("swin")
    assert (plain.input.stride, plain.recipe.epochs) == (1, 16)
    assert settings.model("swin", "shapes") == plain
    hmdb51, ucf101 = settings.model("swin", "hmdb51"), settings.model("swin", "ucf101")
    assert (hmdb51.input.stride, hmdb51.input.frames, hmdb51.recipe) == (7, 16, plain.recipe)
    # what the override does not name stays
    assert (hmdb51.protocol.clips, hmdb51.protocol.crops) == (4, 3)
    assert (ucf101.recipe.epochs, ucf101.recipe.lr, ucf101.input) == (3, 0.002, plain.input)
    assert settings.entry("swin", "base", "shapes") == settings.models["swin"]["base"]


def test_broken_yaml_and_a_missing_file_are_sentences(root: Path) -> None:
    (root / SWIN).write_text("tiny: [", encoding="utf-8")
    assert f"{SWIN} is not valid YAML" in _refusal(root)
    (root / SWIN).write_text("- tiny\n", encoding="utf-8")
    assert f"{SWIN} holds no sizes" in _refusal(root)
    (root / SWIN).unlink()
    assert "study.models[7] is 'swin', which does not exist" in _refusal(root)
    (root / "params.yaml").write_text("seed: [", encoding="utf-8")
    assert "params.yaml is not valid YAML" in _refusal(root)
    (root / "params.yaml").unlink()
    assert "There is no" in _refusal(root)


def test_a_model_of_the_study_lacks_its_size(root: Path) -> None:
    edit(root / SWIN, "tiny", ...)
    assert (
        f"params.yaml: study.size is 'tiny', which {SWIN} does not have; it has base"
        in _refusal(root)
    )


def test_a_size_may_have_any_name(root: Path) -> None:
    edit(root / "params.yaml", "study.models", ["i3d_inception"])
    edit(root / "params.yaml", "study.size", "gestures")
    assert params.load(root).model("i3d_inception").input.size == 160
