"""`signal-perception verify`: MD5 sums as DVC has them; every kind of damage named, and mended."""

import os
from pathlib import Path

import pytest

from signal_perception.commands.rerun import compare, rerun_command
from signal_perception.commands.verify import verify_command
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.lock import cached, check, file_md5, outputs, promises
from tests.support.project import ROOT, dvc, run

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
    # as in this project: a file in the workspace is the one in the cache
    dvc(folder, "config", "cache.type", "hardlink,copy")
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


def _damage(file: Path) -> None:
    """Other bytes in the same file, of the same size, with the times of before."""
    before = file.stat()
    file.chmod(0o644)
    with file.open("r+b") as stream:
        stream.write(b"\xff")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    file.chmod(before.st_mode)


def _mended(monkeypatch: pytest.MonkeyPatch, folder: Path) -> bool:
    monkeypatch.chdir(folder)
    return verify_command(as_json=False, mending=True)


@pytest.mark.parametrize("cached_too", [True, False], ids=["one file", "two files"])
def test_a_damaged_file_is_mended_from_where_it_is_intact(
    built: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cached_too: bool,
) -> None:
    """A hard link shares its damage with DVC's cache, a copy does not."""
    file, md5 = built / "data/b/c/x", file_md5(built / "data/b/c/x")
    stored = cached(md5, built / ".dvc/cache")
    file.unlink()
    assert dvc(built, "checkout", "-q", "data/b").returncode == 0
    assert file.stat().st_ino == stored.stat().st_ino
    if not cached_too:
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    _damage(file)
    if cached_too:
        # DVC looks at size and time, and believes what it sees
        assert "up to date" in dvc(built, "status").stdout
    assert _faults(built) == [("damaged", "data/b/c/x")]
    assert _mended(monkeypatch, built) is not cached_too
    said = capsys.readouterr().out
    if cached_too:
        assert "nobody here has an intact data/b/c/x" in said
        # nothing damaged is left for DVC to put back
        assert not stored.exists() and not file.exists()
        done = dvc(built, "repro", "-q")
        assert done.returncode == 0, done.stderr
    else:
        assert "1 of 1 are as promised again" in said
    assert _faults(built) == []
    assert file_md5(file) == md5


def test_a_table_comes_from_git_and_a_user_s_own_input_stays(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, video = built / "data/a", built / "raw/video"
    run(built, "git", "add", "-f", "data/a")
    run(built, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "table")
    table.write_text("no")
    video.write_text("another video")
    try:
        assert _mended(monkeypatch, built) is False
        assert table.read_text() == "one\n"
        assert video.read_text() == "another video"
        assert _faults(built) == [("damaged", "raw")]
    finally:
        video.write_text("a video")


def test_a_damaged_list_of_a_folder_is_dropped(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = cached(outputs(built)["data/b"].md5, built / ".dvc/cache")
    _damage(stored)
    (built / "data/b/c-y").unlink()
    assert _mended(monkeypatch, built) is False
    assert not stored.exists()
    assert dvc(built, "repro", "-q").returncode == 0
    assert _faults(built) == []


def test_two_runs_are_compared_by_path() -> None:
    assert compare({"a": "1", "b": "2"}, {"a": "1", "b": "2"}).differ == ()
    found = compare({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9"})
    assert (found.outputs, found.differ) == (3, ("b", "c"))


@pytest.mark.slow
def test_a_tiny_study_gives_the_same_bytes_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert rerun_command(as_json=False) is True
    assert "all bytes are equal" in capsys.readouterr().out
