"""dvc.lock: which bytes every output has, and whether those on disk are still the same.

DVC hashes a file again only where its size or time of change is another, so damage by a disk, or by
a program that puts the time back, goes unnoticed. Here files are hashed anew.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signal_perception.pipeline import dvcfile
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import read_yaml

LOCK = Path("dvc.lock")
# How the hash of a folder ends.
FOLDER = ".dir"
_CODE = ("src", "stages")
# Bytes of dvc.lock, which grows with the study.
_LONGEST = 1 << 30
# Zarr stores have checksums of their own, which are compared where values are read: hashing all of
# a store would take longer than many a stage.
_STORE = ".zarr"
_MAKE = "restore it (dvc checkout, git checkout, dvc pull) or run stage {} again (dvc repro)."
# Stages that end meanwhile write dvc.lock; how often it is read again, after how many seconds.
_AGAIN, _WAIT = 3, 0.5


@dataclass(frozen=True)
class Promise:
    """A path of dvc.lock. stage: that writes it, or reads it where none does.

    md5: ends in `FOLDER` for a folder. size: bytes.
    """

    path: str
    stage: str
    md5: str
    size: int | None


@dataclass(frozen=True)
class Fault:
    """A file or folder that is not what dvc.lock says.

    what: "missing", "damaged" or "not promised" (a file too many in a folder). promise: it belongs
    to. md5: what the file should have; "" where that is not known or where it should not be.
    """

    path: str
    what: str
    promise: Promise
    md5: str = ""


def outputs(root: Path = Path()) -> dict[str, Promise]:
    """Path → its promise, of the outputs of all stages in dvc.lock."""
    return {each.path: each for each in _promises(_stages(root), "outs")}


def promises(root: Path = Path()) -> list[Promise]:
    """Outputs of all stages in dvc.lock, and inputs that no stage makes; code is none of them."""
    stages = _stages(root)
    if not stages:
        raise UserError(f"There is no {LOCK}: nothing has run yet; run signal-perception repro.")
    outs = {each.path: each for each in _promises(stages, "outs")}
    made = [Path(path) for path in outs]
    inputs = {
        each.path: each
        for each in _promises(stages, "deps")
        if Path(each.path).parts[0] not in _CODE
        and not any(_related(Path(each.path), out) for out in made)
    }
    return [*outs.values(), *inputs.values()]


def refuse_damaged(stage: dvcfile.Stage) -> None:
    """UserError where a file that a stage reads is not the one that another stage wrote.

    What is compared: outputs at or below its inputs, but stores, which need only be there. What
    dvc.lock does not know, since no stage made it through DVC, is not compared.
    """
    _refuse_missing(stage)
    if all(path.suffix == _STORE for path in stage.inputs):
        return
    for _ in range(_AGAIN):
        # perhaps dvc.lock is half written, or of a moment before
        with contextlib.suppress(UserError):
            if not _faults_of_inputs(stage):
                return
        time.sleep(_WAIT)
    if faults := _faults_of_inputs(stage):
        raise UserError(_said(faults))


def refuse_damaged_file(path: Path, root: Path) -> None:
    """UserError where a file of the project in `root` is not the one that a stage wrote."""
    inside = path.resolve()
    if not inside.is_relative_to(root.resolve()):
        return
    promise = outputs(root).get(inside.relative_to(root.resolve()).as_posix())
    faults = [] if promise is None else list(check(promise, root))
    if faults:
        raise UserError(_said(faults))


def check(promise: Promise, root: Path = Path(), cache: Path | None = None) -> Iterator[Fault]:
    """What is wrong with a promised path.

    cache: DVC's, which has the lists of folders; None: where DVC puts it if nobody says otherwise.
    """
    path = root / promise.path
    if not path.exists():
        yield Fault(promise.path, "missing", promise, promise.md5)
    elif not promise.md5.endswith(FOLDER):
        if not path.is_file() or file_md5(path) != promise.md5:
            yield Fault(promise.path, "damaged", promise, promise.md5)
    elif not path.is_dir():
        yield Fault(promise.path, "damaged", promise, promise.md5)
    else:
        found = folder_files(path)
        if folder_md5(found) != promise.md5:
            listed = listed_files(promise, cache or root / ".dvc/cache")
            yield from _faults_of_folder(promise, found, listed)


def listed_files(promise: Promise, cache: Path) -> dict[str, str] | None:
    """Path below a promised folder → MD5, by DVC's cache; None where it has no intact list."""
    digest = promise.md5.removesuffix(FOLDER)
    listed = cached(promise.md5, cache)
    if not listed.is_file() or file_md5(listed) != digest:
        return None
    return {each["relpath"]: each["md5"] for each in json.loads(listed.read_text("utf-8"))}


def cached(md5: str, cache: Path) -> Path:
    """Where DVC's cache has the file, or the list of a folder, with this hash."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def file_md5(path: Path) -> str:
    """MD5 of a file's bytes, as DVC takes it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def md5(content: bytes) -> str:
    """MD5 of bytes, as DVC takes it."""
    return hashlib.md5(content).hexdigest()


def folder_files(path: Path) -> dict[str, str]:
    """Posix path below a folder → MD5, of all its files."""
    found = {}
    for place, names, files in os.walk(path):
        names.sort()
        for name in sorted(files):
            file = Path(place) / name
            found[file.relative_to(path).as_posix()] = file_md5(file)
    return found


def folder_md5(files: Mapping[str, str]) -> str:
    """What dvc.lock has for a folder: the MD5 of DVC's list of its files."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items(), key=_order)]
    return md5(json.dumps(entries, sort_keys=True).encode()) + FOLDER


def _stages(root: Path) -> Mapping[str, Any]:
    """The stages of dvc.lock; none where there is no such file."""
    if not (root / LOCK).is_file():
        return {}
    content = read_yaml(root / LOCK, largest=_LONGEST)
    stages = content.get("stages") if isinstance(content, Mapping) else None
    if not isinstance(stages, Mapping) or not all(map(_is_stage, stages.values())):
        raise UserError(f"{LOCK} is no record of DVC's stages; restore it (git checkout {LOCK}).")
    return stages


def _is_stage(content: object) -> bool:
    if not isinstance(content, Mapping):
        return False
    entries = [entry for kind in ("outs", "deps") for entry in content.get(kind) or []]
    return all(
        isinstance(entry, Mapping) and isinstance(entry.get("path"), str) for entry in entries
    )


def _promises(stages: Mapping[str, Any], kind: str) -> Iterator[Promise]:
    for stage, content in stages.items():
        for entry in content.get(kind) or []:
            yield Promise(entry["path"], stage, entry.get("md5", ""), entry.get("size"))


def _faults_of_inputs(stage: dvcfile.Stage) -> list[Fault]:
    current = dvcfile.stages()
    return [
        fault
        for promise in outputs().values()
        if promise.stage in current
        and Path(promise.path) in current[promise.stage].outs
        and Path(promise.path).suffix != _STORE
        and any(Path(promise.path).is_relative_to(path) for path in stage.inputs)
        for fault in check(promise)
    ]


def _refuse_missing(stage: dvcfile.Stage) -> None:
    """UserError where an input of a stage that another one writes is not there."""
    missing = [path for path in stage.inputs if not path.exists()]
    for other in dvcfile.stages().values() if missing else ():
        for path in missing:
            if path in other.outs:
                mend = _MAKE.format(other.name)
                raise UserError(f"Stage {stage.name} reads {path}, which is not there; {mend}")


def _said(faults: Iterable[Fault]) -> str:
    first, *more = faults
    others = f" (and {len(more)} more: signal-perception verify)" if more else ""
    if first.what == "missing":
        return f"{first.path} is missing{others}; {_MAKE.format(first.promise.stage)}"
    return (
        f"{first.path} is not what stage {first.promise.stage} wrote, by its hash in {LOCK}"
        f"{others}; mend it (signal-perception verify --mend, then repro), or, where you changed "
        f"it yourself and want it so, run dvc commit {first.promise.path}."
    )


def _order(entry: tuple[str, str]) -> tuple[str, ...]:
    # DVC sorts by the parts of a path
    return tuple(entry[0].split("/"))


def _related(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _faults_of_folder(
    promise: Promise, found: Mapping[str, str], wanted: Mapping[str, str] | None
) -> Iterator[Fault]:
    """File by file where the list of the folder is known; else the folder as a whole."""
    if wanted is None:
        yield Fault(promise.path, "damaged", promise, promise.md5)
        return
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            what = "missing" if name not in found else "damaged"
            what = what if name in wanted else "not promised"
            yield Fault(f"{promise.path}/{name}", what, promise, wanted.get(name, ""))
