"""Units of work give the same files wherever they run."""

from functools import partial
from pathlib import Path

import pytest

from signal_perception import workers
from signal_perception.errors import UserError


def square(folder: Path, number: int) -> None:
    """A unit of work."""
    if number < 0:
        raise UserError(f"{number} has no square root")
    (folder / f"{number}").write_text(str(number**2), encoding="utf-8")


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    monkeypatch.delenv("SIGNAL_PERCEPTION_WORKERS", raising=False)


def _results(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("where", ["here", "processes", "dask"])
def test_every_unit_is_done_and_errors_come_back(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("text", ["0", "-1", "two"])
def test_a_wrong_number_of_workers_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", text)
    with pytest.raises(UserError, match="SIGNAL_PERCEPTION_WORKERS"):
        workers.count()


def test_plain_lines_say_what_was_done_before(capsys: pytest.CaptureFixture[str]) -> None:
    workers.run([1, 2], lambda number: None, label="decode shapes", unit="shard", done=3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "decode shapes: 3 of 5 shards were done before"
    assert lines[-1].startswith("decode shapes: 5 of 5 shards, ")
