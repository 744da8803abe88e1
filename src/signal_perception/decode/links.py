"""Links among raw files: none leads out of the data set's folder, but into the project's DVC cache.

DVC may check a file out as a link into its cache, where it is named by its content.
"""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

# An object of DVC's cache, below the cache's folder.
_OBJECT = re.compile(r"files/md5/[0-9a-f]{2}/[0-9a-f]{30}")


def leads_out(root: Path, path: Path) -> str:
    """Where a file of the folder `root` really lies, if that is outside; else ""."""
    home, target = os.path.realpath(root), os.path.realpath(path)
    if target.startswith(home + os.sep) or _in_cache(root, target):
        return ""
    return target


def _in_cache(root: Path, target: str) -> bool:
    if not re.search(_OBJECT.pattern + "$", target):
        return False
    project = next((each for each in root.absolute().parents if _is_project(each)), None)
    place = "" if project is None else _cache_of(project)
    return bool(place) and _OBJECT.fullmatch(os.path.relpath(target, place)) is not None


def _is_project(folder: Path) -> bool:
    return (folder / ".dvc").is_dir()


@cache
def _cache_of(project: Path) -> str:
    """The folder of a project's DVC cache, links resolved; "" where DVC names none."""
    # DVC has four files of configuration and may keep the cache anywhere
    asked = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    place = asked.stdout.strip()
    return os.path.realpath(place) if asked.returncode == 0 and place else ""
