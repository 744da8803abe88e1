"""Each server holds what DVC pushes and gives it back."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import servers


@pytest.mark.slow
@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_remote_gives_back_what_it_was_given(kind: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()

    def dvc(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=project, check=True)

    dvc("init", "-q", "--no-scm")
    file = project / "tap.bin"
    file.write_bytes(b"signal" * 1000)
    dvc("add", "-q", "tap.bin")
    with servers.remote(kind, tmp_path / "server") as remote:
        remote.add(project)
        dvc("push", "-q")
        file.unlink()
        shutil.rmtree(project / ".dvc/cache")
        dvc("pull", "-q")
    assert file.read_bytes() == b"signal" * 1000
