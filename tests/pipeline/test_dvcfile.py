"""A stage is told what dvc.yaml declares for it, and its fingerprint changes with nothing else."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from signal_perception.pipeline import dvcfile, params, stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import read_yaml
from signal_perception.pipeline.scratch import fingerprint
from tests.support.project import MODELS, PARTS, ROOT, SMALL, change

STUDY = SMALL | {
    "study.datasets": ["shapes", "gestures"],
    "study.weights": ["shapes", "gestures", "gestures-start"],
    "study.seeds": [0, 7],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project without data; the current directory."""
    root = tmp_path_factory.mktemp("dvcfile")
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / part, root / part, ignore=ignore)
        else:
            shutil.copy(ROOT / part, root / part)
    change(root, STUDY)
    before = Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)


def test_names_are_those_of_dvc(folder: Path) -> None:
    names = set(dvcfile.stages())
    assert {
        "synthesise",
        "decode@gestures",
        f"noise@shapes-{MODELS[0]}-7",
        "report",
        "figures",
    } <= names
    assert len(names) == 1 + 2 + (3 + 4 * 3) * 2 * len(MODELS) * 2 + 2


def test_every_value_is_resolved(folder: Path) -> None:
    for each in dvcfile.stages().values():
        assert "$" not in " ".join([each.command, *map(str, [*each.deps, *each.outs])])
        assert "$" not in " ".join(key for _, key in each.params)


def test_the_graph_follows_paths(folder: Path) -> None:
    upstream = dvcfile.upstream(dvcfile.stages())
    one, seed = f"gestures-{MODELS[0]}", 7
    assert upstream["synthesise"] == upstream["decode@gestures"] == set()
    assert upstream["decode@shapes"] == {"synthesise"}
    assert upstream[f"finetune@{one}-{seed}"] == {"decode@gestures"}
    own = f"finetune@{one}-{seed}"
    assert upstream[f"noise@{one}-{seed}"] == {"decode@gestures", own, f"evaluate@{one}-{seed}"}
    # weights of another data set are those of the same run
    other = f"finetune@shapes-{MODELS[0]}-{seed}"
    assert upstream[f"extract@{one}-shapes-{seed}"] == {"decode@gestures", other}
    assert upstream[f"extract@{one}-gestures-start-{seed}"] == {"decode@gestures", own}
    measured = f"extract@{one}-gestures-{seed}"
    assert upstream[f"spectra@{one}-gestures-{seed}"] == {measured}
    # other weights are compared with the data set's own
    both = {f"extract@{one}-shapes-{seed}", measured}
    assert upstream[f"spectra@{one}-shapes-{seed}"] == both
    for each in (seed, 0):
        assert {f"noise@{one}-{each}", f"finetune@{one}-{each}"} <= upstream["report"]
        assert f"spectra@{one}-shapes-{each}" in upstream["report"]
    finetuned = f"finetune@shapes-{MODELS[0]}-{seed}"
    assert upstream[f"features@{one}-shapes-{seed}"] == {"decode@gestures", finetuned}
    assert upstream[f"probe@{one}-shapes-{seed}"] == {
        f"features@{one}-{w}-{seed}" for w in ("shapes", "gestures")
    }
    assert f"probe@{one}-shapes-{seed}" in upstream["report"]


def test_an_unknown_stage_is_a_sentence(folder: Path) -> None:
    with pytest.raises(
        UserError, match=r"no stage 'noise@shapes-resnet'; it has noise@shapes-i3d_inception-0, "
    ):
        dvcfile.stage("noise@shapes-resnet")


def test_an_undeclared_file_is_refused(folder: Path) -> None:
    each = dvcfile.stage(f"spectra@shapes-{MODELS[0]}-shapes-0")
    # named twice where the weights are the data set's own
    store = Path(f"data/activations/shapes/{MODELS[0]}/shapes-0.zarr")
    assert each.dep("data/activations") == store
    with pytest.raises(UserError, match=r"needs one dependency below data/weights, .* declares 0"):
        each.dep("data/weights")


OF_WEIGHTS = ("extract", "spectra", "features", "probe")


def _one_of_each() -> list[str]:
    return [
        "synthesise",
        "decode@gestures",
        *(f"{name}@gestures-{MODELS[1]}-0" for name in ("finetune", "evaluate", "noise")),
        *(f"{name}@gestures-{MODELS[1]}-shapes-0" for name in OF_WEIGHTS),
        "figures",
        "report",
    ]


def _leaves(content: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Full key and value of everything in a YAML file."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _leaves(value, f"{prefix}{key}.")
    else:
        yield prefix.removesuffix("."), content


def _another(value: object) -> object:
    """A value of the same type that is not `value`; fingerprints need not be right, only apart."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case None:
            return "another"
        case list():
            return [*value, *value, 1]
        case _:
            return f"{value}x"


# Keys that choose which stages there are: changing them names other stages.
MATRIX = ("study.datasets", "study.models", "study.weights", "study.seeds", "study.size")


@pytest.mark.parametrize("name", _one_of_each())
def test_the_fingerprint_covers_what_is_declared_and_nothing_else(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = dvcfile.stage(name)
    names = ["params.yaml", *(f"params/models/{model}.yaml" for model in MODELS)]
    files = {name: read_yaml(Path(name)) for name in names}
    monkeypatch.setattr(dvcfile, "read_yaml", lambda path: files[str(path)])
    first = fingerprint(each)
    changed, counted = 0, 0
    for file, content in list(files.items()):
        for key, value in _leaves(content):
            if file == "params.yaml" and key in MATRIX:
                continue
            files[file] = _with(content, key.split("."), _another(value))
            covered = any(
                file == where and f"{key}.".startswith(f"{known}.") for where, known in each.params
            )
            assert (fingerprint(each) != first) == covered, f"{file}: {key}"
            changed, counted = changed + 1, counted + covered
        files[file] = content
    print(f"\n{name}: {changed} parameters changed, {counted} of them change its fingerprint")
    assert 0 < counted < changed
    assert fingerprint(each) == first


def _with(content: dict, steps: list[str], value: object) -> dict:
    """A copy of nested dicts with another value at one place."""
    first, *rest = steps
    return {**content, first: _with(content[first], rest, value) if rest else value}


@pytest.mark.parametrize("name", _one_of_each())
def test_the_fingerprint_covers_declared_code_and_nothing_else(folder: Path, name: str) -> None:
    each = dvcfile.stage(name)
    first = fingerprint(each)
    for file in sorted((folder / "src/signal_perception").rglob("*.py"))[::3]:
        relative = file.relative_to(folder)
        original = file.read_text(encoding="utf-8")
        file.write_text(original + "\n", encoding="utf-8")
        covered = any(relative.is_relative_to(path) for path in each.code)
        assert (fingerprint(each) != first) == covered, relative
        file.write_text(original, encoding="utf-8")


@pytest.mark.parametrize("name", _one_of_each())
def test_settings_have_exactly_the_declared_parameters(folder: Path, name: str) -> None:
    package = name.split("@")[0]
    modules = {module.__name__.split(".")[-2]: module for module in params.settings_modules()}
    # the figures are drawn under the report's settings
    settings = modules["report" if package == "figures" else package].Settings
    tree = dvcfile.declared(dvcfile.stage(name))
    found = settings.model_validate(tree)
    _assert_no_more_than_declared(found, tree)
    with pytest.raises(AttributeError):
        _ = found.undeclared


def _assert_no_more_than_declared(part: BaseModel, tree: dict) -> None:
    """Every required field is declared, and every declared key is a field."""
    assert set(tree) <= set(type(part).model_fields)
    for name, field in type(part).model_fields.items():
        assert name in tree or not field.is_required()
        value = getattr(part, name)
        if isinstance(value, BaseModel) and name in tree:
            _assert_no_more_than_declared(value, tree[name])


def test_reading_an_undeclared_parameter_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Greedy(params.Section):
        seed: int
        spectra: dict
        decode: dict

    class Modest(params.Section):
        spectra: dict

    monkeypatch.setattr(stage, "_refuse_a_foreign_package", lambda: None)
    run = stage.Run(f"spectra@shapes-{MODELS[0]}-shapes-0")
    with pytest.raises(UserError, match=r"Parameter decode of stage .* dvc.yaml does not declare"):
        run.settings(Greedy)
    with pytest.raises(UserError, match=r"Parameter seed of stage .* the stage does not read it"):
        run.settings(Modest)


def test_an_output_behind_a_link_is_refused_before_the_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_refuse_a_foreign_package", lambda: None)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data/spectra").symlink_to(tmp_path)
    # without Git DVC takes it
    stage.Run(f"spectra@shapes-{MODELS[0]}-shapes-0")
    (folder / ".git").mkdir()
    with pytest.raises(UserError, match=r"data/spectra is a link to .*; mount that place at"):
        stage.Run(f"spectra@shapes-{MODELS[0]}-shapes-0")
    stage.Run(f"noise@shapes-{MODELS[0]}-0")
    (folder / "data/spectra").unlink()


def test_a_foreign_package_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"runs the code of .*, not of this project"):
        stage.start("spectra", "shapes", MODELS[0], "shapes", 0)


def test_an_override_reaches_the_stages_of_its_data_set_alone(folder: Path) -> None:
    names = {name: f"finetune@{name}-{MODELS[1]}-0" for name in ("shapes", "gestures")}
    before = {name: fingerprint(dvcfile.stage(stage)) for name, stage in names.items()}
    entry = folder / f"params/models/{MODELS[1]}.yaml"
    text = entry.read_text(encoding="utf-8")
    change(folder, {f"models.{MODELS[1]}.tiny.recipe.on": {"gestures": {"epochs": 77}}})
    try:
        told = {name: dvcfile.declared(dvcfile.stage(stage)) for name, stage in names.items()}
        after = {name: fingerprint(dvcfile.stage(stage)) for name, stage in names.items()}
    finally:
        entry.write_text(text, encoding="utf-8")
    assert told["gestures"]["model"]["recipe"]["epochs"] == 77
    assert told["shapes"]["model"]["recipe"]["epochs"] != 77
    assert "on" not in told["gestures"]["model"]["recipe"]
    assert "on" not in told["shapes"]["model"]["recipe"]
    assert after["shapes"] == before["shapes"]
    assert after["gestures"] != before["gestures"]
