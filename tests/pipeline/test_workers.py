"""Units of work give the same files wherever they run."""

import os
import signal
import time
import uuid
from functools import partial
from pathlib import Path

import pytest

from signal_perception.pipeline import workers
from signal_perception.pipeline.errors import UserError


def square(folder: Path, number: int) -> None:
    """A unit of work."""
    if number < 0:
        raise UserError(f"{number} has no square root")
    (folder / f"{number}").write_text(str(number**2), encoding="utf-8")


def fall(folder: Path, number: int, *, by: int) -> None:
    """A unit of work whose process dies at 1 and 3."""
    if number in (1, 3):
        os.kill(os.getpid(), by)
    square(folder, number)


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "1")


def _results(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("where", ["here", "processes", "dask"])
def test_every_unit_is_done_and_errors_come_back(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "processes":
        monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "2")
    cluster = None
    if where == "dask":
        distributed = pytest.importorskip("distributed")
        cluster = distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None)
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
    try:
        workers.run(range(5), partial(square, tmp_path), label="squares")
        assert _results(tmp_path) == {str(n): str(n**2) for n in range(5)}
        with pytest.raises(UserError, match="-3 has no square root"):
            workers.run([-3, 7], partial(square, tmp_path), label="squares")
    finally:
        if cluster is not None:
            cluster.close()


def test_a_worker_of_a_cluster_prepares_once_for_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    made, results = tmp_path / "made", tmp_path / "results"
    made.mkdir()
    results.mkdir()

    def prepare() -> Path:
        (made / uuid.uuid4().hex).touch()
        return results

    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
        workers.run(range(5), square, label="squares", prepare=prepare)
        assert _results(results) == {str(n): str(n**2) for n in range(5)}
        assert len(list(made.iterdir())) == 1
        workers.run([5], square, label="squares", prepare=prepare)
    assert len(list(made.iterdir())) == 2


@pytest.mark.parametrize("processes", ["1", "2"])
def test_units_that_bring_down_their_process_are_answered_and_the_others_done(
    processes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", processes)
    work = partial(fall, tmp_path, by=signal.SIGABRT)
    assert workers.run(range(6), work, label="squares", isolate=True) == [1, 3]
    assert _results(tmp_path) == {str(n): str(n**2) for n in (0, 2, 4, 5)}


@pytest.mark.parametrize(
    ("by", "said"), [("SIGKILL", "want of memory"), ("SIGTERM", "exit code 15")]
)
def test_a_process_that_was_killed_is_no_fault_of_its_unit(
    by: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        workers.run(
            range(6), partial(fall, tmp_path, by=getattr(signal, by)), label="squares", isolate=True
        )


def slow_or_poisoned(folder: Path, number: int) -> None:
    """A unit of work: 1 fails at once, the others take a while."""
    if number == 1:
        (folder / "begun").touch()
        while not (folder / "2-begun").exists():
            time.sleep(0.01)
        raise UserError("1 is poisoned")
    (folder / f"{number}-begun").touch()
    time.sleep(0.5)
    square(folder, number)


def test_what_others_are_at_is_finished_when_a_unit_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "2")
    with pytest.raises(UserError, match="1 is poisoned"):
        workers.run(range(1, 12), partial(slow_or_poisoned, tmp_path), label="squares")
    assert (tmp_path / "2").read_text(encoding="utf-8") == "4"
    assert not (tmp_path / "11-begun").exists()


@pytest.mark.parametrize("text", ["0", "-1", "two"])
def test_a_wrong_number_of_workers_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", text)
    with pytest.raises(UserError, match="SIGNAL_PERCEPTION_WORKERS"):
        workers.count()


def test_plain_lines_say_what_was_done_before(capsys: pytest.CaptureFixture[str]) -> None:
    workers.run([1, 2], lambda number: None, label="decode shapes", noun="shard", done=3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "decode shapes: 3 of 5 shards were done before"
    assert lines[-1].startswith("decode shapes: 5 of 5 shards, ")


def test_workers_are_the_cores_at_hand_divided_by_the_lanes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SIGNAL_PERCEPTION_WORKERS")
    monkeypatch.setattr(workers, "cores", lambda: 16)
    for lanes, expected in ((None, 16), ("2", 8), ("5", 3), ("32", 1)):
        if lanes is not None:
            monkeypatch.setenv("SIGNAL_PERCEPTION_LANES", lanes)
        assert workers.count() == expected
