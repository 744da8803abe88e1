"""Which stages run again after a change: the real dvc.yaml under real DVC, with stand-ins.

Every output of a stand-in is a hash of all that its stage declares, so anything that could change
a result does change it.
"""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML

from signal_perception.pipeline import dvcfile, lanes
from signal_perception.pipeline.errors import UserError
from tests.support.project import MODELS, ROOT, change, copy, dvc, environment

DATASET = "gestures"
STAND_IN = """
import hashlib, pathlib, sys
from ruamel.yaml import YAML

parts = dict(part.split("=", 1) for part in sys.argv[1:])
deps, outs, keys = (parts[name].split(",") for name in ("deps", "outs", "params"))

def files(path):
    path = pathlib.Path(path)
    if path.is_file():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return [file for file in files if "__pycache__" not in file.parts]

for out in outs:
    digest = hashlib.sha256(out.encode())
    for key in keys:
        file, key = key.split(":")
        value = YAML(typ="safe").load(pathlib.Path(file).read_text())
        for step in key.split("."):
            value = value[step]
        digest.update(f"{key}={value}".encode())
    for file in [file for dep in deps for file in files(dep)]:
        # decode keeps the splits apart: so does its stand-in
        other = {"train.zarr": "test_", "test.zarr": "train_"}
        if "clips" in out and file.name.startswith(other[pathlib.Path(out).name]):
            continue
        digest.update(str(file).encode() + file.read_bytes())
    pathlib.Path(out).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(out).write_text(digest.hexdigest())
"""


def _paths(entries: list) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def _keys(entries: list) -> list[str]:
    """Declared parameters as file:key."""
    found = []
    for entry in entries:
        if isinstance(entry, str):
            found.append(f"params.yaml:{entry}")
        else:
            found += [f"{file}:{key}" for file, keys in entry.items() for key in keys]
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names: dict[str, object] = {"study.datasets": [DATASET], "study.weights": [DATASET]}
    folder = copy(tmp_path_factory.mktemp("reruns") / "study", names)
    yaml = YAML()
    content = yaml.load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    for stage in content["stages"].values():
        outs = [
            path for kind in ("outs", "metrics", "plots") for path in _paths(stage.get(kind, []))
        ]
        parts = {"deps": _paths(stage["deps"]), "outs": outs, "params": _keys(stage["params"])}
        words = (f"{name}={','.join(values)}" for name, values in parts.items())
        stage["cmd"] = "python stand_in.py " + " ".join(words)
    with (folder / "dvc.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
    (folder / "stand_in.py").write_text(STAND_IN, encoding="utf-8")
    for split in ("train", "test"):
        video = folder / "data/raw" / DATASET / "wave" / f"{split}_0.avi"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_text(split, encoding="utf-8")
    _repro(folder)
    return folder


def _repro(folder: Path) -> set[str]:
    done = dvc(folder, "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")
    }


def _replace(file: str, old: str, new: str):
    def edit(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def _append(file: str):
    def edit(folder: Path) -> None:
        path = folder / file
        path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")

    return edit


def _set(key: str, value: object):
    return lambda folder: change(folder, {key: value})


def _add_key_to_the_report(folder: Path) -> None:
    """A new key of the report, with its field in the report's settings."""
    package = folder / "src/signal_perception/report/settings.py"
    text = package.read_text(encoding="utf-8")
    assert "    controls: bool\n" in text
    package.write_text(
        text.replace("    controls: bool\n", "    controls: bool\n    colour: str\n", 1),
        encoding="utf-8",
    )
    change(folder, {"report.colour": "blue"})


def _each(stages: tuple[str, ...], models: tuple[str, ...] = MODELS, seed: int = 0) -> set[str]:
    """Names of the stages of all models; some stages have a name of weights too."""
    return {
        f"{stage}@{DATASET}-{model}{f'-{DATASET}' if stage in OF_WEIGHTS else ''}-{seed}"
        for stage in stages
        for model in models
    }


OF_WEIGHTS = ("extract", "spectra", "features", "probe")
FROM_WEIGHTS = ("evaluate", *OF_WEIGHTS, "noise")
# Of these, those that draw at random.
DRAWING = tuple(stage for stage in FROM_WEIGHTS if stage != "features")
# What is drawn and written of the tables.
PAGE = {"figures", "report"}
ALL_OF_A_MODEL = ("finetune", *FROM_WEIGHTS)
ONE = ("timesformer_divided",)
SRC = "src/signal_perception"
# What changes → the stages that run again.
CHANGES = {
    "one model's learning rate": (
        _set("models.timesformer_divided.tiny.recipe.lr", 0.5),
        _each(ALL_OF_A_MODEL, ONE) | PAGE,
    ),
    "a rate of a size that the study does not use": (
        _set("models.timesformer_divided.base.recipe.lr", 0.5),
        set(),
    ),
    "what the noise disturbs in one model": (
        _set("models.timesformer_divided.tiny.disturb", "temporal_attn"),
        _each(("noise",), ONE) | PAGE,
    ),
    "one sigma of the noise": (
        _set("noise.grids.figure2.sigma", 0.3),
        _each(("noise",)) | PAGE,
    ),
    "the preset of the spectra": (
        _set("spectra.preset", "all"),
        _each(("spectra",)) | PAGE,
    ),
    "the folds of the probes": (_set("probe.folds", 4), _each(("probe",)) | PAGE),
    "what features are": (
        _append(f"{SRC}/features/run.py"),
        _each(("features", "probe")) | PAGE,
    ),
    "a figure's dpi": (_set("report.dpi", 60), PAGE),
    "a new key under report": (_add_key_to_the_report, PAGE),
    "the name of the study": (_set("study.name", "mine"), PAGE),
    "a word in pipeline/progress.py": (
        _replace(f"{SRC}/pipeline/progress.py", "progress bar", "bar of progress"),
        set(),
    ),
    "pipeline/params.py": (_append(f"{SRC}/pipeline/params.py"), set()),
    "statistics/intervals.py": (
        _append(f"{SRC}/statistics/intervals.py"),
        _each(("evaluate", "spectra", "probe", "noise")) | PAGE,
    ),
    "statistics/accuracy.py": (
        _append(f"{SRC}/statistics/accuracy.py"),
        _each(("evaluate", "spectra", "probe", "noise")) | PAGE,
    ),
    "the definitions of the spectra": (
        _append(f"{SRC}/fourier/definitions.py"),
        _each(("extract", "spectra", "noise")) | PAGE,
    ),
    "what is kept of activations": (
        _set("extract.per_class", 1),
        _each(("extract", "spectra")) | PAGE,
    ),
    "one model file": (
        _append(f"{SRC}/models/timesformer_divided.py"),
        _each(ALL_OF_A_MODEL, ONE) | PAGE,
    ),
    "the file of a model that the study has not": (_append(f"{SRC}/models/swin.py"), set()),
    "models/families, of one model or another": (
        _append(f"{SRC}/models/families/videomae.py"),
        _each(ALL_OF_A_MODEL) | PAGE,
    ),
    "models/core": (
        _append(f"{SRC}/models/core/taps.py"),
        _each(ALL_OF_A_MODEL) | PAGE,
    ),
    "a comment in decode": (
        _append(f"{SRC}/decode/run.py"),
        ({f"decode@{DATASET}"} | PAGE) | _each(ALL_OF_A_MODEL),
    ),
    "one test video": (
        _replace(f"data/raw/{DATASET}/wave/test_0.avi", "test", "another"),
        ({f"decode@{DATASET}"} | PAGE) | _each(FROM_WEIGHTS),
    ),
    "one training video": (
        _replace(f"data/raw/{DATASET}/wave/train_0.avi", "train", "another"),
        ({f"decode@{DATASET}"} | PAGE) | _each(ALL_OF_A_MODEL),
    ),
    "the seed": (_set("seed", 1), ({"synthesise"} | PAGE) | _each(DRAWING)),
    "the threads of a model": (_set("cpu_threads", 2), PAGE | _each(ALL_OF_A_MODEL)),
    "nothing": (lambda folder: None, set()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_changed_runs_again(study: Path, name: str) -> None:
    edit, expected = CHANGES[name]
    edit(study)
    again = _repro(study) if expected else set(json.loads(dvc(study, "status", "--json").stdout))
    print(f"\n{name}: {', '.join(sorted(again)) or 'nothing'}")
    assert again == expected


def test_a_further_run_leaves_the_first_as_it_is(study: Path) -> None:
    _set("study.seeds", [0, 1])(study)
    assert _repro(study) == _each(ALL_OF_A_MODEL, seed=1) | PAGE
    listed = dvc(study, "stage", "list", "--name-only", "--all").stdout.split()
    assert set(listed) == set(dvcfile.stages(study))
    _set("study.seeds", [0])(study)
    assert set(json.loads(dvc(study, "status", "--json").stdout)) == PAGE
    assert _repro(study) <= PAGE


def test_a_comment_is_committed_without_a_run(study: Path) -> None:
    """What README says of comments and docstrings: `dvc commit -f`, then nothing runs again."""
    _append(f"{SRC}/noise/engine.py")(study)
    assert set(json.loads(dvc(study, "status", "--json").stdout)) == _each(("noise",))
    done = dvc(study, "commit", "--force")
    assert done.returncode == 0, done.stderr
    assert json.loads(dvc(study, "status", "--json").stdout) == {}
    assert _repro(study) == set()


def test_lanes_bring_everything_up_to_date(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set("seed", 2)(study)
    _set("cpu_threads", 3)(study)
    monkeypatch.chdir(study)
    monkeypatch.setenv("PATH", environment()["PATH"])
    upstream = dvcfile.upstream(dvcfile.stages())
    stale = lanes.with_downstream(lanes.changed(), upstream)
    expected = ({"synthesise"} | PAGE) | _each(ALL_OF_A_MODEL)
    assert set(stale) == expected
    lanes.repro(stale, upstream, 2)
    assert lanes.changed() == {}
    assert _repro(study) == set()


def test_the_graph_is_that_of_dvc(study: Path) -> None:
    """Edges as `dvc dag` has them."""
    shown = dvc(study, "dag", "--dot").stdout
    theirs = set(re.findall(r'"([^"]+)" -> "([^"]+)"', shown))
    upstream = dvcfile.upstream(dvcfile.stages(study))
    ours = {(needed, stage) for stage, needs in upstream.items() for needed in needs}
    # DVC draws no edge that follows from others: every one of its own is ours
    assert theirs
    assert theirs <= ours


def test_lanes_that_fit_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes.workers, "cores", lambda: 8)
    free = 64 << 30
    monkeypatch.setattr(lanes.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    assert lanes.fitting(None, gpus=0) == 1
    assert [lanes.fitting(threads, gpus=0) for threads in (1, 3, 8, 16)] == [8, 2, 1, 1]
    assert [lanes.fitting(1, gpus) for gpus in (1, 4)] == [1, 4]
    free = 5 << 30
    assert lanes.fitting(1, gpus=0) == 2


def test_lanes_stop_at_a_stage_that_fails(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace("stand_in.py", "import hashlib", "raise SystemExit(3)\nimport hashlib")(study)
    _set("seed", 3)(study)
    monkeypatch.chdir(study)
    monkeypatch.setenv("PATH", environment()["PATH"])
    with pytest.raises(UserError, match=r"1 stage failed.*synthesise"):
        lanes.repro(["synthesise"], {"synthesise": set()}, 2)
