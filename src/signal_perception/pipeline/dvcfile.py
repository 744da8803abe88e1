"""dvc.yaml, read as DVC reads it: what each stage is told, what it reads and what it writes.

The one truth about a stage's settings and paths. Only what dvc.yaml of this project uses is known:
`matrix`, and `${a.b}` with values of params.yaml or of the matrix (`item`).
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.overrides import resolved
from signal_perception.pipeline.params import PARAMS, read_yaml

DVCFILE = Path("dvc.yaml")
_CODE = ("src", "stages")
_VALUE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline, its matrix resolved.

    Parameters
    ----------
    name: DVC's name, e.g. "noise@shapes-swin-0". item: matrix key → value. command: what DVC runs.
    params: (file, full key) of every declared parameter. deps, outs: paths as dvc.yaml has them.
    """

    name: str
    item: Mapping[str, str | int]
    command: str
    params: tuple[tuple[str, str], ...]
    deps: tuple[Path, ...]
    outs: tuple[Path, ...]

    @property
    def code(self) -> tuple[Path, ...]:
        """The dependencies that are source files or folders of them."""
        return tuple(path for path in self.deps if path.parts[0] in _CODE)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The other dependencies: data and tables."""
        return tuple(path for path in self.deps if path.parts[0] not in _CODE)

    def dep(self, beginning: str) -> Path:
        """The one declared input that lies at or below `beginning`, e.g. "data/weights"."""
        return self._one("dependency", self.inputs, beginning)

    def out(self, beginning: str) -> Path:
        """The one declared output that lies at or below `beginning`."""
        return self._one("output", self.outs, beginning)

    def _one(self, kind: str, paths: Iterable[Path], beginning: str) -> Path:
        found = list(dict.fromkeys(path for path in paths if path.is_relative_to(beginning)))
        if len(found) != 1:
            raise UserError(
                f"Stage {self.name} needs one {kind} below {beginning}, and {DVCFILE} declares "
                f"{len(found)}; declare it."
            )
        return found[0]


def stages(root: Path = Path()) -> dict[str, Stage]:
    """All stages below the project's root, in the order of dvc.yaml."""
    values = read_yaml(root / PARAMS)
    found = {}
    for name, block in read_yaml(root / DVCFILE)["stages"].items():
        for item in _items(block.get("matrix", {}), values):
            stage = _stage(name, block, item, values)
            found[stage.name] = stage
    return found


def stage(name: str, root: Path = Path()) -> Stage:
    """One stage by DVC's name."""
    found = stages(root)
    if name not in found:
        kind = name.partition("@")[0]
        alike = [each for each in found if each.partition("@")[0] == kind]
        kinds = list(dict.fromkeys(each.partition("@")[0] for each in found))
        raise UserError(
            f"The study has no stage {name!r}; it has {', '.join(alike or kinds)}. Add its data "
            f"set, model or seed to study.datasets, study.models or study.seeds in {PARAMS}."
        )
    return found[name]


def upstream(found: Mapping[str, Stage]) -> dict[str, set[str]]:
    """Each stage with the stages it reads from: an output is, holds or lies in what it reads."""

    def related(one: Path, other: Path) -> bool:
        return one.is_relative_to(other) or other.is_relative_to(one)

    return {
        name: {
            other.name
            for other in found.values()
            if other.name != name
            and any(related(dep, out) for dep in each.inputs for out in other.outs)
        }
        for name, each in found.items()
    }


def declared(each: Stage, root: Path = Path()) -> dict[str, Any]:
    """The values of a stage's declared parameters, nested by their keys.

    Keys below `datasets.<its data set>` stand below `dataset`, those of its model's file, below
    their size, stand below `model`, as that data set has them (`overrides`).
    """
    files = {file: read_yaml(root / file) for file in {file for file, _ in each.params}}
    size = files.get(str(PARAMS), read_yaml(root / PARAMS))["study"]["size"]
    model = f"params/models/{each.item.get('model')}.yaml"
    if isinstance(files.get(model, {}).get(size), Mapping):
        files[model] = {size: resolved(files[model][size], str(each.item.get("dataset")))}
    places = {
        (str(PARAMS), f"datasets.{each.item.get('dataset')}"): "dataset",
        (model, size): "model",
    }
    tree: dict[str, Any] = {}
    for file, key in each.params:
        steps = key.split(".")
        for (known, beginning), name in places.items():
            if file == known and key.startswith(f"{beginning}."):
                steps = [name, *key.removeprefix(f"{beginning}.").split(".")]
        here = tree
        for step in steps[:-1]:
            here = here.setdefault(step, {})
        here[steps[-1]] = _value(files[file], key, file)
    return tree


def _items(matrix: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[dict[str, str | int]]:
    lists = [_resolved(entry, values) for entry in matrix.values()]
    for combination in itertools.product(*lists):
        yield dict(zip(matrix, combination, strict=True))


def _stage(
    name: str, block: Mapping[str, Any], item: dict[str, str | int], values: Mapping[str, Any]
) -> Stage:
    known = {**values, "item": item}

    def paths(*kinds: str) -> tuple[Path, ...]:
        entries = [entry for kind in kinds for entry in block.get(kind, [])]
        names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
        return tuple(Path(_text(each, known)) for each in names)

    params = []
    for entry in block.get("params") or []:
        if isinstance(entry, str):
            params.append((str(PARAMS), _text(entry, known)))
        else:
            for file, keys in entry.items():
                params += [(_text(file, known), _text(key, known)) for key in keys]
    return Stage(
        name="@".join([name, *(["-".join(map(str, item.values()))] if item else [])]),
        item=item,
        command=_text(block["cmd"], known),
        params=tuple(params),
        deps=paths("deps"),
        outs=paths("outs", "metrics", "plots"),
    )


def _resolved(entry: str | list[str | int], values: Mapping[str, Any]) -> list[str | int]:
    """A list of the matrix: written out, or one `${key}`."""
    if isinstance(entry, list):
        return entry
    return _value(values, entry.removeprefix("${").removesuffix("}"), str(PARAMS))


def _text(text: str, values: Mapping[str, Any]) -> str:
    return _VALUE.sub(lambda match: str(_value(values, match[1], str(PARAMS))), text)


def _value(content: Any, key: str, file: str) -> Any:
    here = content
    for step in key.split("."):
        if not isinstance(here, Mapping) or step not in here:
            raise UserError(f"{file}: {key} is missing, and {DVCFILE} asks for it.")
        here = here[step]
    return here
