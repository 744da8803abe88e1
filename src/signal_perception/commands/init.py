"""A folder of videos made a data set and a small study of this project."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from signal_perception.commands import output
from signal_perception.commands.look import Look, links, look
from signal_perception.commands.use import PRESETS, use, use_command
from signal_perception.decode.listing import SUFFIXES, first_few
from signal_perception.decode.settings import RAW, FolderSource
from signal_perception.pipeline import params, units
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import START

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
# The model of a study whose weights are here, and at which size; else small ones from nothing.
_PRETRAINED = Path("data/pretrained/i3d_inception_kinetics400.pt")
_SMALL = ("i3d", "timesformer_divided", "swin")
# Classes that are printed.
_SHOWN = 30


@dataclass(frozen=True)
class Options:
    """links: take what links lead to. yes: write without asking. dry: write nothing. use: make it
    the study at hand."""

    links: bool = False
    yes: bool = False
    dry: bool = False
    use: bool = False
    as_json: bool = False


def init(folder: Path, name: str, options: Options, root: Path = Path()) -> None:
    """Say what a folder holds; link it, and write its entry and a preset, where that is wanted."""
    settings = params.load(root)
    _refuse_name(settings, name, folder, root)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give the one that holds the videos.")
    with tempfile.TemporaryDirectory(prefix=".init-", dir=_raw(root)) as temporary:
        looked_at = folder.resolve()
        if found := links(folder):
            if not options.links:
                raise UserError(
                    f"{len(found)} of the files or folders in {folder} are links "
                    f"({first_few(str(each.relative_to(folder)) for each in found)}); add --links "
                    "to take what they lead to."
                )
            looked_at = Path(temporary) / name
            _collect(folder, looked_at)
        seen = look(name, looked_at)
        entry, preset = _entry(name, seen), _preset(name, seen, root)
        _say(name, folder, seen, entry, options)
        if options.dry or not _agreed(options):
            return
        _write(name, entry, preset, root)
        _place(name, folder, looked_at, root)
    print(f"Written: {RAW / name}, datasets.{name} in params.yaml, {PRESETS / name}.yaml.")
    if options.use:
        use_command(name)
        print("Next: signal-perception plan, then signal-perception repro.")
    else:
        print(f"Next: signal-perception use {name}, then plan, then repro.")


def _raw(root: Path) -> Path:
    (root / RAW).mkdir(parents=True, exist_ok=True)
    return root / RAW


def _refuse_name(settings: params.Params, name: str, folder: Path, root: Path) -> None:
    if not _NAME.fullmatch(name) or name.endswith(START):
        raise UserError(
            f"{name!r} is no name for a data set: it may have up to 64 letters, digits, _ "
            f"and -, does not begin with - and does not end in {START}; choose another with --name."
        )
    if name in settings.datasets:
        raise UserError(
            f"params.yaml describes a data set {name} already; choose another --name, or change "
            f"datasets.{name} there by hand."
        )
    preset = root / PRESETS / f"{name}.yaml"
    if preset.exists():
        raise UserError(f"There is a preset {preset} already; choose another --name.")
    place = root / RAW / name
    if os.path.lexists(place) and place.resolve() != folder.resolve():
        raise UserError(
            f"{place} exists already and is not {folder}; choose another --name, or move it away."
        )


def _collect(folder: Path, target: Path) -> None:
    """A folder with the videos and lists that links lead to, as hard links or copies of files."""
    seen: set[Path] = set()
    for place, names, files in os.walk(folder, followlinks=True):
        real = Path(place).resolve()
        if real in seen:
            # a link that leads back to where it lies
            names.clear()
            continue
        seen.add(real)
        for each in files:
            path = Path(place) / each
            if path.is_file() and path.suffix.lower() in (*SUFFIXES, ".csv", ".txt"):
                units.place(path.resolve(), target / path.relative_to(folder))


def _entry(name: str, seen: Look) -> str:
    """The data set's entry in params.yaml."""
    source = seen.source
    lines = [f"  {name}:", "    source:", f"      kind: {source.kind}"]
    if isinstance(source, FolderSource):
        lines.append(f"      manifest: {source.manifest or ''}".rstrip())
        lines += [f"      test_share: {source.test_share}", f"      seed: {source.seed}"]
    else:
        lines.append("      split: 1")
    return "\n".join([*lines, f"    flip: {str(seen.flip).lower()}"]) + "\n"


def _preset(name: str, seen: Look, root: Path) -> str:
    """A small study of the data set, as a preset."""
    videos, classes = len(seen.catalogue.videos), len(seen.catalogue.classes)
    pretrained = (root / _PRETRAINED).is_file()
    if pretrained:
        needs, models, size = f"; {_PRETRAINED}", ("i3d_inception",), "gestures"
        what, sigma, middle, threads = (
            "Inception I3D, pre-trained on Kinetics",
            (0.25, 1.0),
            0.5,
            "",
        )
        weights = (name, name + START)
    else:
        needs, models, size = "", _SMALL, "tiny"
        what, sigma, middle, threads = "small models from nothing", (1.0, 4.0), 4.0, " 1"
        weights = (name,)
    grid = "\n".join(f"      - {each}" for each in sigma)
    return (
        f"# {videos} videos of {classes} classes, with {what}.\n"
        f"# Needs: the folder at data/raw/{name}{needs}.\n"
        f"# Costs: signal-perception use {name}, then signal-perception plan, says it.\n"
        f"# Gives: reports/{name}.\n"
        "#\n"
        "# Layout: keys of params.yaml; below `models`, <model>: <size>: keys of "
        "params/models/<model>.yaml.\n"
        f"study:\n  size: {size}\n  datasets:\n  - {name}\n  models:\n{_list(models)}"
        f"  weights:\n{_list(weights)}  seeds:\n  - 0\n  name: {name}\n"
        f"cpu_threads:{threads}\n"
        "noise:\n  repeats: 3\n  gamma:\n  - 0.05\n  - 0.45\n  grids:\n"
        f"    figure2:\n      sigma:\n{grid}\n    figure3:\n      sigma:\n{grid}\n"
        f"    figure4:\n      sigma: {middle}\n      rho:\n      - 0.5\n      - 1.0\n"
    )


def _list(names: Sequence[str]) -> str:
    return "".join(f"  - {name}\n" for name in names)


def _say(name: str, folder: Path, seen: Look, entry: str, options: Options) -> None:
    numbers = seen.numbers
    if options.as_json:
        found = {**asdict(seen), "numbers": numbers, "name": name, "folder": str(folder)}
        del found["catalogue"]
        found["source"] = seen.source.model_dump()
        output.as_json(found)
        return
    train, test = (sum(each[place] for each in numbers.values()) for place in (0, 1))
    groups = {video.group for video in seen.catalogue.videos}
    alone = len(groups) == len(seen.catalogue.videos)
    print(
        f"{folder}: {seen.layout}; {len(numbers)} classes, {train} training and {test} test "
        f"videos, {'no sources are named' if alone else f'{len(groups)} sources'}."
    )
    if seen.frames:
        least, middle, most = seen.frames
        print(f"Frames of a video: {least} to {most}, half have {middle} or less.")
    rows = [(label, *each) for label, each in numbers.items()]
    output.table("", ("class", "train", "test"), rows[:_SHOWN], right=("train", "test"))
    if len(rows) > _SHOWN:
        print(f"and {len(rows) - _SHOWN} classes more")
    for sentence in seen.odd:
        print(f"odd: {sentence}")
    print(f"\nparams.yaml, below datasets:\n{entry}")


def _agreed(options: Options) -> bool:
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise UserError("Nothing was written; add --yes to write this, or --dry to look alone.")
    return input("Write this? [y/N] ").strip().lower() in ("y", "yes")


def _write(name: str, entry: str, preset: str, root: Path) -> None:
    """Write the entry and the preset, both checked before either is there; comments stay."""
    text = (root / params.PARAMS).read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    first = next((at for at, line in enumerate(lines) if line.startswith("datasets:")), None)
    if first is None:
        raise UserError(
            f"{params.PARAMS} has no line that begins with datasets:, below which the data set "
            "would be written; write it so, as presets/default.yaml does."
        )
    last = next(
        (at for at in range(first + 1, len(lines)) if re.match(r"\S", lines[at])), len(lines)
    )
    # blank lines belong to what follows
    while not lines[last - 1].strip():
        last -= 1
    changed = "".join([*lines[:last], entry, *lines[last:]])
    with tempfile.TemporaryDirectory(prefix=".init-", dir=root) as folder:
        trial = Path(folder)
        shutil.copytree(root / params.MODELS, trial / params.MODELS)
        shutil.copytree(root / PRESETS, trial / PRESETS)
        (trial / params.PARAMS).write_text(changed, encoding="utf-8")
        (trial / PRESETS / f"{name}.yaml").write_text(preset, encoding="utf-8")
        params.load(trial)
        use(trial / PRESETS / f"{name}.yaml", trial)
    for path, content in (
        (root / params.PARAMS, changed),
        (root / PRESETS / f"{name}.yaml", preset),
    ):
        units.write_atomically(path, lambda to, what=content: to.write_text(what, encoding="utf-8"))


def _place(name: str, folder: Path, looked_at: Path, root: Path) -> None:
    """Put the data set at data/raw/<name>: a link to its folder, or what was collected."""
    place = root / RAW / name
    if place.resolve() == folder.resolve() and place.exists():
        return
    if looked_at == folder.resolve():
        place.symlink_to(looked_at, target_is_directory=True)
    else:
        looked_at.rename(place)
