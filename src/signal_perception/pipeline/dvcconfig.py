"""What DVC's configuration of a project says: its cache and its remotes."""

import configparser
import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

_FOLDER = Path(".dvc")
_FILES = ("config", "config.local")


def cache(root: Path = Path()) -> Path:
    """The folder of DVC's cache of the project in `root`."""
    asked = _asked(root.resolve())
    return Path(os.path.relpath(asked)) if asked.is_relative_to(Path().resolve()) else asked


def own() -> configparser.ConfigParser:
    """The configuration that lies in the project in the working directory."""
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read([_FOLDER / name for name in _FILES], encoding="utf-8")
    return config


def remotes() -> dict[str, str]:
    """Name → address, of the project in the working directory."""
    config = own()
    matches = {
        section: re.fullmatch(r"'?remote \"(.+)\"'?", section) for section in config.sections()
    }
    return {
        match[1]: config.get(section, "url", fallback="")
        for section, match in matches.items()
        if match
    }


@lru_cache(maxsize=16)
def _asked(root: Path) -> Path:
    # DVC has four files of configuration, two of them outside of the project
    asked = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    place = asked.stdout.strip()
    return root / (place if asked.returncode == 0 and place else _FOLDER / "cache")
