"""dvc.yaml lists the code that each stage runs: no more, no less, and nothing of pipeline/."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from signal_perception.models.core import registry
from signal_perception.pipeline.code import PIPELINE, closure
from tests.support.project import ROOT

BLOCKS = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODEL_FILE = "src/signal_perception/models/${item.model}.py"


def _listed(stage: str) -> list[str]:
    return [dep for dep in BLOCKS[stage]["deps"] if dep.startswith(("src/", "stages/"))]


def _closure(stage: str, model: str = "") -> set[Path]:
    script = ROOT / "stages" / f"{stage}.py"
    modules = [f"signal_perception.models.{model}"] if model else []
    return {script, *closure(script, modules)}


def _models(stage: str) -> tuple[str, ...]:
    return registry.names() if MODEL_FILE in _listed(stage) else ("",)


def _covers(dep: str, file: Path, model: str) -> bool:
    return file.is_relative_to(ROOT / dep.replace("${item.model}", model))


@pytest.mark.parametrize("stage", BLOCKS)
def test_the_listed_code_covers_the_import_closure(stage: str) -> None:
    for model in _models(stage):
        for file in _closure(stage, model):
            assert any(_covers(dep, file, model) for dep in _listed(stage)), (
                f"stage {stage} runs {file.relative_to(ROOT)}, which dvc.yaml does not list for it"
            )


@pytest.mark.parametrize("stage", BLOCKS)
def test_everything_listed_is_used(stage: str) -> None:
    for dep in _listed(stage):
        assert any(
            _covers(dep, file, model) for model in _models(stage) for file in _closure(stage, model)
        ), f"stage {stage} lists {dep} and runs nothing of it"


@pytest.mark.parametrize("stage", BLOCKS)
def test_the_machinery_is_no_dependency(stage: str) -> None:
    assert not any((ROOT / dep).is_relative_to(PIPELINE) for dep in _listed(stage))
    assert not any(file.is_relative_to(PIPELINE) for file in _closure(stage))
    assert len(_listed(stage)) == len(set(_listed(stage))) <= 15


@pytest.mark.parametrize("stage", BLOCKS)
def test_a_stage_runs_its_own_script_with_its_own_source(stage: str) -> None:
    assert BLOCKS[stage]["cmd"].startswith(f"PYTHONPATH=src python stages/{stage}.py")
    lines = (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60


def test_stages_that_build_a_model_list_its_file() -> None:
    for stage in BLOCKS:
        builds = any(file.name == "registry.py" for file in _closure(stage))
        assert builds == (MODEL_FILE in _listed(stage)), stage


def test_one_model_reaches_no_other_and_no_family_but_its_own() -> None:
    families = {
        "timesformer_divided": {"timesformer"},
        "timesformer_joint": {"timesformer"},
        "videomae_v1": {"videomae"},
        "videomae_v2": {"videomae"},
    }
    folder = ROOT / "src/signal_perception/models"
    for model in registry.names():
        reached = _closure("finetune", model)
        others = {file.stem for file in reached if file.parent == folder} - {model}
        assert not others, f"{model} reaches {others}"
        family = {file.stem for file in reached if file.parent == folder / "families"}
        allowed = families.get(model, set())
        assert all(any(name.startswith(each) for each in allowed) for name in family), model


def test_interpreter_caches_are_no_part_of_a_folder() -> None:
    assert "__pycache__" in (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
