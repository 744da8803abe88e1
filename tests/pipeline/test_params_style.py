"""Parameter files are short, and in the style in which DVC writes: a change is one line."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update
from ruamel.yaml import YAML

from signal_perception.pipeline import params
from tests.support.project import ROOT, change, edit
from tests.support.study import PRESETS, default_study

SWIN = "params/models/swin.yaml"
DIVIDED = "params/models/timesformer_divided.yaml"
FILES = [
    "params.yaml",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / params.MODELS).glob("*.yaml"))),
    *(f"presets/{preset}.yaml" for preset in PRESETS),
]
# The data sets with which the project comes.
DATASETS = {"shapes", "gestures", "hmdb51", "ucf101"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the parameter files, with the default study."""
    default_study(tmp_path)
    # its stages are not those of these tests
    (tmp_path / "dvc.yaml").unlink()
    return tmp_path


def test_params_yaml_can_be_read_at_a_sitting(root: Path) -> None:
    for dataset in set(params.load(root).datasets) - DATASETS:
        edit(root / "params.yaml", f"datasets.{dataset}", ...)
    assert len((root / "params.yaml").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("file", FILES)
def test_the_files_are_in_the_style_that_dvc_writes(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert dumps_yaml(parse_yaml_for_update(text, file)) == text


@pytest.mark.parametrize("file", FILES)
def test_no_changed_list_takes_a_comment_along(file: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    text = (ROOT / file).read_text(encoding="utf-8")
    for key in _lists(YAML(typ="safe").load(text)):
        path.write_text(text, encoding="utf-8")
        for value in ("[7]", "[7,8,9,10,11]", "[]"):
            apply_overrides(path, [f"{key}={value}"])
        assert _without_items(path.read_text(encoding="utf-8")) == _without_items(text), key


def test_an_override_of_a_number_changes_its_line_alone(root: Path) -> None:
    change(root, {"models.swin.tiny.recipe.lr": 0.002})
    before = (root / SWIN).read_text(encoding="utf-8")
    apply_overrides(root / SWIN, ["tiny.recipe.lr=0.5"])
    assert (root / SWIN).read_text(encoding="utf-8") == before.replace("lr: 0.002", "lr: 0.5", 1)


def test_an_experiment_may_change_what_is_of_one_data_set(root: Path) -> None:
    before = (root / DIVIDED).read_text(encoding="utf-8")
    apply_overrides(root / DIVIDED, ["base.input.on.hmdb51.stride=4"])
    after = (root / DIVIDED).read_text(encoding="utf-8")
    assert after == before.replace("        stride: 8\n", "        stride: 4\n", 1) != before
    entry = params.load(root).entry("timesformer_divided", "base", "hmdb51")
    assert entry.input.stride == 4


def test_an_experiment_changes_one_line(root: Path) -> None:
    (root / "dvc.yaml").write_text(
        "stages:\n"
        "  trial:\n"
        "    cmd: echo done > result\n"
        "    params:\n"
        "    - seed\n"
        f"    - {SWIN}:\n"
        "      - ${study.size}.network\n"
        "      - ${study.size}.recipe\n"
        "    outs:\n"
        "    - result\n",
        encoding="utf-8",
    )
    change(root, {"seed": 0, "models.swin.tiny.recipe.lr": 0.002})
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    dvc = [sys.executable, "-m", "dvc"]

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        return done.stdout

    run("git", "init", "-q")
    run(*dvc, "init", "-q")
    run(*dvc, "repro", "-q")
    run("git", "add", "-A")
    run("git", *author, "commit", "-q", "-m", "start")
    for setting, file, old, new in (
        ("seed=1", "params.yaml", "seed: 0", "seed: 1"),
        (f"{SWIN}:tiny.recipe.lr=0.5", SWIN, "    lr: 0.002", "    lr: 0.5"),
    ):
        run(*dvc, "exp", "run", "-q", "-S", setting)
        assert run("git", "diff", "--name-only").split() == ["dvc.lock", file]
        changed = [
            line
            for line in run("git", "diff", "-U0", "--", file).splitlines()
            if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))
        ]
        assert changed == [f"-{old}", f"+{new}"]
        run("git", "checkout", "-q", ".")


def _lists(content: Any, above: str = "") -> Iterator[str]:
    """Full names of all keys whose value is a list."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _lists(value, f"{above}{key}.")
        elif isinstance(value, list):
            yield f"{above}{key}"


def _without_items(text: str) -> list[str]:
    """The lines of a file but for the entries of its lists."""
    lines = (line.removesuffix(" []") for line in text.splitlines())
    return [line for line in lines if not line.lstrip().startswith("- ")]
