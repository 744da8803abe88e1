"""What a stage reads is what another stage wrote, by dvc.lock."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from signal_perception.pipeline import dvcfile, lock
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.lock import LOCK, refuse_damaged, refuse_damaged_file

_DVCFILE = """stages:
  one:
    cmd: one
    outs:
    - data/weights/a.safetensors
    - data/clips/a.zarr
    - reports/tables/noise/a.csv:
        cache: false
    - data/folder
  two:
    cmd: two
    deps:
    - data/weights/a.safetensors
    - data/clips/a.zarr
    - data/folder
    - reports/tables
"""
_FILES = ("data/weights/a.safetensors", "reports/tables/noise/a.csv")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lock, "_WAIT", 0.01)
    Path("dvc.yaml").write_text(_DVCFILE)
    Path("params.yaml").write_text("{}")
    for name in (*_FILES, "data/clips/a.zarr/c", "data/folder/x"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"content of {name}")
    _write_lock()
    return tmp_path


def _write_lock(stage: str = "one") -> None:
    lines = ["schema: '2.0'", "stages:", f"  {stage}:", "    cmd: one", "    outs:"]
    for name in _FILES:
        lines += [f"    - path: {name}", f"      md5: {lock.file_md5(Path(name))}", "      size: 3"]
    for name in ("data/clips/a.zarr", "data/folder"):
        md5 = lock.folder_md5(lock.folder_files(Path(name)))
        lines += [f"    - path: {name}", f"      md5: {md5}", "      size: 3"]
    LOCK.write_text("\n".join(lines) + "\n")


def _look() -> None:
    refuse_damaged(dvcfile.stage("two"))


@pytest.mark.parametrize("name", [*_FILES, "data/folder/x"])
def test_a_flipped_bit_is_refused_by_name(project: Path, name: str) -> None:
    _look()
    file = Path(name)
    times = file.stat()
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    # without DVC's list of a folder, the folder is named
    named = "data/folder" if "folder" in name else name
    with pytest.raises(UserError, match=rf"^{named} is not what stage one wrote.*dvc commit.*\.$"):
        _look()


def test_stores_have_checksums_of_their_own(project: Path) -> None:
    Path("data/clips/a.zarr/c").write_text("other")
    _look()


def test_what_another_study_wrote_is_not_judged(project: Path) -> None:
    Path(_FILES[1]).write_text("other")
    LOCK.write_text(LOCK.read_text().replace("  one:", "  gone:"))
    _look()


@pytest.mark.parametrize("name", [*_FILES, "data/folder", "data/clips/a.zarr"])
def test_what_is_missing_is_named_with_who_writes_it(project: Path, name: str) -> None:
    path = Path(name)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(UserError, match=rf"{name}.*(missing|not there).*run stage one again"):
        _look()
    if name != _FILES[1]:
        # also where DVC has not seen it yet
        LOCK.unlink()
        with pytest.raises(UserError, match=rf"reads {name}, which is not there"):
            _look()


def test_nothing_has_run_yet(project: Path) -> None:
    LOCK.unlink()
    _look()


@pytest.mark.parametrize("text", ["stages: [", "stages: 3", "- a", "stages:\n  one: 3\n", ""])
def test_a_broken_lock_is_named(project: Path, text: str) -> None:
    LOCK.write_text(text)
    with pytest.raises(UserError, match=r"dvc\.lock"):
        _look()


def test_a_lock_that_is_being_written_is_read_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_WAIT", 0.3)
    text = LOCK.read_text()
    LOCK.write_text(text.replace("size: 3", "size: [", 1))

    def finish() -> None:
        time.sleep(0.2)
        LOCK.write_text(text)

    writer = threading.Thread(target=finish)
    writer.start()
    _look()
    writer.join()


def test_weights_of_the_project_are_checked_before_use(project: Path, tmp_path: Path) -> None:
    weights = Path(_FILES[0])
    refuse_damaged_file(weights, project)
    weights.write_text("other")
    with pytest.raises(UserError, match="is not what stage one wrote"):
        refuse_damaged_file(weights.absolute(), project)
    # somebody else's file is nobody's promise
    other = tmp_path / "mailed.safetensors"
    other.write_text("mine")
    refuse_damaged_file(other, project)
