"""Units exist complete or not at all, are done once, and find their place on any disk."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from signal_perception.pipeline import checksums, units
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import (
    Unit,
    Write,
    finish,
    keep,
    place,
    stream,
    write_atomically,
)
from tests.support.damage import DAMAGE, another_process

OTHER_DISK = Path("/dev/shm")


def _write(path: Path, text: str = "content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_or_folder_exists_complete_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "unit"

    def fail(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, fail)
    assert list(tmp_path.iterdir()) == []
    write_atomically(target, lambda path: path.write_text("complete", encoding="utf-8"))
    assert target.read_text(encoding="utf-8") == "complete"
    write_atomically(tmp_path / "folder", lambda path: _write(path / "file"))
    write_atomically(tmp_path / "folder", lambda path: _write(path / "other"))
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["other"]


def test_only_what_is_left_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    todo = [Unit(number, tmp_path / str(number)) for number in range(4)]
    keep(todo[1].result, _write)
    done = []

    def work(number: int, path: Path) -> None:
        done.append(number)
        path.write_text(str(number), encoding="utf-8")

    assert finish(todo, work, label="count", noun="number") == []
    assert done == [0, 2, 3]
    assert "1 of 4 numbers were done before" in capsys.readouterr().err
    assert all(unit.finished for unit in todo)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("part", ["result", "others/a/b", ".result.sum"])
def test_a_damaged_unit_is_made_anew(
    part: str, damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    todo = [Unit(0, tmp_path / "result", (tmp_path / "others",)), Unit(1, tmp_path / "other")]
    done = []

    def work(number: int, path: Path) -> None:
        done.append(number)
        if number == 0:
            assert not (tmp_path / "others").exists()
            _write(tmp_path / "others/a/b", "beside")
        _write(path, "content")

    finish(todo, work, label="count")
    DAMAGE[damage](tmp_path / part)
    # as another process sees it
    another_process()
    assert not todo[0].finished and todo[1].finished
    finish(todo, work, label="count")
    assert done == [0, 1, 0]
    assert (tmp_path / "result").read_text(encoding="utf-8") == "content"
    assert (tmp_path / "others/a/b").read_text(encoding="utf-8") == "beside"
    another_process()
    assert all(unit.finished for unit in todo)
    # what a kill between two files leaves is no damage
    said = (
        f"count: 1 of 2 units in {tmp_path} are damaged and made anew." in capsys.readouterr().err
    )
    there = (part, damage) != (".result.sum", "a missing file")
    assert said == (there and (part, damage) != ("result", "a missing file"))


def test_a_file_more_in_a_folder_is_damage(tmp_path: Path) -> None:
    keep(tmp_path / "folder", lambda path: _write(path / "a"))
    assert units.finished(tmp_path / "folder")
    _write(tmp_path / "folder/b")
    another_process()
    assert not units.finished(tmp_path / "folder")


def test_a_unit_is_hashed_once_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit(0, tmp_path / "unit")
    keep(unit.result, _write)
    another_process()
    hashed = []
    usual = checksums.line
    monkeypatch.setattr(
        checksums, "line", lambda *paths: hashed.append(paths) or usual(*paths), raising=True
    )
    assert unit.finished and unit.finished
    assert len(hashed) == 1
    # another content is looked at again
    keep(unit.result, lambda path: _write(path, "another"))
    _write(unit.result, "damaged")
    assert not unit.finished


def test_a_shared_part_that_is_not_sound_is_made_anew(tmp_path: Path) -> None:
    todo, done = [Unit(number, tmp_path / str(number)) for number in range(3)], []

    def work(number: int, path: Path) -> None:
        done.append(number)
        _write(path)

    finish(todo, work, label="count")
    finish(todo, work, label="count", sound=lambda number: number != 1)
    assert done == [0, 1, 2, 1]


def test_one_state_after_the_other_is_sound_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    keep(state, lambda path: _write(path, "first"))
    usual = units._replace

    def looked_at(source: Path, target: Path) -> None:
        another_process()
        assert units.finished(state)
        usual(source, target)
        another_process()
        assert units.finished(state)

    monkeypatch.setattr(units, "_replace", looked_at)
    keep(state, lambda path: _write(path, "second"), durable=True)
    assert state.read_text(encoding="utf-8") == "second"
    assert units.finished(state)
    # the first is none of it any more
    _write(state, "first")
    another_process()
    assert not units.finished(state)


def test_what_all_units_need_is_prepared_once_and_only_if_needed(tmp_path: Path) -> None:
    todo = [Unit(number, tmp_path / str(number)) for number in range(3)]
    made = []

    def prepare() -> list[int]:
        made.append("engine")
        return []

    def work(engine: list[int], number: int, path: Path) -> None:
        engine.append(number)
        path.write_text(str(engine), encoding="utf-8")

    finish(todo, work, label="count", prepare=prepare)
    finish(todo, work, label="count", prepare=prepare)
    assert made == ["engine"]
    assert todo[2].result.read_text(encoding="utf-8") == "[0, 1, 2]"


@pytest.mark.parametrize("where", ["here", "dask"])
def test_work_that_goes_on_from_unit_to_unit(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    todo = [Unit(number, tmp_path / str(number)) for number in range(4)]
    keep(todo[1].result, _write)

    def work(engine: str, numbers: Sequence[int], done: Callable[[int, Write], None]) -> None:
        for number in numbers:
            text = f"{engine}: {number} of {len(numbers)}"
            done(number, lambda path, text=text: _write(path, text))

    with ExitStack() as context:
        if where == "dask":
            distributed = pytest.importorskip("distributed")
            cluster = distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=":0")
            monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
            context.enter_context(cluster)
        stream(todo, work, label="count", noun="number", prepare=lambda: "engine")
    # on a cluster every unit may be on another machine
    together = 3 if where == "here" else 1
    for number in (0, 2, 3):
        text = todo[number].result.read_text(encoding="utf-8")
        assert text == f"engine: {number} of {together}"
    assert "4 of 4 numbers" in capsys.readouterr().err


def test_a_second_place_is_complete_and_the_first_stays(tmp_path: Path) -> None:
    _write(tmp_path / "store/a/b", "one")
    _write(tmp_path / "out/store/old")
    place(tmp_path / "store", tmp_path / "out/store")
    place(tmp_path / "store/a/b", tmp_path / "out/file")
    files = [file.name for file in (tmp_path / "out/store").rglob("*") if file.is_file()]
    assert files == ["b"]
    assert (tmp_path / "out/file").read_text(encoding="utf-8") == "one"
    assert (tmp_path / "store/a/b").is_file()


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    if not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second file system at /dev/shm")
    folder = OTHER_DISK / f"signal-perception-{os.getpid()}"
    folder.mkdir()
    yield folder
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    folder.rmdir()


def test_outputs_may_lie_on_another_disk(tmp_path: Path, other_disk: Path) -> None:
    _write(tmp_path / "store/a/b", "one")
    (tmp_path / "clips").symlink_to(other_disk)
    place(tmp_path / "store", tmp_path / "clips/store")
    place(tmp_path / "store", tmp_path / "clips/store")
    assert (other_disk / "store/a/b").read_text(encoding="utf-8") == "one"
    place(tmp_path / "store/a/b", tmp_path / "clips/file")
    assert (other_disk / "file").read_text(encoding="utf-8") == "one"


def test_a_full_disk_is_one_sentence_with_path_and_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "store/a/b", "x" * 2_000_000)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(units.os, "link", full)
    refusal = r"The disk of .*out/store is full: .*store needs 2\.0 MB"
    with pytest.raises(UserError, match=refusal):
        place(tmp_path / "store", tmp_path / "out/store")
    with pytest.raises(UserError, match=r"b needs 2\.0 MB; make room and run again"):
        place(tmp_path / "store/a/b", tmp_path / "out/file")
    with pytest.raises(UserError, match=r"The disk of .*table.csv is full"):
        write_atomically(tmp_path / "table.csv", full)
    assert list((tmp_path / "out").iterdir()) == []
    assert (tmp_path / "store/a/b").is_file()
