"""The source files that a script runs: its import closure in this package, off the syntax trees.

DVC tracks no imports: dvc.yaml lists the folders and files of each stage, and a test holds each
list against `closure`. What lies in `pipeline/` changes speed and never results, so the closure
ends there; files that hold a docstring alone run nothing, so they are not in it. Nor is the
package's own `__init__.py`, which hands out what notebooks need and which no stage asks.
"""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = "signal_perception"
SOURCE = Path(__file__).resolve().parents[2]
PIPELINE = SOURCE / PACKAGE / "pipeline"
_FRONT = SOURCE / PACKAGE / "__init__.py"


def closure(script: Path, modules: Iterable[str] = ()) -> list[Path]:
    """Sorted paths of every file that `script` imports from the package, directly or not.

    The script itself is not in the list. modules: dotted names that it imports by name at run
    time. Imports inside functions count: they run too.
    """
    found: set[Path] = set()
    waiting = list(imported_files(script))
    for name in modules:
        waiting += _files(name)
    while waiting:
        file = waiting.pop()
        if file in found or file == _FRONT or file.is_relative_to(PIPELINE):
            continue
        if not _only_docstring(file):
            found.add(file)
            waiting += imported_files(file)
    return sorted(found)


@cache
def imported_files(file: Path) -> tuple[Path, ...]:
    """Files of the package that importing `file` runs directly."""
    own = [name for name in imported_names(file) if name.split(".")[0] == PACKAGE]
    return tuple(path for name in own for path in _files(name))


def imported_names(file: Path) -> list[str]:
    """Dotted names of every module, and of what is taken from it, that a file imports."""
    names: list[str] = []
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _only_docstring(file: Path) -> bool:
    return all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for node in _tree(file).body
    )


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _files(name: str) -> list[Path]:
    """Files that importing the dotted name runs: the module and every package above it.

    An attribute of a module adds none.
    """
    parts, files = name.split("."), []
    for depth in range(1, len(parts) + 1):
        place = SOURCE.joinpath(*parts[:depth])
        if (place / "__init__.py").is_file():
            files.append(place / "__init__.py")
        elif place.with_suffix(".py").is_file():
            files.append(place.with_suffix(".py"))
    return files
