"""The source files that a script runs: its import closure inside this package, read off the syntax trees.

DVC tracks no imports, so dvc.yaml lists each stage's code by hand; a test compares those lists with `closure`. The scratch directory
of a stage is keyed by the same closure, so a half-done stage never continues with other code.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = "signal_perception"
SOURCE = Path(__file__).resolve().parents[1]


def closure(script: Path, modules: Iterable[str] = ()) -> list[Path]:
    """Sorted paths of every file of the package that `script` imports, directly or not, with `modules` (dotted) imported lazily.

    The script itself is not in the list. Imports inside functions count: they run too.
    """
    found: set[Path] = set()
    waiting = list(_imports(script))
    for name in modules:
        waiting += _files(name)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imports(file)
    return sorted(found)


def code_hash(script: Path, modules: Iterable[str] = ()) -> str:
    """sha256 over the script and its closure, names and contents."""
    digest = hashlib.sha256()
    for file in [script.resolve(), *closure(script, modules)]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(path for name in names if name.split(".")[0] == PACKAGE for path in _files(name))


def _files(name: str) -> list[Path]:
    """Files that importing the dotted name runs: the module and every package above it; an attribute of a module adds none."""
    parts, files = name.split("."), []
    for depth in range(1, len(parts) + 1):
        place = SOURCE.joinpath(*parts[:depth])
        if (place / "__init__.py").is_file():
            files.append(place / "__init__.py")
        elif place.with_suffix(".py").is_file():
            files.append(place.with_suffix(".py"))
    return files
