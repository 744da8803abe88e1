"""The project's folder, found from wherever somebody stands in it, and DVC's settings there."""

import configparser
import os
from pathlib import Path

from signal_perception.pipeline.dvcfile import DVCFILE
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import MODELS, PARAMS


def find(start: Path) -> Path | None:
    """The nearest folder at or above `start` that is a project; None where there is none."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if _is_project(folder)), None)


def root(asked: Path | str | None = None) -> Path:
    """The folder that is asked for, or the one found from the working directory.

    UserError where that is no project.
    """
    if asked is not None:
        folder = Path(asked).resolve()
        if not _is_project(folder):
            raise UserError(
                f"{asked} is no project: it lacks {_lacks(folder)}; name the folder that has them."
            )
        return folder
    found = find(Path())
    if found is None:
        raise UserError(
            f"Neither {Path().resolve()} nor a folder above it is a project (with {DVCFILE}, "
            f"{PARAMS} and {MODELS}); go into one, or name it (--project)."
        )
    return found


def dvc_config() -> configparser.ConfigParser:
    """DVC's own configuration of the project in the working directory."""
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read([".dvc/config", ".dvc/config.local"], encoding="utf-8")
    return config


def cache() -> Path:
    """DVC's cache of the project in the working directory."""
    # DVC reads this path from the folder of its configuration
    asked = dvc_config().get("cache", "dir", fallback="cache")
    return Path(os.path.normpath(Path(".dvc") / asked))


def _lacks(folder: Path) -> str:
    return ", ".join(str(path) for path in _PARTS if not (folder / path).exists())


def _is_project(folder: Path) -> bool:
    return all((folder / path).exists() for path in _PARTS)


_PARTS = (DVCFILE, PARAMS, MODELS)
