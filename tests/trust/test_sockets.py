"""No code of the project reaches for the network: every module, a model, a video, the page."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from signal_perception.pipeline import dvcconfig

SCRIPT = """
import importlib, os, pkgutil, sys
from pathlib import Path

asked = []
def heard(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        asked.append((event, arguments))
sys.addaudithook(heard)

import socket
try:
    socket.create_connection(("127.0.0.1", 9), timeout=0.01)
except OSError:
    pass
# the hook hears what is asked for
assert {event for event, _ in asked} >= {"socket.connect"}, asked
asked.clear()

import signal_perception
for found in pkgutil.walk_packages(signal_perception.__path__, "signal_perception."):
    importlib.import_module(found.name)

from signal_perception.synthesise import videos
from tests.support import notebook

folder = notebook.project(Path(sys.argv[1]) / "project")
notebook.write_weights(folder)
videos.write(folder / "videos", train_per_class=0, test_per_class=1, frames=12, size=48)
model = signal_perception.load_model(notebook.MODEL, project=folder)
clip = next((folder / "videos").rglob("*.mp4"))
assert [each.verdict for each in signal_perception.predict(model, clip)] == ["ok"]

from signal_perception.pipeline.errors import UserError

model.network.state_dict()[next(iter(model.network.state_dict()))].fill_(float("nan"))
try:
    list(signal_perception.predict(model, clip))
except UserError as refusal:
    assert "give no numbers (NaN)" in str(refusal)
else:
    raise AssertionError("NaN became a prediction")
assert not asked, asked

if sys.argv[2] == "page":
    from tests.support.pages import make_page
    from tests.support.results import results

    assert "<html" in make_page(results()).html
assert not asked, asked
"""


@pytest.mark.parametrize("also", ["nothing", pytest.param("page", marks=pytest.mark.slow)])
def test_nothing_opens_a_connection(also: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path), also],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": ":".join(["src", ".", *sys.path])},
    )
    assert done.returncode == 0, done.stderr


def test_dvc_sends_nothing_home() -> None:
    assert dvcconfig.own().get("core", "analytics") == "false"
