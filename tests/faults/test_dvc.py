"""Faults around the stages: DVC that is killed or runs twice, remotes that die, odd file names."""

import glob
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.outcomes import EQUAL, REFUSED, TABLE, compared, not_a_sentence
from tests.faults.runs import Ended
from tests.faults.study import Study
from tests.support import project

pytestmark = pytest.mark.faults

# The code is that of the study's own tree.
_START = (
    "import sys; sys.path.insert(0, 'src'); from signal_perception.commands import app; app.main()"
)
_COMMAND = (sys.executable, "-c", _START)
REMOTES = ("directory", "s3", "ssh", "webdav")
ODD = (
    *("a b.mp4", "it's.mp4", 'so "called".mp4', "Größe → 3.mp4", "-rf.mp4", "$(touch x).mp4"),
    *("new\nline.mp4", "50%.mp4", "a,b;c.mp4", "#1.mp4", "c:d.mp4", "=1+1.mp4", "nan.mp4"),
)


def test_repro_killed(whole: Study) -> None:
    """DVC and all below it, at any moment of a stage and of DVC's own work."""
    draw, kind = random.Random(0), "probe"
    outcomes = []
    for _ in range(3):
        whole.restore()
        began = time.monotonic()
        process = _repro(whole, "--force", "--single-item", whole.stages[kind].name)
        time.sleep(draw.uniform(1, 6))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert time.monotonic() - began < 60
        outcomes.append(_brought_back(whole))
    TABLE.check("dvc repro", "killed", outcomes)


def test_two_repros_at_once(whole: Study) -> None:
    """One of them may be refused by DVC; the study is right afterwards."""
    whole.restore()
    options = ("--force", "--single-item", whole.stages["probe"].name)
    both = [_repro(whole, *options), _repro(whole, *options)]
    ended = [(process.communicate()[0], process.returncode) for process in both]
    failed = [text for text, code in ended if code != 0]
    outcome = _brought_back(whole)
    if len(failed) == len(both):
        outcome = f"neither of two repros ended: {failed[0][-200:]}"
    elif failed and "Traceback" in failed[0]:
        outcome = f"a traceback: {failed[0][-200:]}"
    elif failed and outcome == EQUAL:
        outcome = REFUSED
    TABLE.check("dvc repro", "two at once", [outcome])


@pytest.mark.parametrize("kind", REMOTES)
def test_remote_that_dies(whole: Study, kind: str, tmp_path: Path) -> None:
    """In the middle of `share`; the next one, and `fetch` without a cache, end with all bytes."""
    servers = pytest.importorskip("tests.support.servers")
    whole.restore()
    with servers.remote(kind, tmp_path / "first") as server:
        server.add(whole.root, f"{kind}-first")
        whole.dvc("remote", "default", f"{kind}-first")
        pushing = _start(whole, *_COMMAND, "share")
        time.sleep(4)
        if server.process is None:
            os.killpg(pushing.pid, signal.SIGKILL)
        else:
            server.kill()
        said = pushing.communicate()[0]
        outcome = f"a traceback: {said[-200:]}" if "Traceback" in said else EQUAL
        if server.process is None and outcome == EQUAL:
            outcome = _pushed_and_pulled(whole, f"{kind}-first")
    if kind != "directory":
        with servers.remote(kind, tmp_path / "second") as server:
            server.add(whole.root, f"{kind}-second")
            then = _pushed_and_pulled(whole, f"{kind}-second")
            outcome = then if outcome == EQUAL else outcome
    TABLE.check("share", f"{kind} remote dies", [outcome])


def test_odd_file_names(whole: Study, tmp_path: Path) -> None:
    """Every video is in decode's table and decoded, or the data set is refused with its name."""
    whole.restore()
    videos = sorted((whole.root / "data/raw/shapes").rglob("*.mp4"))
    values: dict[str, object] = {
        "study.datasets": ["gestures"],
        "study.weights": ["gestures"],
        "datasets.gestures.source.manifest": None,
    }
    copy = project.copy(tmp_path / "odd", values)
    raw = copy / "data/raw/gestures"
    for number, name in enumerate(ODD):
        for split, label in itertools.product(
            ("train", "test"), ("wave", "it's a \u201cclass\u201d")
        ):
            target = raw / split / label / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(videos[number % len(videos)], target)
    left = list(ODD)
    while (outcome := _decoded(copy)) == REFUSED and left:
        said = (copy / "said").read_text(encoding="utf-8")
        # a name in a sentence may be written as Python or JSON writes it
        named = [name for name in left if any(form in said for form in _forms(name))]
        if not named:
            outcome = f"a refusal that names none of the files: {said[-200:]}"
            break
        for file in raw.rglob("*/" + glob.escape(named[0])):
            file.unlink()
        left.remove(named[0])
        TABLE.add("decode", "odd file name", REFUSED)
    TABLE.check("decode", "odd file name", [outcome] * max(1, len(left)))


def _forms(name: str) -> tuple[str, ...]:
    return (name, repr(name)[1:-1], json.dumps(name)[1:-1])


def _decoded(folder: Path) -> str:
    """EQUAL where every video is decoded and listed, or what came of it instead."""
    done = project.dvc(folder, "repro", "decode@gestures")
    (folder / "said").write_text(done.stderr, encoding="utf-8")
    if done.returncode != 0:
        return not_a_sentence(Ended(done.returncode, done.stderr, 0.0)) or REFUSED
    table = pd.read_csv(folder / "reports/decode/gestures.csv", keep_default_na=False)
    videos = list((folder / "data/raw/gestures").rglob("*.mp4"))
    decoded = table.loc[table["verdict"] == "ok", "id"].nunique()
    if (folder / "x").exists():
        return "a name was run as a command"
    return EQUAL if decoded == len(videos) else f"{decoded} of {len(videos)} videos are decoded"


def _brought_back(study: Study) -> str:
    """EQUAL where a plain repro ends with all bytes of the clean run."""
    again = study.dvc("repro")
    if again.returncode != 0:
        return f"the next repro: {again.stderr[-300:]}"
    wrong = [each for kind in study.stages if (each := compared(study, kind)) != EQUAL]
    return wrong[0] if wrong else EQUAL


def _pushed_and_pulled(study: Study, name: str) -> str:
    study.dvc("remote", "default", name)
    shared = project.run(study.root, *_COMMAND, "share")
    shutil.rmtree(study.root / ".dvc/cache")
    # raw videos may be what nobody pushes
    for folder in (study.root / "data").iterdir():
        if folder.name != "raw":
            shutil.rmtree(folder)
    fetched = project.run(study.root, *_COMMAND, "fetch")
    for done in (shared, fetched):
        if done.returncode != 0:
            return f"after the fault: {done.stderr[-300:]}"
    wrong = [each for kind in study.stages if (each := compared(study, kind)) != EQUAL]
    return wrong[0] if wrong else EQUAL


def _repro(study: Study, *options: str) -> subprocess.Popen[str]:
    return _start(study, sys.executable, "-m", "dvc", "repro", *options)


def _start(study: Study, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=study.root,
        env=study.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
