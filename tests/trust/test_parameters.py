"""Parameter files from strangers: refused with one sentence before DVC or a shell sees them."""

import os
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from signal_perception.commands import use
from signal_perception.pipeline import params, stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.yamlfile import read_yaml
from tests.support.project import ROOT, change, copy, dvc, edit
from tests.support.study import default_study

SOURCE = {"kind": "folder", "manifest": None, "test_share": 0.3, "seed": 0}
NAMES = [
    "x; touch was_run",
    "$(touch was_run)",
    "`touch was_run`",
    "x' ; touch was_run ; '",
    "../../outside",
    "/etc",
    "-rf",
    "a\nb",
    "a b",
    "é",
    "",
    "x" * 65,
]
PATTERN = "but string should match pattern"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the parameter files, with the default study."""
    default_study(tmp_path)
    return tmp_path


def _refusal(root: Path) -> str:
    with pytest.raises(UserError) as caught:
        params.load(root)
    said = str(caught.value)
    assert "\n" not in said and said.endswith((".", "?")) and len(said) < 1000
    assert not list(root.rglob("was_run"))
    return said


def _study_of(root: Path, name: str) -> None:
    """Make a data set of this name the only one of the study."""
    with (root / "params.yaml").open(encoding="utf-8") as file:
        content = YAML().load(file)
    content["datasets"][name] = {"source": dict(SOURCE), "flip": False}
    content["study"] |= {"datasets": [name], "weights": [str(name)]}
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(content, file)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_data_set_is_a_word(name: str, root: Path) -> None:
    _study_of(root, name)
    assert PATTERN in _refusal(root)


@pytest.mark.parametrize("key", ["study.name", "study.size"])
@pytest.mark.parametrize("name", NAMES)
def test_other_names_are_words(key: str, name: str, root: Path) -> None:
    edit(root / "params.yaml", key, name)
    assert f"{key} is " in (said := _refusal(root)) and PATTERN in said


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("study.models", ["i3d; touch was_run"], PATTERN),
        ("study.models", ["../../src/x"], PATTERN),
        ("study.models", ["os"], "which does not exist"),
        ("study.weights", ["shapes", "../../x"], PATTERN),
        ("study.seeds", ["0; touch was_run"], "but input should be a valid integer"),
        ("study.seeds", ["0/../../../../x"], "but input should be a valid integer"),
        ("study.seeds", [10**60], "but input should be less than"),
        ("seed", float("inf"), "but input should be a valid integer"),
        ("datasets.gestures.source.manifest", "../../../etc/passwd", PATTERN),
        ("datasets.gestures.source.manifest", "/etc/passwd", PATTERN),
        ("noise.gamma", [float("nan")], "but input should be"),
        ("noise.grids.figure2.sigma", float("inf"), "but input should be a finite number"),
        ("noise.grids.figure2.panels", ["../x"], "figure2.panels is ['../x'], but"),
        ("noise.grids.figure2.panels", ["q; touch was_run"], "panels is ['q; touch was_run'], but"),
        ("noise.grids", {"../x": {"panels": "parts", "sigma": 1.0, "rho": 1.0}}, PATTERN),
        ("report.statistic", "x" * 10_000, "but input should be"),
        ("report", {"\x1b[2J": 1}, r"\x1b[2J is no known key"),
    ],
)
def test_what_becomes_a_path_or_a_word_is_checked(
    key: str, value: object, sentence: str, root: Path
) -> None:
    edit(root / "params.yaml", key, value)
    assert sentence in _refusal(root)


BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n"
    for old, new in zip("abcdefghijklmnopqrstuvwx", "bcdefghijklmnopqrstuvwxy")
)
TEXTS: dict[str, tuple[bytes, str]] = {
    "an alias bomb": (BOMB.encode(), r"*a stands for another part; write the part out (line 2)."),
    "a part that holds itself": (b"a: &a [*a]\n", "*a stands for another part"),
    "lists in lists": (b"a: " + b"[" * 100_000, "it is nested more than 30 deep"),
    "maps in maps": (b"{a: " * 50_000, "it is nested more than 30 deep"),
    "a key twice": (b"seed: 0\nseed: 1\n", 'found duplicate key "seed"; keep one of them (line 2)'),
    "an object of Python": (
        b"seed: !!python/object/apply:os.system ['touch was_run']\n",
        "could not determine a constructor for the tag",
    ),
    "a name of Python": (b"seed: !!python/name:os.system\n", "could not determine a constructor"),
    "Latin-1": ("name: é".encode("latin-1"), "is no text in UTF-8 (byte 6); save it as UTF-8."),
    "UTF-16": ("seed: 0".encode("utf-16"), "is no text in UTF-8 (byte 0)"),
    "a control character": (b"seed: \x1b[31m0\n", "is not valid YAML"),
    "tabs": (b"study:\n\tname: x\n", "cannot start any token (line 2)"),
    "a number of 5,000 digits": (b"seed: " + b"9" * 5000, "is not valid YAML"),
    "nothing": (b"", "holds no keys"),
    "a list": (b"- 1\n", "holds no keys"),
    "two documents": (b"a: 1\n---\nb: 1\n", "is not valid YAML"),
}


@pytest.mark.parametrize("attack", TEXTS)
def test_hostile_yaml_is_refused_quickly(attack: str, root: Path) -> None:
    content, sentence = TEXTS[attack]
    (root / "params.yaml").write_bytes(content)
    start = time.process_time()
    said = _refusal(root)
    assert time.process_time() - start < 5
    assert sentence in said


def test_a_file_of_100_mb_is_not_read(root: Path) -> None:
    with (root / "params.yaml").open("wb") as file:
        file.truncate(100_000_000)
    assert "params.yaml has 100000000 bytes, and files of parameters have at most" in _refusal(root)


def test_a_mark_of_windows_before_the_text_is_no_mistake(root: Path) -> None:
    path = root / "params.yaml"
    before = read_yaml(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_yaml(path) == before


@pytest.mark.parametrize(
    ("preset", "sentence"),
    [
        ("study:\n  name: ../../x\n", PATTERN),
        ("study:\n  datasets: [x; touch was_run]\n", PATTERN),
        ("models:\n  ../../presets/default:\n    tiny: {}\n", "has no file"),
        ("models:\n  swin:\n    base:\n      pretrained:\n        file: ../../x\n", PATTERN),
        ("a: &a [*a]\n", "stands for another part"),
    ],
)
def test_a_strangers_preset_changes_nothing(preset: str, sentence: str, root: Path) -> None:
    (root / "presets").mkdir(exist_ok=True)
    (root / "presets/default.yaml").write_text("study:\n  name: default\n", encoding="utf-8")
    (root / "mine.yaml").write_text(preset, encoding="utf-8")
    files = {path: path.read_bytes() for path in root.rglob("*.yaml")}
    with pytest.raises(UserError) as caught:
        use.use(root / "mine.yaml", root)
    assert sentence in str(caught.value)
    assert {path: path.read_bytes() for path in root.rglob("*.yaml")} == files


def test_no_command_of_a_stage_has_a_value_of_the_parameters() -> None:
    for name, block in read_yaml(ROOT / "dvc.yaml")["stages"].items():
        assert block["cmd"] == f"PYTHONPATH=src python stages/{name}.py"


def test_folders_named_by_the_study_are_not_deleted_by_dvc() -> None:
    # DVC deletes an output before its stage runs, which would refuse a name that leads elsewhere
    for block in read_yaml(ROOT / "dvc.yaml")["stages"].values():
        for each in block["outs"]:
            if "${study." in str(each):
                assert next(iter(each.values())).get("persist") is True


@pytest.mark.parametrize("name", ["decode@-rf", "decode@x; touch was_run", "decode@../../x"])
def test_a_stage_that_dvc_begins_under_a_hostile_name_is_refused(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(dataset: str) -> None:
        raise AssertionError(f"was run with {dataset}")

    _study_of(root, name.partition("@")[2])
    monkeypatch.chdir(root)
    monkeypatch.setenv("DVC_STAGE", name)
    monkeypatch.setattr(sys, "argv", ["decode.py"])
    with pytest.raises(SystemExit) as ended:
        stage.run(main)
    assert ended.value.code == 1
    assert PATTERN in capsys.readouterr().err


def test_a_stage_learns_from_dvc_what_it_is_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple] = []

    def main(dataset: str, model: str, seed: int) -> None:
        found.append((dataset, model, seed))

    monkeypatch.chdir(root)
    for name in ("finetune@shapes-swin-0", "../dvc.yaml:finetune@shapes-swin-0"):
        monkeypatch.setenv("DVC_STAGE", name)
        monkeypatch.setattr(sys, "argv", ["finetune.py"])
        with pytest.raises(SystemExit) as ended:
            stage.run(main)
        assert ended.value.code == 0
    assert found == [("shapes", "swin", 0)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x; touch was_run", "$(touch was_run)"])
def test_plain_dvc_runs_no_word_of_a_parameter_file(name: str, tmp_path: Path) -> None:
    project = copy(tmp_path / "project")
    _study_of(project, name)
    (project / "data/raw" / name).mkdir(parents=True)
    done = dvc(project, "repro", "decode")
    assert done.returncode
    assert PATTERN in done.stderr
    assert not list(tmp_path.rglob("was_run"))


@pytest.mark.slow
def test_plain_dvc_deletes_nothing_outside_the_project(tmp_path: Path) -> None:
    project = copy(tmp_path / "project")
    mine = tmp_path / "mine/tables/table1.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", encoding="utf-8")
    change(project, {"study.name": os.path.relpath(tmp_path / "mine", project / "reports")})
    done = dvc(project, "repro", "--force", "--single-item", "report")
    assert done.returncode
    assert "study.name is '../../mine'" in done.stderr
    assert mine.read_text(encoding="utf-8") == "mine"
