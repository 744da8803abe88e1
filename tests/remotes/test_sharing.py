"""What one person shares, another has: all but private frames, with nothing run again."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from signal_perception.pipeline import remotes
from signal_perception.pipeline.errors import UserError
from tests.support import project, servers, shared

_PRIVATE = Path("data/clips/private/test.zarr")


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which each stage that runs adds a line."""
    file = tmp_path / "ran"
    monkeypatch.setenv("RAN", str(file))
    return file


@pytest.fixture
def owner(tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Whose study lies in a folder's remote; we are in it."""
    folder = shared.make(tmp_path / "owner")
    with servers.remote("directory", tmp_path / "server") as remote:
        remote.add(folder)
        monkeypatch.chdir(folder)
        remotes.push({_PRIVATE})
        yield folder


@pytest.mark.parametrize(
    "kind",
    [kind if kind == "directory" else pytest.param(kind, marks=pytest.mark.slow)
     for kind in servers.KINDS],
)  # fmt: skip
def test_a_clone_has_the_study_and_runs_nothing_again(
    kind: str, tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shared.make(tmp_path / "owner")
    whole = shared.contents(owner)
    with servers.remote(kind, tmp_path / "server") as remote:
        remote.add(owner)
        monkeypatch.chdir(owner)
        assert shared.move(owner, f"push({{Path('{_PRIVATE}')}})").files > 0

        ran.unlink()
        monkeypatch.chdir(shared.clone(owner, tmp_path / "clone"))
        shutil.rmtree(owner)
        moved = shared.move(Path(), "pull()")
        here = shared.contents(Path())
        assert moved.missing == (_PRIVATE,)
        assert here == {
            path: content
            for path, content in whole.items()
            if not Path(path).is_relative_to(_PRIVATE)
        }

        # tables of Git that are lost come back from the run cache, by plain DVC
        shutil.rmtree("reports/figures")
        Path("reports/noise.csv").unlink()
        assert project.dvc(Path(), "repro", "-q", "-s", "noise", "report").returncode == 0
        assert shared.contents(Path()) == here
        assert not ran.exists()


@pytest.mark.slow
def test_a_value_and_back_runs_what_reads_it_once(
    owner: Path, tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran.unlink()
    monkeypatch.chdir(shared.clone(owner, tmp_path / "clone"))
    before = shared.contents(Path())
    for sigma in ("2.0", "1.0"):
        Path("params.yaml").write_text(f"sigma: {sigma}\n", encoding="utf-8")
        done = project.dvc(Path(), "repro", "-q", "--pull", "--allow-missing")
        assert done.returncode == 0, done.stderr
    assert ran.read_text() == "noise 2.0\nreport all\n"
    # the inputs of what ran were fetched, and nothing else
    after = shared.contents(Path())
    assert {path for path in after if path not in before} == {
        "data/noise.bin", *(f"data/clips/open/test.zarr/{n}" for n in range(3))
    }  # fmt: skip
    assert {path: after[path] for path in before} == before


def test_no_remote_and_nothing_to_share_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    project.dvc(tmp_path, "init", "-q", "--no-scm")
    for call in (lambda: remotes.push(set()), remotes.pull):
        with pytest.raises(UserError, match=r"No remote is set .* dvc remote add -d store"):
            call()
    project.dvc(tmp_path, "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    with pytest.raises(UserError, match="There is nothing to share"):
        remotes.push(set())


def test_files_that_a_killed_transfer_left_out_are_sent_by_the_next(
    owner: Path, tmp_path: Path
) -> None:
    """DVC takes the list of a folder for a sign that its files are there."""
    store = tmp_path / "server"
    objects = {path for path in store.rglob("*") if path.is_file()}
    lists = {path for path in objects if path.suffix == ".dir"}
    gone = sorted(objects - lists, key=lambda path: path.name)[::2]
    assert lists and gone
    for path in gone:
        path.unlink()
    assert project.dvc(owner, "push", "-q").returncode == 0
    assert not all(path.exists() for path in gone)
    remotes.push({_PRIVATE})
    assert {path for path in store.rglob("*") if path.is_file()} == objects
