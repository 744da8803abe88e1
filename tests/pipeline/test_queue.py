"""A queued experiment runs the code of its own tree, not that of the workspace."""

import textwrap
from pathlib import Path

import pytest

from tests.support.project import copy, dvc, run

pytestmark = pytest.mark.slow

PROBE = textwrap.dedent(
    """
    from pathlib import Path

    from signal_perception import vocabulary
    from signal_perception.pipeline import stage

    run = stage.start("probe")
    Path("probe.txt").write_text(f"{vocabulary.CLIP}\\n{vocabulary.__file__}\\n")
    """
)
PIPELINE = textwrap.dedent(
    """
    stages:
      probe:
        cmd: PYTHONPATH=src python stages/probe.py
        params:
        - seed
        deps:
        - src/signal_perception/vocabulary.py
        outs:
        - probe.txt:
            cache: false
    """
)


def test_queue_edit_start(tmp_path: Path) -> None:
    folder = copy(tmp_path / "study")
    (folder / "stages/probe.py").write_text(PROBE, encoding="utf-8")
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    for command in (
        ("config", "user.email", "nobody@example.org"),
        ("config", "user.name", "Nobody"),
        ("add", "-A"),
        ("commit", "-qm", "study"),
    ):
        assert run(folder, "git", *command).returncode == 0
    queued = dvc(folder, "exp", "run", "--queue", "-S", "seed=1", "--name", "queued")
    assert queued.returncode == 0, queued.stderr
    vocabulary = folder / "src/signal_perception/vocabulary.py"
    text = vocabulary.read_text(encoding="utf-8")
    vocabulary.write_text(text.replace('CLIP = "clip"', 'CLIP = "edited"'), encoding="utf-8")
    started = dvc(folder, "exp", "run", "--run-all")
    assert started.returncode == 0, started.stdout + started.stderr
    found = run(folder, "git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
    result = next(name for name in found if name.endswith("queued"))
    word, place = run(folder, "git", "show", f"{result}:probe.txt").stdout.split()
    assert word == "clip"
    assert not Path(place).is_relative_to(folder / "src")
    assert Path(place).is_relative_to(folder / ".dvc/tmp")
