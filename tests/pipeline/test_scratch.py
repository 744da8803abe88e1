"""Half-done work is keyed by everything its stage declares, and published complete."""

import shutil
from pathlib import Path

import pytest

from signal_perception.pipeline import scratch, units
from signal_perception.pipeline.dvcfile import Stage
from signal_perception.pipeline.scratch import Scratch, fingerprint
from tests.support.project import set_keys


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    _write(tmp_path / "params.yaml", "lr: 1\nbootstrap: 100\nother: 1\nstudy:\n  size: tiny\n")
    _write(tmp_path / "data/video.avi")
    _write(tmp_path / "src/a/one.py")
    _write(tmp_path / "src/a/two.py")
    return tmp_path


def _write(path: Path, text: str = "content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _stage(name: str = "noise", outs: tuple[str, ...] = ("out/store", "reports/t.csv")) -> Stage:
    params = (("params.yaml", "lr"), ("params.yaml", "bootstrap"))
    deps = (Path("data"), Path("src/a"))
    return Stage(name, {}, "true", params, deps, tuple(map(Path, outs)))


def test_the_same_run_finds_its_work_again_and_any_other_does_not(here: Path) -> None:
    first = Scratch(_stage()).path
    assert Scratch(_stage()).path == first
    assert Scratch(_stage("finetune")).path != first
    set_keys(here / "params.yaml", {"other": 2})
    assert Scratch(_stage()).path == first
    set_keys(here / "params.yaml", {"lr": 2})
    assert Scratch(_stage()).path != first
    set_keys(here / "params.yaml", {"lr": 1})
    assert Scratch(_stage()).path == first
    _write(here / "src/a/__pycache__/one.pyc")
    assert Scratch(_stage()).path == first
    _write(here / "src/a/one.py", "another")
    second = Scratch(_stage()).path
    assert second != first
    _write(here / "data/video.avi", "another content")
    assert Scratch(_stage()).path != second


def test_what_units_do_not_depend_on_does_not_change_their_cache(here: Path) -> None:
    without = ("bootstrap", "src/a/two.py", "data/labels")
    first = fingerprint(_stage(), without)
    set_keys(here / "params.yaml", {"bootstrap": 200})
    _write(here / "src/a/two.py", "another")
    _write(here / "data/labels/test.csv")
    assert fingerprint(_stage(), without) == first
    assert fingerprint(_stage(), without[:2]) != first
    set_keys(here / "params.yaml", {"lr": 2})
    assert fingerprint(_stage(), without) != first


def test_publishing_keeps_the_cache_and_forgets_all_else(here: Path) -> None:
    _write(here / "out/store/old")
    old = Scratch(_stage())
    abandoned, old_cache = old.path, old.cache("cells", without=())
    set_keys(here / "params.yaml", {"lr": 2})
    work = Scratch(_stage())
    cache = work.cache("cells", without=("bootstrap",))
    _write(cache / "cell.npz")
    _write(work.path / "store/new")
    _write(work.path / "table.csv", "a,b")
    work.publish(
        {
            work.path / "store": Path("out/store"),
            work.path / "table.csv": Path("reports/t.csv"),
        }
    )
    assert [file.name for file in Path("out/store").iterdir()] == ["new"]
    assert Path("reports/t.csv").read_text(encoding="utf-8") == "a,b"
    assert not abandoned.exists()
    assert not old_cache.exists()
    assert not work.path.exists()
    assert (cache / "cell.npz").is_file()


def test_what_was_begun_is_told_from_what_is_kept_for_later(here: Path) -> None:
    assert scratch.unfinished() == []
    work = Scratch(_stage())
    work.cache("cells", without=("bootstrap",))
    assert scratch.unfinished() == ["noise"]
    work.publish({})
    assert scratch.unfinished() == []


def test_a_stage_without_a_cache_leaves_nothing(here: Path) -> None:
    work = Scratch(_stage())
    _write(work.path / "table.csv")
    work.publish({work.path / "table.csv": Path("reports/t.csv")})
    # but the file that a second run of the stage would ask
    assert [path.name for path in (here / ".scratch").rglob("*")] == [".locks", "noise"]


def test_a_run_killed_between_two_outputs_publishes_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Scratch(_stage())
    outputs = {
        _write(work.path / "store/new").parent: Path("out/store"),
        _write(work.path / "table.csv"): Path("reports/t.csv"),
    }
    place, placed = units.place, []

    def place_one(source: Path, target: Path) -> None:
        if placed:
            raise KeyboardInterrupt
        placed.append(target)
        place(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(scratch.units, "place", place_one)
        work.publish(outputs)
    # DVC deletes the outputs before it runs the stage again
    shutil.rmtree("out")
    again = Scratch(_stage())
    assert again.path == work.path
    again.publish(outputs)
    assert Path("out/store/new").is_file()
    assert Path("reports/t.csv").is_file()
