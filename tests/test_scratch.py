"""Half-done work is kept whole, keyed by everything it depends on, and published by one rename."""

from pathlib import Path

import pytest

from signal_perception.closure import code_hash
from signal_perception.scratch import Scratch, whole


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def _write(path: Path, text: str = "content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_unit_exists_whole_or_not_at_all(here: Path) -> None:
    target = here / "unit"

    def fail(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        whole(target, fail)
    assert not target.exists()
    whole(target, lambda path: path.write_text("whole", encoding="utf-8"))
    assert target.read_text(encoding="utf-8") == "whole"
    whole(target.with_name("folder"), lambda path: _write(path / "file"))
    whole(target.with_name("folder"), lambda path: _write(path / "other"))
    assert [file.name for file in (here / "folder").iterdir()] == ["other"]


def test_the_same_run_finds_its_work_again_and_any_other_does_not(here: Path) -> None:
    video = _write(here / "data" / "video.avi")

    def path(settings: object = ("lr", 1), code: str = "abc", stage: str = "finetune") -> Path:
        return Scratch(stage, settings=settings, inputs=[here / "data"], code=code).path

    first = path()
    assert path() == first
    assert path(settings=("lr", 2)) != first
    assert path(code="abd") != first
    assert path(stage="noise") != first
    _write(video, "another content")
    assert path() != first


def test_publishing_replaces_the_output_and_forgets_every_run_of_the_stage(here: Path) -> None:
    _write(here / "out/store/old")
    abandoned = Scratch("decode", settings=0, inputs=[], code="").path
    scratch = Scratch("decode", settings=1, inputs=[], code="")
    _write(scratch.unit("store") / "new")
    table = _write(scratch.unit("table.csv"), "a,b")
    scratch.publish({scratch.unit("store"): Path("out/store"), table: Path("reports/table.csv")})
    assert [file.name for file in Path("out/store").iterdir()] == ["new"]
    assert Path("reports/table.csv").read_text(encoding="utf-8") == "a,b"
    assert not abandoned.exists()
    assert not scratch.path.exists()


def test_code_counts_with_everything_it_imports(here: Path) -> None:
    script = _write(here / "stage.py", "from signal_perception import seeding\n")
    first = code_hash(script)
    assert code_hash(script) == first
    assert code_hash(script, ["signal_perception.models.i3d_inception"]) != first
    _write(script, "from signal_perception import seeding\n# another\n")
    assert code_hash(script) != first
