"""Which stages run again after a change: the real dvc.yaml under real DVC, with commands that only note what they were given.

Every output of a stand-in is a hash of all that its stage declares, so anything that could change a result does change it.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from project import MODELS, ROOT, change, copy, dvc, environment
from ruamel.yaml import YAML

from signal_perception import lanes
from signal_perception.errors import UserError

DATASET = "gestures"
STAND_IN = """
import hashlib, pathlib, sys
from ruamel.yaml import YAML

parts = dict(part.split("=", 1) for part in sys.argv[1:])
deps, outs, keys = (parts[name].split(",") if parts[name] else [] for name in ("deps", "outs", "params"))
content = YAML(typ="safe").load(pathlib.Path("params.yaml").read_text())

def files(path):
    path = pathlib.Path(path)
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]

for out in outs:
    digest = hashlib.sha256(out.encode())
    for key in keys:
        value = content
        for step in key.split("."):
            value = value[step]
        digest.update(f"{key}={value}".encode())
    for file in [file for dep in deps for file in files(dep)]:
        # decode keeps the splits apart: so does its stand-in
        if "clips" in out and file.name.startswith({"train.zarr": "test_", "test.zarr": "train_"}[pathlib.Path(out).name]):
            continue
        digest.update(str(file).encode() + file.read_bytes())
    pathlib.Path(out).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(out).write_text(digest.hexdigest())
"""


def _paths(entries: list) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy(tmp_path_factory.mktemp("reruns") / "study", {"study.datasets": [DATASET]})
    yaml = YAML()
    content = yaml.load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    for stage in content["stages"].values():
        outs = [path for kind in ("outs", "metrics", "plots") for path in _paths(stage.get(kind, []))]
        parts = {"deps": _paths(stage["deps"]), "outs": outs, "params": stage["params"]}
        stage["cmd"] = "python stand_in.py " + " ".join(f"{name}={','.join(values)}" for name, values in parts.items())
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
    return {line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")}


def _replace(file: str, old: str, new: str):
    def edit(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def _append(file: str):
    return lambda folder: (folder / file).write_text(
        (folder / file).read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8"
    )


def _set(key: str, value: object):
    return lambda folder: change(folder / "params.yaml", {key: value})


def _each(stages: tuple[str, ...], models: tuple[str, ...] = MODELS) -> set[str]:
    return {f"{stage}@{DATASET}-{model}" for stage in stages for model in models}


FROM_WEIGHTS = ("evaluate", "extract", "spectra", "noise")
ONE = ("timesformer_divided",)
CHANGES = {
    "one model's learning rate": (
        _set("models.timesformer_divided.tiny.recipe.lr", 0.5),
        _each(("finetune", *FROM_WEIGHTS), ONE) | {"report"},
    ),
    "one sigma of the noise": (_set("noise.grids.figure2.sigma", [0.3]), _each(("noise",)) | {"report"}),
    "the preset of the spectra": (_set("spectra.preset", "all"), _each(("spectra",)) | {"report"}),
    "a figure's dpi": (_set("report.dpi", 60), {"report"}),
    "one model file": (
        _append("src/signal_perception/models/timesformer_divided.py"),
        _each(("finetune", *FROM_WEIGHTS), ONE) | {"report"},
    ),
    "models/blocks": (
        _append("src/signal_perception/models/blocks/sublayers.py"),
        _each(("finetune", *FROM_WEIGHTS)) | {"report"},
    ),
    "one test video": (
        _replace(f"data/raw/{DATASET}/wave/test_0.avi", "test", "another"),
        {f"decode@{DATASET}", "report"} | _each(FROM_WEIGHTS),
    ),
    "one training video": (
        _replace(f"data/raw/{DATASET}/wave/train_0.avi", "train", "another"),
        {f"decode@{DATASET}", "report"} | _each(("finetune", *FROM_WEIGHTS)),
    ),
    "the seed": (
        _set("seed", 1),
        {"synthesise", f"decode@{DATASET}", "report"} | _each(("finetune", *FROM_WEIGHTS)),
    ),
    "the threads of a model": (_set("cpu_threads", 2), {"report"} | _each(("finetune", *FROM_WEIGHTS))),
    "nothing": (lambda folder: None, set()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_changed_runs_again(study: Path, name: str) -> None:
    edit, expected = CHANGES[name]
    edit(study)
    status = dvc(study, "status", "--json")
    assert status.returncode == 0, status.stderr
    direct = set(json.loads(status.stdout))
    again = _repro(study)
    print(f"\n{name}: {', '.join(sorted(again)) or 'nothing'}")
    assert direct <= again
    assert bool(direct) == bool(again)
    assert again == expected


def test_lanes_bring_everything_up_to_date(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set("seed", 2)(study)
    monkeypatch.chdir(study)
    monkeypatch.setenv("PATH", environment()["PATH"])
    lanes.repro(2, gpus=0)
    assert json.loads(dvc(study, "status", "--json").stdout) == {}
    assert _repro(study) == set()


def test_lanes_that_fit_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_cores", lambda: 8)
    free = 64 << 30
    monkeypatch.setattr(lanes.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    assert lanes.fitting(None, gpus=0) == 1  # one stage has all cores
    assert [lanes.fitting(threads, gpus=0) for threads in (1, 3, 8, 16)] == [8, 2, 1, 1]
    assert [lanes.fitting(1, gpus) for gpus in (1, 4)] == [1, 4]
    free = 5 << 30
    assert lanes.fitting(1, gpus=0) == 2


def test_lanes_stop_at_a_stage_that_fails(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace("stand_in.py", "import hashlib", "raise SystemExit(3)\nimport hashlib")(study)
    _set("seed", 3)(study)
    monkeypatch.chdir(study)
    monkeypatch.setenv("PATH", environment()["PATH"])
    with pytest.raises(UserError, match=r"Stage synthesise failed|Stage decode@gestures failed"):
        lanes.repro(2, gpus=0)
