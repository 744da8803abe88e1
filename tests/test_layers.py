"""The architecture as the code has it: imports go down only, and dvc.yaml lists exactly the code that each stage runs."""

import ast
from pathlib import Path

import pytest
from project import ROOT
from ruamel.yaml import YAML

from signal_perception import models
from signal_perception.closure import SOURCE, closure

PACKAGE = SOURCE / "signal_perception"

# from the ground up; a file may import files of its own layer and of those below
LAYERS = [
    ("errors", "seeding", "progress"),
    ("params", "paths", "scratch", "workers", "closure", "stage"),
    ("data",),
    ("models",),
    ("intervals", "spectra", "noise"),
    ("devices", "assembly", "views", "activation_store", "ingest"),
    (
        "training",
        "evaluation",
        "spectral_tables",
        "scoring",
        "classification",
        "activations",
        "grid",
        "grid_tables",
        "report",
    ),
    ("checks", "lanes"),
    ("cli",),
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
# what stays light on purpose: part of the package → modules outside it that it may import
ALONE = {"spectra": {"numpy"}, "intervals": {"numpy"}}
WITHOUT = {"report": {"torch", "timm"}, "data/catalog": {"torch"}, "data/decode": {"torch"}, "data/clips": {"torch"}}


def _part(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def _imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _files() -> list[Path]:
    return [file for file in sorted(PACKAGE.rglob("*.py")) if file != PACKAGE / "__init__.py"]


def test_every_part_has_its_layer() -> None:
    assert {_part(file) for file in _files()} == set(HEIGHT)


@pytest.mark.parametrize("file", _files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down_only(file: Path) -> None:
    own = _part(file)
    for name in _imported(file):
        package, _, rest = name.partition(".")
        part = rest.split(".")[0]
        if package == "signal_perception" and part in HEIGHT:
            assert HEIGHT[part] <= HEIGHT[own], f"{own} imports {name}, which lies above it"
            assert not (own == "models" and part == "data"), "models must not know data"


def test_light_parts_stay_light() -> None:
    standard = {"collections", "dataclasses", "math", "typing"}
    for part, allowed in ALONE.items():
        outside = {name.split(".")[0] for name in _imported(PACKAGE / f"{part}.py")} - standard - {"signal_perception"}
        assert outside == allowed
    for part, refused in WITHOUT.items():
        place = PACKAGE / part
        for file in place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
            reached = {file, *closure(file)}
            outside = {name.split(".")[0] for each in reached for name in _imported(each)}
            assert not outside & refused, f"{file} reaches {outside & refused}"


def _stages() -> dict[str, dict]:
    return YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.mark.parametrize("name", sorted(_stages()))
def test_code_deps_equal_the_import_closure(name: str) -> None:
    stage = _stages()[name]
    listed = [dep for dep in stage["deps"] if dep.endswith(".py")]
    script = f"stages/{name}.py"
    assert stage["cmd"].startswith(f"python {script}")
    uses_model_file = any("${item.model}.py" in dep for dep in listed)
    for model in models.names() if uses_model_file else [""]:
        modules = [f"signal_perception.models.{model}"] if model else []
        needed = {str(file.relative_to(ROOT)) for file in closure(ROOT / script, modules)} | {script}
        assert {dep.replace("${item.model}", model) for dep in listed} == needed
    assert len(listed) == len(set(listed))


def test_stages_that_build_a_model_list_its_file() -> None:
    for name, stage in _stages().items():
        builds = any(dep.endswith("models/__init__.py") for dep in stage["deps"])
        assert builds == any("models/${item.model}.py" in dep for dep in stage["deps"]), name


def test_a_stage_script_fits_on_a_screen() -> None:
    for script in (ROOT / "stages").glob("*.py"):
        assert len(script.read_text(encoding="utf-8").splitlines()) < 70, script
