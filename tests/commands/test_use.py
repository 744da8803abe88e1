"""`signal-perception use`: a preset is the default study with its own keys, and nothing else."""

from collections.abc import Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from signal_perception.commands.use import use, use_command
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from tests.support.project import change
from tests.support.study import PRESETS, default_study


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the parameter files and the presets, with the default study."""
    return default_study(tmp_path)


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.yaml")}


def _preset(root: Path, text: str) -> Path:
    path = root / "presets/mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _lines(root: Path, preset: Path | str) -> list[str]:
    path = preset if isinstance(preset, Path) else root / f"presets/{preset}.yaml"
    return [str(change) for change in use(path, root)]


def _refusal(root: Path, preset: Path) -> str:
    before = _files(root)
    with pytest.raises(UserError) as caught:
        use(preset, root)
    assert _files(root) == before
    assert [path.name for path in root.iterdir() if path.name.startswith(".")] == []
    message = str(caught.value)
    assert "\n" not in message and message.endswith((".", "?"))
    return message


SMALL = """study:
  models:
  - i3d
  - swin
report:
  dpi: 50
spectra:
  bootstrap: 100
models:
  swin:
    tiny:
      recipe:
        lr: 0.001
"""


def _add_to_default(root: Path, text: str, *, models: str = "") -> None:
    """Add keys at the end, and those of models to the models that are there."""
    path = root / "presets/default.yaml"
    content = path.read_text(encoding="utf-8")
    if models and "\nmodels:\n" in content:
        content = content.replace("\nmodels:\n", f"\nmodels:\n{models}")
    elif models:
        content += f"models:\n{models}"
    path.write_text(content + text, encoding="utf-8")


def _without_presets(root: Path) -> dict[str, bytes]:
    return {name: text for name, text in _files(root).items() if not name.startswith("presets")}


def _leaves(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def test_gestures_changes_exactly_its_keys(root: Path) -> None:
    before = _files(root)
    old = dict(_leaves(params.read_yaml(root / "params.yaml")))
    changes = _lines(root, "gestures")
    assert changes == [
        "study.size: tiny → gestures",
        "study.datasets: [shapes] → [gestures]",
        "study.models: [i3d, timesformer_divided, timesformer_joint, videomae_v1, videomae_v2, "
        "uniformer_v1, uniformer_v2, swin] → [i3d_inception]",
        "study.weights: [shapes] → [gestures, gestures-start]",
        "study.name: default → gestures",
        "cpu_threads: 1 → null",
        "noise.repeats: 6 → 3",
        "noise.gamma: [0.05, 0.45, 0.85] → [0.05, 0.45]",
        "noise.grids.figure2.sigma: [1.0, 4.0, 16.0] → [0.25, 1.0]",
        "noise.grids.figure3.sigma: [1.0, 4.0, 16.0] → [0.25, 1.0]",
        "noise.grids.figure4.sigma: 4.0 → 0.5",
        "noise.grids.figure4.rho: [0.25, 0.5, 1.0] → [0.5, 1.0]",
    ]
    after = _files(root)
    assert [name for name in before if before[name] != after[name]] == ["params.yaml"]

    def comments(text: bytes) -> list[str]:
        lines = text.decode().splitlines()
        return [line for line in lines if not line or line.lstrip().startswith("#")]

    assert comments(after["params.yaml"]) == comments(before["params.yaml"])
    new = dict(_leaves(params.read_yaml(root / "params.yaml")))
    changed = [key for key in old if old[key] != new[key]]
    assert sorted(changed) == sorted(change.split(":")[0] for change in changes)


@pytest.mark.parametrize("preset", PRESETS)
def test_default_leads_back_to_the_committed_bytes(root: Path, preset: str) -> None:
    before = _files(root)
    use(root / f"presets/{preset}.yaml", root)
    use(root / "presets/default.yaml", root)
    assert _files(root) == before


@pytest.mark.parametrize(("first", "second"), list(permutations(PRESETS, 2)))
def test_a_preset_does_not_depend_on_the_one_before(root: Path, first: str, second: str) -> None:
    use(root / f"presets/{second}.yaml", root)
    alone = _files(root)
    use(root / f"presets/{first}.yaml", root)
    use(root / f"presets/{second}.yaml", root)
    assert _files(root) == alone


def test_default_has_all_keys_of_all_presets(root: Path) -> None:
    default = dict(_leaves(params.read_yaml(root / "presets/default.yaml")))
    for preset in PRESETS:
        assert set(dict(_leaves(params.read_yaml(root / f"presets/{preset}.yaml")))) <= set(default)


def test_a_preset_is_the_default_study_with_its_own_keys(root: Path) -> None:
    """What an earlier preset set, and default.yaml names, does not survive."""
    change(root, {"spectra.bootstrap": 2000})
    _add_to_default(root, "spectra:\n  bootstrap: 2000\n")
    alone = _lines(root, "gestures")
    gestures = _without_presets(root)
    mine = _preset(root, "spectra:\n  bootstrap: 100\nnoise:\n  repeats: 3\n")
    changes = _lines(root, mine)
    assert (
        "spectra.bootstrap: 2000 → 100" in changes and "study.name: gestures → default" in changes
    )
    # nothing is said of what two presets share
    assert not any(line.startswith("noise.repeats") for line in changes)
    again = _lines(root, "gestures")
    assert "spectra.bootstrap: 100 → 2000" in again
    assert {*again, "noise.repeats: 6 → 3"} == {*alone, "spectra.bootstrap: 100 → 2000"}
    assert _without_presets(root) == gestures


def test_default_restores_the_bytes_once_it_names_the_keys_of_a_preset(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {
        "spectra.bootstrap": 2000,
        "report.dpi": 110,
        "models.swin.tiny.recipe.lr": 0.002,
    }
    change(root, values)
    monkeypatch.chdir(root)
    before = _without_presets(root)
    _preset(root, SMALL)
    use_command("mine")
    *changes, note, first, second, third = capsys.readouterr().out.splitlines()
    assert changes == [
        "study.models: [i3d, timesformer_divided, timesformer_joint, videomae_v1, videomae_v2, "
        "uniformer_v1, uniformer_v2, swin] → [i3d, swin]",
        "report.dpi: 110 → 50",
        "spectra.bootstrap: 2000 → 100",
        "params/models/swin.yaml:tiny.recipe.lr: 0.002 → 0.001",
    ]
    assert note == (
        "presets/default.yaml does not name report.dpi, "
        "spectra.bootstrap, models.swin.tiny.recipe.lr, so `signal-perception use default` will "
        "not lead back; add them there as they were before:"
    )
    assert first == "  report.dpi: 110"
    assert second == "  spectra.bootstrap: 2000"
    assert third == "  models.swin.tiny.recipe.lr: 0.002"
    use_command("default")
    assert _without_presets(root) != before
    assert "does not name" not in capsys.readouterr().out
    _add_to_default(
        root,
        "report:\n  dpi: 110\nspectra:\n  bootstrap: 2000\n",
        models="  swin:\n    tiny:\n      recipe:\n        lr: 0.002\n",
    )
    use_command("default")
    assert _without_presets(root) == before
    use_command("mine")
    use_command("gestures")
    use_command("default")
    assert _without_presets(root) == before
    assert "does not name" not in capsys.readouterr().out


def test_the_note_says_what_was_absent(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    _preset(
        root,
        "datasets:\n  mine:\n    source:\n      kind: ucf101\n      split: 1\n    flip: false\n",
    )
    use_command("mine")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "presets/default.yaml does not name datasets.mine, so `signal-perception use default` will "
        "not lead back; add it there as it was before:",
        "  datasets.mine: absent, so take it out by hand",
    ]


def test_without_the_default_nothing_is_used(root: Path) -> None:
    (root / "presets/default.yaml").unlink()
    message = _refusal(root, root / "presets/gestures.yaml")
    assert message.startswith("There is no presets/default.yaml, ")


def test_the_poster_has_its_own_grids(root: Path) -> None:
    use(root / "presets/poster.yaml", root)
    study = params.load(root)
    grids = study.noise.grids
    gammas = len(study.noise.gamma)
    cells = {name: len(g.sigma) * gammas * len(g.rho) for name, g in grids.items()}
    assert cells == {"figure2": 25, "figure3": 25, "figure4": 20}
    assert len(study.study.models) == 8
    assert study.model("i3d").input.size == 224


def test_keys_of_a_model_go_to_its_file(root: Path) -> None:
    preset = _preset(
        root,
        "models:\n"
        "  swin:\n"
        "    tiny:\n"
        "      recipe:\n"
        "        lr: 0.001\n"
        "        mixup: 0.2\n"
        "    mine:\n"
        "      network: {}\n",
    )
    message = _refusal(root, preset)
    assert "params/models/swin.yaml: mine." in message and "is missing" in message
    text = preset.read_text(encoding="utf-8").split("    mine:")[0]
    change(root, {"seed": 0, "models.swin.tiny.recipe.lr": 0.002})
    before = (root / "params/models/swin.yaml").read_text(encoding="utf-8")
    assert _lines(root, _preset(root, f"seed: 7\n{text}")) == [
        "seed: 0 → 7",
        "params/models/swin.yaml:tiny.recipe.lr: 0.002 → 0.001",
        "params/models/swin.yaml:tiny.recipe.mixup: absent → 0.2",
    ]
    assert params.load(root).seed == 7
    after = (root / "params/models/swin.yaml").read_text(encoding="utf-8")
    expected = before.replace("lr: 0.002", "lr: 0.001", 1)
    assert after == expected.replace("    - 1.0\n", "    - 1.0\n    mixup: 0.2\n", 1)


def test_a_comment_after_a_changed_list_is_kept(root: Path) -> None:
    path = root / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("  - swin\n", "  - swin\n  # mine\n"), encoding="utf-8")
    use(_preset(root, "study:\n  models:\n  - i3d\n  - swin\n"), root)
    assert "  - i3d\n  - swin\n  # mine\n" in path.read_text(encoding="utf-8")


def test_an_unknown_preset_is_refused_with_what_exists(root: Path) -> None:
    message = _refusal(root, root / "presets/gesture.yaml")
    assert message.startswith("There is no preset 'gesture'; ")
    assert "has check, default, gestures, poster." in message


BAD = {
    "study:\n  sise: base\n": "params.yaml: study.sise is no known key; did you mean study.size?",
    "noise:\n  repeats: 0\n": "params.yaml: noise.repeats is 0",
    "study:\n  size: huge\n": "params.yaml: study.size is 'huge'",
    "models:\n  swim:\n    tiny: {}\n": "models.swim has no file params/models/swim.yaml; ",
    "models:\n  swin:\n": "models.swin holds no sizes",
    "models:\n  swin:\n    tiny:\n      recipe:\n        rate: 1\n": (
        "params/models/swin.yaml: tiny.recipe.rate is no known key"
    ),
    "seed: 1\nmodels:\n  swin:\n    tiny:\n      input:\n        size: 4\n": (
        "params/models/swin.yaml: tiny.input.size is 4"
    ),
    "- seed\n": "holds no keys",
    "models: 1\n": "holds no keys",
    "seed: [\n": "is not valid YAML",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_preset_changes_nothing(root: Path, text: str) -> None:
    assert BAD[text] in _refusal(root, _preset(root, text))


def test_broken_parameters_are_refused_before_anything_is_written(root: Path) -> None:
    (root / "params.yaml").write_text("seed: [", encoding="utf-8")
    assert "is not valid YAML" in _refusal(root, root / "presets/gestures.yaml")


def test_the_command_prints_a_line_for_each_key(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    use_command("gestures")
    lines = capsys.readouterr().out.splitlines()
    assert "noise.repeats: 6 → 3" in lines and len(lines) == 12
    use_command("presets/gestures.yaml")
    assert "Nothing to change" in capsys.readouterr().out
