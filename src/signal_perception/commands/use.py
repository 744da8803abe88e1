"""Presets: whole studies as the few keys that they change, written into the parameter files.

A preset holds keys of params.yaml; below `models` stand model, size and keys of the model's file.
What it does not name has the value of presets/default.yaml; what neither names stays as it is,
comments and all.
"""

import tempfile
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.text import on_one_line

PRESETS = Path("presets")
DEFAULT = PRESETS / "default.yaml"
_MODELS = "models"
_ABSENT = "absent"


@dataclass(frozen=True)
class Change:
    """A key of a parameter file that got another value.

    before, after: the values on one line, "absent" where there was none. has_default: whether
    presets/default.yaml names the key, so that `use default` leads back.
    """

    file: Path
    key: str
    before: str
    after: str
    has_default: bool

    def __str__(self) -> str:
        beginning = "" if self.file == params.PARAMS else f"{self.file.as_posix()}:"
        return on_one_line(f"{beginning}{self.key}: {self.before} → {self.after}")

    @property
    def in_preset(self) -> str:
        """The key as a preset has it."""
        beginning = "" if self.file == params.PARAMS else f"{_MODELS}.{self.file.stem}."
        return beginning + self.key


def use_command(preset: str) -> None:
    """Write a preset of the folder presets, or a file of your own, into the parameters."""
    path = Path(preset) if preset.endswith(".yaml") else PRESETS / f"{preset}.yaml"
    changes = use(path, Path())
    for line in [*map(str, changes), *_note(changes)]:
        print(line)
    if not changes:
        print(f"Nothing to change: the parameters agree with {path}.")


def use(preset: Path, root: Path) -> list[Change]:
    """Write presets/default.yaml, and over it a preset, into the parameter files below `root`.

    All keys are written, or none.

    Returns
    -------
    The keys whose value is another one than before, e.g. "noise.repeats: 3 → 2". Keys of a model's
    file begin with the file, e.g. "params/models/swin.yaml:tiny.recipe.lr: 0.002 → 0.001".
    """
    own = _by_file(preset, root)
    if not (root / DEFAULT).is_file():
        raise UserError(
            f"There is no {DEFAULT}, whose keys come before those of {preset}; restore it "
            f"(git checkout {DEFAULT})."
        )
    default = _by_file(root / DEFAULT, root)
    changes: list[Change] = []
    contents: dict[Path, Any] = {}
    for file in [*default, *(file for file in own if file not in default)]:
        content = _read(root / file)
        defaults = default.get(file, {})
        if changed := _merge(content, _over(defaults, own.get(file, {}))):
            contents[file] = content
            changes += [
                Change(file, ".".join(map(str, key)), before, after, _names(defaults, key))
                for key, before, after in changed
            ]
    with tempfile.TemporaryDirectory(prefix=".use-", dir=root) as folder:
        result = Path(folder)
        _write(result, root, contents)
        try:
            params.load(result)
        except UserError as refusal:
            raise UserError(f"Preset {preset} is refused, nothing was changed. {refusal}") from None
        for file in contents:
            (result / file).replace(root / file)
    return changes


def _note(changes: Iterable[Change]) -> list[str]:
    """What to do where `use default` will not lead back; no lines where it will."""
    lost = [change for change in changes if not change.has_default]
    if not lost:
        return []
    keys = ", ".join(change.in_preset for change in lost)
    them, they = ("them", "they") if len(lost) > 1 else ("it", "it")
    return [
        f"{DEFAULT} does not name {keys}, so `signal-perception use default` will not lead back; "
        f"add {them} there as {they} {'were' if len(lost) > 1 else 'was'} before:",
        *(
            f"  {change.in_preset}: "
            + (f"{_ABSENT}, so take it out by hand" if change.before == _ABSENT else change.before)
            for change in lost
        ),
    ]


def _by_file(preset: Path, root: Path) -> dict[Path, Mapping[str, Any]]:
    """The keys of a preset by the file that they belong to."""
    if not preset.is_file():
        raise UserError(
            f"There is no preset {preset.stem!r}; {preset.parent} has {_stems(preset.parent)}. "
            f"Choose one, or write {preset}."
        )
    keys = params.read_yaml(preset)
    if not isinstance(keys, Mapping) or not isinstance(keys.get(_MODELS, {}), Mapping):
        raise UserError(f"{preset} holds no keys; write some, as the other presets do.")
    files: dict[Path, Mapping[str, Any]] = {}
    files[params.PARAMS] = {key: value for key, value in keys.items() if key != _MODELS}
    for model, sizes in keys.get(_MODELS, {}).items():
        file = params.MODELS / f"{model}.yaml"
        if file.parent != params.MODELS or not (root / file).is_file():
            raise UserError(
                f"{preset}: {_MODELS}.{model} has no file {file}; {params.MODELS} has "
                f"{_stems(root / params.MODELS)}. Correct the name, or write the file."
            )
        if not isinstance(sizes, Mapping):
            raise UserError(f"{preset}: {_MODELS}.{model} holds no sizes; name one above its keys.")
        files[file] = sizes
    return files


def _stems(folder: Path) -> str:
    return ", ".join(sorted(file.stem for file in folder.glob("*.yaml"))) or "none"


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of both, with the value of `above` where both name one."""
    both = dict(below)
    for name, value in above.items():
        old = both.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            value = _over(old, value)
        both[name] = value
    return both


def _names(keys: Any, key: tuple[str, ...]) -> bool:
    """Whether nested `keys` have `key`."""
    for step in key:
        if not isinstance(keys, Mapping) or step not in keys:
            return False
        keys = keys[step]
    return True


def _merge(
    target: MutableMapping[str, Any], keys: Mapping[str, Any], above: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], str, str]]:
    """Set `keys` in `target`; what changed, each with its values before and after."""
    changes = []
    for name, value in keys.items():
        old = target.get(name)
        key = (*above, name)
        if isinstance(value, Mapping) and isinstance(old, MutableMapping):
            changes += _merge(old, value, key)
        elif name not in target or old != value:
            changes.append((key, _shown(old) if name in target else _ABSENT, _shown(value)))
            target[name] = _with_comment_of(old, value)
    return changes


def _with_comment_of(old: Any, value: Any) -> Any:
    """A list with the comment that followed the old one: ruamel keeps it with the last entry."""
    if not (isinstance(old, CommentedSeq) and isinstance(value, list) and value):
        return value
    new = CommentedSeq(value)
    if len(old) - 1 in old.ca.items:
        new.ca.items[len(new) - 1] = old.ca.items[len(old) - 1]
    return new


def _shown(value: Any) -> str:
    """A value on one line, as YAML has it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _write(target: Path, root: Path, contents: Mapping[Path, Any]) -> None:
    """All parameter files below `target`: the changed ones, and copies of the others."""
    (target / params.MODELS).mkdir(parents=True)
    for path in (root / params.PARAMS, *(root / params.MODELS).glob("*.yaml")):
        file = path.relative_to(root)
        if file in contents:
            with (target / file).open("w", encoding="utf-8") as stream:
                _yaml().dump(contents[file], stream)
        else:
            (target / file).write_bytes(path.read_bytes())


def _read(path: Path) -> Any:
    """The content of a YAML file, with its comments."""
    content = params.read_yaml(path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds no keys; restore it (git checkout {path}).")
    return _yaml().load(path.read_text(encoding="utf-8-sig"))


def _yaml() -> YAML:
    """The style in which DVC writes: lists in blocks."""
    yaml = YAML()
    yaml.default_flow_style = False
    return yaml
