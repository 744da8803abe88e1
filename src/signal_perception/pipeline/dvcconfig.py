"""What DVC's configuration of the project in this folder says: its cache and its remotes."""

import configparser
import os
import re
from pathlib import Path

_FOLDER = Path(".dvc")
_FILES = ("config", "config.local")


def cache() -> Path:
    """The folder of DVC's cache."""
    # DVC reads this path from the folder of its configuration
    asked = _read().get("cache", "dir", fallback="cache")
    return Path(os.path.normpath(_FOLDER / asked))


def remotes() -> dict[str, str]:
    """Name → address."""
    config = _read()
    matches = {
        section: re.fullmatch(r"'?remote \"(.+)\"'?", section) for section in config.sections()
    }
    return {
        match[1]: config.get(section, "url", fallback="")
        for section, match in matches.items()
        if match
    }


def _read() -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read([_FOLDER / name for name in _FILES], encoding="utf-8")
    return config
