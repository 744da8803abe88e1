"""A stage killed between any two changes of the file system goes on and gives the same bytes."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from signal_perception.pipeline import disk, exclusive, units
from signal_perception.pipeline.dvcfile import Stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.scratch import Scratch
from signal_perception.pipeline.units import Unit, finish
from tests.support.killed import killed_at

ROOT = Path(__file__).resolve().parents[2]
OUTS = (Path("out/store"), Path("reports/t.csv"))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    # no power is lost here
    monkeypatch.setattr(os, "fsync", lambda _: None)
    Path("params.yaml").write_text("lr: 1\nstudy:\n  size: tiny\n", encoding="utf-8")
    return tmp_path


def _stage(name: str = "noise") -> Stage:
    return Stage(name, {}, "true", (("params.yaml", "lr"),), (), OUTS)


def _run(done: list[int] | None = None) -> None:
    """Units with a shared store and a cache, a table straight to its place, then the store."""
    scratch = Scratch(_stage())
    store, cache = scratch.path / "store", scratch.cache("cells", without=())

    def work(number: int, path: Path) -> None:
        if done is not None:
            done.append(number)
        units.write_atomically(
            store / f"shards/{number}", lambda to: _write(to / "a/bytes", f"shard {number}")
        )
        _write(path, f"verdict {number}")

    shards = [Unit(n, scratch.path / f"v/{n}", (store / f"shards/{n}",)) for n in range(3)]
    finish(shards, work, label="shards")
    finish([Unit(7, cache / "cell.npz")], lambda _, path: _write(path, "cell"), label="cells")
    _write(store / "index", "index of " + " ".join(_texts(store / "shards").values()))
    units.write_atomically(OUTS[1], lambda path: _write(path, "a,b"))
    scratch.publish({store: OUTS[0]})
    scratch.forget()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _texts(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_text(encoding="utf-8") for file in files}


def _clean() -> Iterator[str]:
    """All names below the project, of which an unbroken run leaves no others."""
    for path in sorted(Path().rglob("*")):
        yield str(path)


@pytest.mark.parametrize("by_dvc", [True, False])
def test_killed_between_any_two_changes(by_dvc: bool, here: Path) -> None:
    _run()
    _run()
    expected, names = _texts(here), list(_clean())
    for number in itertools.count(1, 1 if by_dvc else 3):
        shutil.rmtree(".scratch/noise", ignore_errors=True)
        came = killed_at(number, _run)
        if by_dvc:
            # DVC deletes outputs before it runs a stage
            shutil.rmtree("out", ignore_errors=True)
            shutil.rmtree("reports", ignore_errors=True)
        _run()
        assert _texts(here) == expected, number
        assert list(_clean()) == names, number
        if not came:
            break
    assert number > 60


def test_killed_twice(here: Path) -> None:
    _run()
    expected, names = _texts(here), list(_clean())
    for first, second in itertools.product((25, 45, 65, 75), range(1, 60, 9)):
        shutil.rmtree(".scratch/noise", ignore_errors=True)
        killed_at(first, _run)
        killed_at(second, _run)
        _run()
        assert _texts(here) == expected, (first, second)
        assert list(_clean()) == names, (first, second)


def test_what_was_finished_is_not_done_again() -> None:
    for number in (40, 60, 80):
        shutil.rmtree(".scratch/noise", ignore_errors=True)
        assert killed_at(number, _run)
        # a unit is finished with its checksum, so one more may be there
        before = {int(path.name[1:-4]) for path in Path(".scratch").glob("*/*/v/.*.sum")}
        done: list[int] = []
        _run(done)
        assert {0, 1, 2} - before <= set(done) <= {0, 1, 2}
        assert len(set(done) & before) <= 1


def test_strays_of_killed_processes_are_swept(here: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    scratch = Scratch(_stage())
    others = {
        "dead": [f".unfinished-{disk._HOST}-{gone.pid}-store", f".unfinished-{gone.pid}-store"],
        "alive": [f".unfinished-{disk._HOST}-{os.getppid()}-store"],
        "elsewhere": [f".unfinished-another-{gone.pid}-store"],
    }
    for name in itertools.chain(*others.values()):
        _write(scratch.path / "shards" / name, "half")
        _write(Path("out") / name, "half")
    # a folder elsewhere may be written to by a process that does not notice
    _write(scratch.path / f".unfinished-another-{gone.pid}-folder/file", "half")
    _write(scratch.path / "zarr.0123456789abcdef0123456789abcdef.partial", "half")
    _write(Path("out/.unfinished-1-another stage"), "of another stage")
    _write(Path("out/video.partial"), "a video")
    Scratch(_stage())
    left = [path.name for path in (scratch.path / "shards").iterdir()]
    assert left == others["alive"]
    assert sorted(path.name for path in scratch.path.iterdir()) == [
        f".unfinished-another-{gone.pid}-folder",
        "shards",
    ]
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(
        [*others["alive"], ".unfinished-1-another stage", "video.partial"]
    )


HOLD = """
import sys, time
from pathlib import Path
from signal_perception.pipeline import exclusive
exclusive.take(Path(".scratch/.locks/noise"), "noise")
print("has it", flush=True)
time.sleep(60)
"""


def test_a_second_run_is_told_which_process_is_at_work(here: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    with other.stdout:
        assert other.stdout.readline() == "has it\n"
        refusal = rf"Stage noise is at work already, in process {other.pid}; wait for it, or stop"
        with pytest.raises(UserError, match=refusal):
            Scratch(_stage())
        # another stage is none of its business, nor are processes that train together
        Scratch(_stage("finetune"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RANK", "1")
            Scratch(_stage())
        other.kill()
        other.wait()
    Scratch(_stage())


def test_a_file_system_without_locks_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(next(iter(exclusive._UNKNOWN)), "no locks")

    monkeypatch.setattr(exclusive.fcntl, "flock", unknown)
    Scratch(_stage())
    assert "noise: the file system of .scratch knows no locks" in capsys.readouterr().err
