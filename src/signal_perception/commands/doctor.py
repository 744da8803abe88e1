"""What is here, what is missing, and what to do about it."""

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from signal_perception.commands import checks, output
from signal_perception.decode.catalogue import load_catalogue, refuse_special
from signal_perception.decode.listing import RawFolder
from signal_perception.decode.official import OFFICIAL
from signal_perception.decode.settings import RAW, OfficialSource
from signal_perception.inference.networks import PRETRAINED
from signal_perception.pipeline import dvcconfig, params, records, workers
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.scratch import SCRATCH, unfinished
from signal_perception.synthesise.settings import SyntheticSource
from signal_perception.vocabulary import SPLITS

# Videos that the authors distribute, on a list of the split or not.
_DISTRIBUTED = {"hmdb51": 6766, "ucf101": 13320}
_GITHUB = re.compile(r"github\.com/([\w.-]+/[\w.-]+), (\S+)")


@dataclass(frozen=True)
class Dataset:
    """train, test: videos on its lists; files: videos below its folder; None where not known.

    official: numbers that its authors give for its split, "" where there are none.
    """

    name: str
    kind: str
    in_study: bool
    state: str
    train: int | None = None
    test: int | None = None
    files: int | None = None
    official: str = ""


@dataclass(frozen=True)
class Weights:
    """A file of pre-trained weights. get: the command that fetches it, or where it is from."""

    model: str
    size: str
    in_study: bool
    file: Path
    present: bool
    get: str


@dataclass(frozen=True)
class Report:
    """All that is found; bytes are numbers, problems sentences."""

    devices: tuple[dict, ...]
    memory: dict[str, int]
    disk: tuple[dict, ...]
    versions: dict[str, str]
    remotes: dict[str, str]
    study: dict
    datasets: tuple[Dataset, ...]
    weights: tuple[Weights, ...]
    unfinished: tuple[str, ...]
    problems: tuple[str, ...]


def doctor(as_json: bool = False, every: bool = False) -> bool:
    """Print what is found; True if the study can run.

    every: print the commands that get weights which this study does not want, too.
    """
    found = report(params.load())
    if as_json:
        output.as_json(found)
    else:
        _print(found, every)
    return not found.problems


def report(settings: params.Params) -> Report:
    """Look at machine, project and data."""
    study, memory = settings.study, psutil.virtual_memory()
    return Report(
        tuple(_devices()),
        {"total": memory.total, "available": memory.available},
        tuple(_disks((Path("data"), dvcconfig.cache(), SCRATCH))),
        records.versions(),
        dvcconfig.remotes(),
        params.plain(study),
        tuple(_dataset(settings, name) for name in settings.datasets),
        tuple(_weights(settings)),
        tuple(unfinished()),
        (*checks.problems(settings), *_special(settings)),
    )


def command_for(source: str, path: Path) -> str:
    """The command that fetches a file of weights to `path`; the source itself where none is known.

    A source is an address, or "github.com/<owner>/<name>, <path in it>".
    """
    if match := _GITHUB.fullmatch(source):
        source = f"https://github.com/{match[1]}/raw/HEAD/{match[2]}"
    if re.fullmatch(r"https?://\S+", source):
        return f"curl --fail --location --create-dirs --output {path} {source}"
    return f"get it from {source} and put it there"


def _devices() -> Iterator[dict]:
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        yield {"device": torch.cuda.get_device_name(number), "memory": total, "free": free}
    threads = torch.get_num_threads()
    yield {"device": records.processor(), "cores": workers.cores(), "threads": threads}


def _disks(places: Iterable[Path]) -> Iterator[dict]:
    for place in places:
        # that which is not there yet will lie where its folder does
        there = next(each for each in (place, *place.absolute().parents) if each.exists())
        usage = shutil.disk_usage(there)
        yield {"folder": place, "free": usage.free, "total": usage.total}


def _dataset(settings: params.Params, name: str) -> Dataset:
    source, folder = settings.datasets[name].source, RAW / name
    about = (name, source.kind, name in settings.study.datasets)
    official = ""
    if isinstance(source, OfficialSource):
        train, test = OFFICIAL[source.kind][1][source.split]
        official = f"{train} + {test}, {_DISTRIBUTED[source.kind]} files"
    if not folder.is_dir():
        if isinstance(source, SyntheticSource):
            return Dataset(*about, "made by the stage synthesise")
        return Dataset(*about, f"absent; copy or link its folder to {folder}", official=official)
    files = None
    try:
        files = len(RawFolder(name, folder).videos())
        found = load_catalogue(name, source, folder)
    except UserError:
        return Dataset(*about, "present, not usable", files=files, official=official)
    train, test = (len(found.split(split)) for split in SPLITS)
    return Dataset(*about, "present", train, test, files, official)


def _weights(settings: params.Params) -> Iterator[Weights]:
    """One for each model and size that starts from a file."""
    study = settings.study
    for name, sizes in settings.models.items():
        for size, entry in sizes.items():
            if entry.pretrained is not None:
                path = PRETRAINED / entry.pretrained.file
                wanted = name in study.models and size == study.size
                get = command_for(entry.pretrained.source, path)
                yield Weights(name, size, wanted, path, path.is_file(), get)


def _special(settings: params.Params) -> Iterator[str]:
    """Problems of hashing the raw files, of data sets that the checks before a study leave out.

    Those are the synthetic ones, which need not be there, and those that no study has yet.
    """
    for name, dataset in settings.datasets.items():
        left_out = isinstance(dataset.source, SyntheticSource)
        if (RAW / name).is_dir() and (left_out or name not in settings.study.datasets):
            try:
                refuse_special(RawFolder(name, RAW / name))
            except UserError as error:
                yield str(error)


def _print(found: Report, every: bool) -> None:
    output.table("Devices", ("device", "what"), [_device_row(each) for each in found.devices])
    memory = found.memory
    print(f"memory: {_gb(memory['available'])} of {_gb(memory['total'])} GB are free\n")
    output.table(
        "Disk",
        ("folder", "free GB", "total GB"),
        [(each["folder"], _gb(each["free"]), _gb(each["total"])) for each in found.disk],
        right=("free GB", "total GB"),
    )
    print("\nversions: " + ", ".join(f"{name} {each}" for name, each in found.versions.items()))
    remotes = ", ".join(f"{name} ({url})" for name, url in found.remotes.items())
    print(f"DVC remote: {remotes or 'none (dvc remote add -d <name> <address>)'}")
    study = found.study
    print(
        f"study {study['name']}: {', '.join(study['datasets'])} × {', '.join(study['models'])}, "
        f"size {study['size']}, runs {', '.join(map(str, study['seeds']))}\n"
    )
    output.table(
        "Data sets",
        ("name", "in study", "kind", "train", "test", "files", "official", "state"),
        [
            (
                each.name,
                _yes(each.in_study),
                each.kind,
                each.train,
                each.test,
                each.files,
                each.official,
                each.state,
            )
            for each in found.datasets
        ],
        right=("train", "test", "files"),
    )
    print()
    _print_weights(found, every)
    if found.unfinished:
        print(f"half-done stages, which continue at the next run: {', '.join(found.unfinished)}")
    for problem in found.problems:
        print(f"problem: {problem}")
    number = len(found.problems)
    print(f"the study cannot run: {number} to mend" if number else "the study can run")


def _print_weights(found: Report, every: bool) -> None:
    output.table(
        "Pre-trained weights",
        ("model", "size", "in study", "state", "file"),
        [
            (
                each.model,
                each.size,
                _yes(each.in_study),
                "present" if each.present else "absent",
                each.file,
            )
            for each in found.weights
        ],
    )
    absent = [each for each in found.weights if not each.present]
    commands = list(dict.fromkeys(each.get for each in absent if each.in_study or every))
    if commands:
        print("to get those that are absent:")
        print("\n".join(f"  {each}" for each in commands))
    elif absent:
        print("this study wants none of the absent ones; doctor --all says how to get them")
    print()


def _device_row(device: dict) -> tuple[str, str]:
    if "memory" in device:
        said = f"GPU, {_gb(device['free'])} of {_gb(device['memory'])} GB of memory are free"
    else:
        said = f"CPU, {device['cores']} cores, {device['threads']} threads of PyTorch"
    return device["device"], said


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f}"
