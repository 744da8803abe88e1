"""`signal-perception verify`: MD5 sums as DVC has them, and every kind of damage named."""

from pathlib import Path

import pytest

from signal_perception.commands.verify import check, promises, verify_command
from signal_perception.pipeline.errors import UserError
from tests.support.project import dvc, run

_DVCFILE = """stages:
  make:
    cmd: mkdir -p data/b/c && echo one > data/a && echo two > data/b/c/x && echo three > data/b/c-y
    deps:
    - raw
    outs:
    - data/a:
        cache: false
    - data/b
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    run(folder, "git", "init", "-q")
    dvc(folder, "init", "-q")
    (folder / "dvc.yaml").write_text(_DVCFILE)
    (folder / "raw").mkdir()
    (folder / "raw/video").write_text("a video")
    done = dvc(folder, "repro", "-q")
    assert done.returncode == 0, done.stderr
    return folder


def _faults(folder: Path) -> list[tuple[str, str]]:
    return [(e.what, e.path) for promise in promises(folder) for e in check(promise, folder)]


def test_what_dvc_wrote_is_as_promised(built: Path) -> None:
    assert [promise.path for promise in promises(built)] == ["data/a", "data/b", "raw"]
    assert _faults(built) == []


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("data/a", "no", ("damaged", "data/a")),
        ("data/a", None, ("missing", "data/a")),
        ("data/b/c/x", "no", ("damaged", "data/b/c/x")),
        ("data/b/c/x", None, ("missing", "data/b/c/x")),
        ("data/b/c/z", "new", ("not promised", "data/b/c/z")),
        ("raw/video", "no", ("damaged", "raw/video")),
    ],
)
def test_damage_is_named(built: Path, path: str, text: str | None, fault: tuple[str, str]) -> None:
    file = built / path
    before = file.read_text() if file.exists() else None
    # a file of DVC's cache may be this very one
    file.unlink(missing_ok=True)
    try:
        if text is not None:
            file.write_text(text)
        found = _faults(built)
    finally:
        file.unlink(missing_ok=True)
        if before is not None:
            file.write_text(before)
    if path == "raw/video":
        # DVC's cache has no list of what it does not keep
        fault = ("damaged", "raw")
    assert found == [fault]
    assert _faults(built) == []


def test_the_command_says_and_ends_by_it(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(built)
    assert verify_command(as_json=False) is True
    assert "3 paths of dvc.lock" in capsys.readouterr().out
    file = built / "data/a"
    file.unlink()
    assert verify_command(as_json=False) is False
    assert "missing  data/a  make" in capsys.readouterr().out
    file.write_text("one\n")


def test_nothing_has_run_yet(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing has run yet"):
        promises(tmp_path)
