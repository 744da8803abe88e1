"""Stages side by side: what fails, what is stopped, which GPU each sees, and that DVC agrees."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from signal_perception.pipeline import gpus, lane, lanes, turn
from signal_perception.pipeline.errors import UserError
from tests.support.project import environment

# Stands for DVC: runs <stage>.py, says what the stage says, and is deaf to SIGINT meanwhile.
_DVC = """
import pathlib, signal, subprocess, sys
if sys.argv[1:] == ["repro"]:
    print("Stage 'a' didn't change, skipping\\nData and pipelines are up to date.")
    raise SystemExit(0)
child = subprocess.Popen([sys.executable, f"{sys.argv[3]}.py"])
signal.signal(signal.SIGINT, signal.SIG_IGN)
code = child.wait()
pathlib.Path("released").touch()
raise SystemExit(code and 1)
"""
# A stage with a child in a session of its own, as torchrun has; it writes their numbers.
_LONG = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
                         start_new_session=True)
pathlib.Path("{name}.tmp").write_text(f"{{os.getpid()}} {{child.pid}}")
os.rename("{name}.tmp", "{name}.pids")
time.sleep(60)
"""
_GPU = "import os, pathlib; pathlib.Path('{name}.gpu').write_text(os.environ['{variable}'])"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.py").write_text(_DVC)
    monkeypatch.setattr(lane, "DVC", [sys.executable, "dvc.py"])
    return tmp_path


def _write(folder: Path, **stages: str) -> None:
    for name, code in stages.items():
        (folder / f"{name}.py").write_text(code)


def _when(files: Sequence[Path], then) -> threading.Thread:
    """Call `then` in a thread once all files exist."""

    def look() -> None:
        while not all(file.exists() for file in files):
            time.sleep(0.02)
        then()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    return thread


def _has_ended(number: int) -> bool:
    # an orphan stays a zombie where nobody waits for it (a container)
    gone = not psutil.pid_exists(number)
    return gone or psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def test_a_stage_that_fails_holds_up_those_alone_that_read_from_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, a="print('fine')", b="print('no such thing'); raise SystemExit(3)")
    _write(folder, c="print('c ran')", d="print('d ran')", e="print('e ran')")
    upstream = {"a": set(), "b": set(), "c": {"b"}, "d": {"a"}, "e": {"c", "d"}}
    with pytest.raises(UserError) as ended:
        lanes.repro(list("abcde"), upstream, 2)
    assert str(ended.value) == (
        "1 stage failed, with its message in the file beside it: b (logs/failed/b.log); not run "
        "because of that: c and e; 2 stages finished and kept. Mend what failed and run the same "
        "command again."
    )
    assert (folder / "logs/failed/b.log").read_text() == "no such thing\n"
    said = capsys.readouterr().out.splitlines()
    assert {"fine", "d ran"} <= {*said}
    assert not {"c ran", "e ran"} & {*said}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_all_and_says_what_is_kept(folder: Path, name: str) -> None:
    _write(folder, a="pass", b=_LONG.format(name="b"), c=_LONG.format(name="c"), d="pass")
    upstream = {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"b"}}
    pids = [folder / "b.pids", folder / "c.pids"]
    before = signal.getsignal(getattr(signal, name))
    _when(pids, lambda: os.kill(os.getpid(), getattr(signal, name)))
    begin = time.monotonic()
    with pytest.raises(UserError) as ended:
        lanes.repro(list("abcd"), upstream, 2)
    said = str(ended.value)
    assert said.startswith(f"Stopped by {name}: ")
    assert "b and c under way was cut off" in said or "c and b under way was cut off" in said
    assert "1 stage finished and kept, 1 not begun; the same command goes on from here." in said
    # DVC was asked gently and gave its locks back
    assert (folder / "released").exists()
    assert time.monotonic() - begin < 9
    for number in " ".join(file.read_text() for file in pids).split():
        assert _has_ended(int(number))
    assert signal.getsignal(getattr(signal, name)) is before


def test_what_is_deaf_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = "import signal\nfor number in (2, 15): signal.signal(number, signal.SIG_IGN)\n"
    _write(folder, a=deaf + _LONG.format(name="a"))
    ways = [(number, 0.3) for number, _ in lane._WAYS]
    monkeypatch.setattr(lane, "_WAYS", ways)
    _when([folder / "a.pids"], lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(UserError, match="Stopped by SIGTERM: a under way was cut off"):
        lanes.repro(["a"], {"a": set()}, 1)
    for number in (folder / "a.pids").read_text().split():
        assert _has_ended(int(number))


@pytest.mark.parametrize(
    ("named", "each", "number", "expected"),
    [
        (None, 1, 3, ["0", "1", "0"]),
        ("2,3", 1, 3, ["2", "3", "2"]),
        ("GPU-5a, GPU-7b", 1, 2, ["GPU-5a", "GPU-7b"]),
        (None, 2, 2, ["0,1", "0,1"]),
        ("4,5,6,7", 2, 3, ["4,5", "6,7", "4,5"]),
    ],
)
def test_lanes_share_the_gpus_that_are_visible(
    named: str | None,
    each: int,
    number: int,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    if named is not None:
        monkeypatch.setenv(gpus.VISIBLE, named)
    visible = gpus.visible(2 if named is None else len(named.split(",")))
    assert [",".join(gpus.of_lane(visible, each_, each)) for each_ in range(number)] == expected


def test_a_stage_sees_the_gpu_of_its_lane(folder: Path) -> None:
    for name in "ab":
        _write(folder, **{name: _GPU.format(name=name, variable=gpus.VISIBLE)})
    lanes.repro(["a", "b"], {"a": set(), "b": set()}, 2, ["GPU-5a", "3"])
    assert [(folder / f"{name}.gpu").read_text() for name in "ab"] == ["GPU-5a", "3"]


def test_what_the_closing_dvc_repro_finds_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, a="print('a ran')")
    lanes.repro(["a"], {"a": set()}, 1)
    assert capsys.readouterr().out == "a ran\n"
    (folder / "dvc.py").write_text(
        _DVC.replace("Stage 'a' didn't change, skipping", "Running stage 'b':")
    )
    lanes.repro(["a"], {"a": set()}, 1)
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == [
        "Something changed while the stages ran; DVC brings it up to date:",
        "Running stage 'b':", "Data and pipelines are up to date.",
    ]  # fmt: skip


def test_a_stage_waits_for_another_dvc(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, a="print('a ran')")
    busy = (
        "import pathlib\nfree = pathlib.Path('free')\nif not free.exists():\n    free.touch()\n"
        "    print(\"ERROR: 'x' is busy, it is being blocked by:\\n  (PID 7): dvc repro\\n\")\n"
        "    raise SystemExit(255)\n"
    )
    (folder / "dvc.py").write_text(busy + _DVC)
    monkeypatch.setattr(lane, "_AGAIN", 0.01)
    lanes.repro(["a"], {"a": set()}, 1)
    assert capsys.readouterr().out.splitlines() == [
        "a waits for another DVC at work here (PID 7): dvc repro.", "a ran"
    ]  # fmt: skip


def test_a_second_repro_waits_for_its_turn(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(turn, "_AGAIN", 0.01)
    with turn.taken(), turn._LOCK.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    holder = turn._LOCK.open("r+")
    fcntl.flock(holder, fcntl.LOCK_EX)
    threading.Timer(0.2, holder.close).start()
    begin = time.monotonic()
    with turn.taken():
        assert time.monotonic() - begin > 0.1
    said = capsys.readouterr().out
    assert said.startswith(
        f"Another signal-perception repro is at work here (process {os.getpid()} on "
    )
    assert said.count("\n") == 1


_STUDY = """
stages:
  a: {cmd: "sleep 0.1; echo a > a.txt", outs: [a.txt]}
  b: {cmd: "exit 3", outs: [b.txt]}
  c: {cmd: "cp b.txt c.txt", deps: [b.txt], outs: [c.txt]}
  d: {cmd: "cp a.txt d.txt", deps: [a.txt], outs: [d.txt]}
"""
_UPSTREAM = {"a": set(), "b": set(), "c": {"b"}, "d": {"a"}}


@pytest.mark.slow
def test_with_dvc_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    plain = [sys.executable, "-m", "dvc"]
    subprocess.run([*plain, "init", "-q", "--no-scm"], check=True)
    (tmp_path / "dvc.yaml").write_text(_STUDY)
    with pytest.raises(UserError, match=r"1 stage failed.*not run because of that: c; 2 s"):
        lanes.repro(list("abcd"), _UPSTREAM, 2)
    assert "failed to reproduce 'b'" in Path("logs/failed/b.log").read_text()
    (tmp_path / "dvc.yaml").write_text(_STUDY.replace("exit 3", "sleep 4; echo b > b.txt"))

    # a plain dvc repro in another terminal has b's files for four seconds
    other = subprocess.Popen([*plain, "repro", "b"])
    rwlock = tmp_path / ".dvc/tmp/rwlock"
    while not (rwlock.exists() and "b.txt" in rwlock.read_text()):
        time.sleep(0.05)
    capfd.readouterr()
    lanes.repro(["b", "c"], _UPSTREAM, 2)
    assert other.wait() == 0
    said = capfd.readouterr().out
    assert "b waits for another DVC at work here (PID " in said
    assert "Something changed" not in said and "is busy" not in said
    assert lanes.changed() == {}
    again = subprocess.run([*plain, "repro"], capture_output=True, text=True, check=True)
    assert "Data and pipelines are up to date." in again.stdout
