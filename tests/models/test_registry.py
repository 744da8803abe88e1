"""The list of models: which files are one, what they may import, what is refused."""

import ast
from dataclasses import is_dataclass
from pathlib import Path

import pytest

from signal_perception import models
from signal_perception.models.core import registry
from signal_perception.pipeline.errors import UserError
from tests.models.contract import CLASSES, SHIPPED, described, each_model

SOURCE = Path(str(models.__file__)).parent
PARTS = ("Network", "build", "from_checkpoint", "taps", "segments", "weights")


@each_model
def test_every_model_file_is_tested(name: str) -> None:
    numbers, clip = described(name)
    assert set(numbers) <= set(registry.numbers(name))
    assert len(clip) == 3


def test_every_model_file_is_a_model() -> None:
    assert set(SHIPPED) <= set(registry.names())
    assert set(registry.names()) == {path.stem for path in SOURCE.glob("[!_]*.py")}


@each_model
def test_a_model_file_offers_all_parts_and_says_where_they_come_from(name: str) -> None:
    file = registry.module(name)
    assert all(hasattr(file, part) for part in PARTS)
    assert is_dataclass(file.Network)
    assert all(number.default is not number.empty for number in registry.numbers(name).values())
    for word in ("Paper:", "Code:", "Released checkpoint"):
        assert word in str(file.__doc__), word


def test_an_unknown_model_is_refused_with_a_list() -> None:
    known = ", ".join(registry.names())
    with pytest.raises(UserError, match=rf"There is no model 'resnet': choose one of {known}\."):
        registry.build("resnet", CLASSES, {})


def test_a_model_file_in_another_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def build(num_classes, network): return num_classes\n"
    (tmp_path / "another.py").write_text(text, encoding="utf-8")
    (tmp_path / "no_model.py").write_text("def taps(model): return []\n", encoding="utf-8")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    before = registry.names()
    registry.names.cache_clear()
    try:
        assert registry.names() == tuple(sorted({*before, "another"}))
        assert registry.module("another").build(3, None) == 3
    finally:
        registry.names.cache_clear()


def test_model_files_depend_on_the_shared_ones_and_not_on_one_another() -> None:
    for name in registry.names():
        parts = _imported(SOURCE / f"{name}.py")
        assert {part.split(".")[0] for part in parts} <= {"core", "families"}, name
        assert not parts & {"core.registry", "core.checkpoints"}, name
    for file in [*SOURCE.rglob("core/*.py"), *SOURCE.rglob("families/*.py")]:
        parts = _imported(file)
        assert not parts & set(registry.names()), file
        assert file.parent.name == "families" or not any(p.startswith("families") for p in parts)


def test_one_family_is_no_dependency_of_other_models() -> None:
    reached = {name: _reached(SOURCE / f"{name}.py") for name in registry.names()}
    for family in ("timesformer", "videomae"):
        users = {name for name, files in reached.items() if f"families.{family}" in files}
        # a new model may build on a family
        assert users & set(SHIPPED) == {name for name in SHIPPED if name.startswith(family)}


def _reached(file: Path) -> set[str]:
    """Modules of the package `models` that importing a file runs, directly or not."""
    found, waiting = set(), _imported(file)
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.add(part)
            waiting |= _imported(SOURCE.joinpath(*part.split(".")).with_suffix(".py"))
    return found


def _imported(file: Path) -> set[str]:
    """Modules of the package `models` that a file imports, e.g. "core.taps"."""
    prefix, found = "signal_perception.models.", set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    parts = {name.removeprefix(prefix) for name in found if name.startswith(prefix)}
    return {
        part for part in parts if SOURCE.joinpath(*part.split(".")).with_suffix(".py").is_file()
    }
