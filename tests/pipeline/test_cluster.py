"""A Dask cluster: lost workers, poisoned units, a dead scheduler, workers of another project."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from signal_perception.pipeline import cluster, ends, visit, workers
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit

distributed = pytest.importorskip("distributed")

# A worker that is not of the project: a folder of its own, or other code.
_WORKER = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"]


def square(folder: Path, number: int) -> None:
    """A unit of work; once it kills the worker that begins with 5."""
    if number == 5 and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / f"{number}").write_text(str(number**2), encoding="utf-8")


def poisoned(folder: Path, number: int) -> None:
    """A unit of work that brings down every process that takes 1, and fails with 3."""
    if number == 1:
        os.abort()
    if number == 3:
        with (folder / "tried").open("a") as file:
            file.write(f"{os.getpid()}\n")
        raise ZeroDivisionError("no square of 3")
    square(folder, number)


def killed(folder: Path, number: int) -> None:
    """A unit of work that wants more memory than there is with 1."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    square(folder, number)


def slow(number: int) -> None:
    """A unit of work."""
    time.sleep(0.3)


def _results(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.iterdir()) if file.name.isdigit()]
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def _squares(*numbers: int) -> dict[str, str]:
    return {str(number): str(number**2) for number in numbers}


@pytest.fixture(scope="module")
def two() -> Iterator[Any]:
    """Two workers, each a process that is begun again when it dies; one death gives a unit up."""
    from dask import config

    with (
        config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as found,
    ):
        yield found


@pytest.fixture(autouse=True)
def address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "two" in request.fixturenames:
        found = request.getfixturevalue("two").scheduler_address
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", found)


def test_units_of_a_lost_worker_are_done_elsewhere(two: Any, tmp_path: Path) -> None:
    workers.run(range(12), partial(square, tmp_path), label="squares")
    assert _results(tmp_path) == _squares(*range(12))
    assert (tmp_path / "killed").exists()


def test_poisoned_units_are_named_and_the_others_done(two: Any, tmp_path: Path) -> None:
    (tmp_path / "killed").touch()
    with pytest.raises(UserError) as ended:
        workers.run(range(6), partial(poisoned, tmp_path), label="squares")
    assert str(ended.value) == (
        "2 of 6 units failed on every Dask worker that took them (1: its process was ended by "
        "SIGABRT; 3: ZeroDivisionError: no square of 3); all others are finished and kept. Mend "
        "that and run again: only what is left is done (here, with DASK_SCHEDULER_ADDRESS unset)."
    )
    assert _results(tmp_path) == _squares(0, 2, 4, 5)


def test_a_unit_that_fails_is_tried_on_every_worker(two: Any, tmp_path: Path) -> None:
    two.wait_for_workers(2)
    with pytest.raises(UserError, match="3: ZeroDivisionError: no square of 3"):
        workers.run([2, 3], partial(poisoned, tmp_path), label="squares")
    # a result may be lost on its way, and the unit done again
    assert len({*(tmp_path / "tried").read_text().split()}) == 2


def test_a_unit_is_called_by_its_result() -> None:
    assert ends.name(Unit(1, Path("blocks/1.npz"))) == "blocks/1.npz"
    assert ends.name(7) == "7"


@pytest.mark.slow
def test_with_isolation_a_unit_at_fault_is_answered_and_a_killed_one_is_not(
    two: Any, tmp_path: Path
) -> None:
    assert workers.run([1, 2], partial(poisoned, tmp_path), label="squares", isolate=True) == [1]
    with pytest.raises(UserError, match=r"\(1: its process was killed \(signal 9\)"):
        workers.run([1, 2], partial(killed, tmp_path), label="squares", isolate=True)


def test_a_worker_of_other_code_is_refused(
    two: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(visit, "_code", lambda: "other")
    with pytest.raises(UserError, match=r"The Dask worker tcp://.* runs other code"):
        workers.run(range(4), partial(square, tmp_path), label="squares")
    monkeypatch.undo()
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", two.scheduler_address)
    here = visit._versions()
    monkeypatch.setattr(visit, "_versions", lambda: here | {"torch": "1.0"})
    with pytest.raises(UserError, match=r"has torch .* instead of 1.0"):
        workers.run(range(4), partial(square, tmp_path), label="squares")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://no-such-host.invalid:1"])
def test_a_scheduler_that_does_not_answer_is_one_sentence(
    address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    monkeypatch.setattr(cluster, "_PATIENCE", 0.5)
    with pytest.raises(UserError, match=f"No Dask scheduler answers at {address} "):
        workers.run(range(4), slow, label="squares")
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A scheduler in a process of its own."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    with subprocess.Popen(
        [*command, "--port", "0", "--no-dashboard", "--no-show"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr)
        line = next(line for line in lines if "Scheduler at:" in line)
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", line.split("Scheduler at:")[1].strip())
        # nobody reads on: a full pipe would stop it
        threading.Thread(target=lambda: [*lines], daemon=True).start()
        yield process
        process.kill()


def _worker(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [*_WORKER, "--no-dashboard", os.environ["DASK_SCHEDULER_ADDRESS"]]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.DEVNULL, text=True
    )


def test_a_scheduler_that_dies_or_hangs_ends_the_run(
    scheduler: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    begin = time.monotonic()
    threading.Timer(1.5, scheduler.kill).start()
    with pytest.raises(UserError, match="is gone or does not answer; what was finished is kept"):
        workers.run(range(40), slow, label="squares")
    assert time.monotonic() - begin < 10
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_scheduler_that_hangs_and_one_without_workers(
    scheduler: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cluster, "_LOOK", 1.0)
    monkeypatch.setattr(cluster, "_PATIENCE", 2.0)
    threading.Timer(4, scheduler.send_signal, (signal.SIGSTOP,)).start()
    with pytest.raises(UserError, match="is gone or does not answer; what was finished is kept"):
        workers.run(range(40), slow, label="squares")
    assert capfd.readouterr().err.count("has no workers; waiting for some") == 1


@pytest.mark.slow
def test_a_worker_in_another_folder_is_refused(
    scheduler: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with _worker(tmp_path) as other:
        with pytest.raises(UserError, match=f"runs in {tmp_path} and does not see the file"):
            workers.run(range(4), slow, label="squares")
        other.kill()
