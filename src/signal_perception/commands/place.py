"""Where the user stands: the project, paths as they were typed, names for the shell to complete."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from signal_perception.pipeline import params, project
from signal_perception.pipeline.errors import UserError


@dataclass(frozen=True)
class Place:
    """Where the command was called. inside: whether that is in a folder of a project."""

    start: Path
    inside: bool


def enter(asked: Path | None) -> Place:
    """Go to the project's root: the folder asked for, or the nearest one above.

    Outside of a project nothing happens: the command that needs one will say so.
    """
    start = Path().resolve()
    found = project.find(start) if asked is None else project.root(asked)
    if found is not None and found != start:
        os.chdir(found)
    return Place(start, found is not None)


def as_typed(context: typer.Context, value: Any) -> Any:
    """Paths as the user typed them, relative to where the user stands: one, several or none.

    The callback of every parameter that is a path.
    """
    if isinstance(value, list | tuple):
        return [as_typed(context, each) for each in value]
    if value is None:
        return None
    path, where = Path(value).expanduser(), context.find_object(Place)
    if where is None or path.is_absolute() or where.start == Path().resolve():
        return path
    # without the dots of ../here
    return Path(os.path.normpath(where.start / path))


def shown(path: Path) -> Path:
    """A path as it is printed: within the project without the project's folder."""
    root = Path().resolve()
    return path.relative_to(root) if path.is_relative_to(root) else path


def _names(of: Callable[[Path], list[str]]) -> Callable[[str], list[str]]:
    """Completes names of the project that the user stands in; none elsewhere."""

    def complete(incomplete: str) -> list[str]:
        root = project.find(Path())
        try:
            found = of(root) if root is not None else []
        except (OSError, UserError, KeyError, TypeError):
            # a shell completes nothing from a file that is not right; the command says what is
            found = []
        return sorted(name for name in found if name.startswith(incomplete))

    return complete


def _models(root: Path) -> list[str]:
    return [file.stem for file in (root / params.MODELS).glob("*.yaml")]


def _presets(root: Path) -> list[str]:
    return [file.stem for file in (root / "presets").glob("*.yaml")]


def _datasets(root: Path) -> list[str]:
    return list(params.read_yaml(root / params.PARAMS)["datasets"])


models, presets, datasets = _names(_models), _names(_presets), _names(_datasets)
