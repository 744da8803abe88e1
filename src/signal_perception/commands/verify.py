"""Every file that dvc.lock promises, hashed again: which are damaged, which are missing."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signal_perception.commands import output
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import read_yaml
from signal_perception.pipeline.progress import track

LOCK = Path("dvc.lock")
_CACHE = Path(".dvc/cache/files/md5")
_CODE = ("src", "stages")
_FOLDER = ".dir"
_HINT = (
    "To mend: dvc checkout takes a file from DVC's cache, dvc pull from a remote, git checkout a "
    "table that Git has; signal-perception repro makes it anew."
)


@dataclass(frozen=True)
class Fault:
    """A file or folder that is not what dvc.lock says.

    stage: that wrote it, or that read it where it is an input of the pipeline. what: "missing",
    "damaged" or "not promised" (a file too many in a folder).
    """

    path: str
    stage: str
    what: str


@dataclass(frozen=True)
class Promise:
    """A line of dvc.lock. md5 ends in ".dir" for a folder."""

    path: str
    stage: str
    md5: str
    size: int | None


def verify_command(as_json: bool) -> bool:
    """Print what is wrong; True if nothing is."""
    promised = promises()
    faults = [
        fault
        for promise in track(promised, len(promised), "verify", "path")
        for fault in check(promise)
    ]
    size = sum(promise.size or 0 for promise in promised)
    if as_json:
        output.as_json({"paths": len(promised), "bytes": size, "faults": faults})
        return not faults
    if faults:
        rows = [(fault.what, fault.path, fault.stage) for fault in faults]
        output.table("", ("what", "path", "stage"), rows)
        print(_HINT)
    said = f"{len(promised)} paths of {LOCK}, {size / 1e6:.1f} MB"
    print(f"{said}: {len(faults)} faults" if faults else f"{said}: all are as promised")
    return not faults


def promises(root: Path = Path()) -> list[Promise]:
    """Outputs of all stages in dvc.lock, and inputs that no stage makes; code is none of them."""
    if not (root / LOCK).is_file():
        raise UserError(f"There is no {LOCK}: nothing has run yet; run signal-perception repro.")
    stages: Mapping[str, Any] = (read_yaml(root / LOCK, largest=1 << 30) or {}).get("stages", {})
    outs, deps = (
        {
            entry["path"]: Promise(entry["path"], stage, entry.get("md5", ""), entry.get("size"))
            for stage, content in stages.items()
            for entry in content.get(kind, [])
        }
        for kind in ("outs", "deps")
    )
    made = [Path(path) for path in outs]
    inputs = [
        promise
        for path, promise in deps.items()
        if Path(path).parts[0] not in _CODE
        and not any(Path(path).is_relative_to(out) or out.is_relative_to(path) for out in made)
    ]
    return [*outs.values(), *inputs]


def check(promise: Promise, root: Path = Path()) -> Iterator[Fault]:
    """What is wrong with a promised path."""
    path = root / promise.path
    if not path.exists():
        yield Fault(promise.path, promise.stage, "missing")
    elif not promise.md5.endswith(_FOLDER):
        if not path.is_file() or file_md5(path) != promise.md5:
            yield Fault(promise.path, promise.stage, "damaged")
    elif not path.is_dir():
        yield Fault(promise.path, promise.stage, "damaged")
    else:
        found = folder_files(path)
        if folder_md5(found) != promise.md5:
            yield from _faults_of_folder(promise, found, root)


def file_md5(path: Path) -> str:
    """MD5 of a file's bytes, as DVC takes it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


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
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + _FOLDER


def _order(entry: tuple[str, str]) -> tuple[str, ...]:
    # DVC sorts by the parts of a path
    return tuple(entry[0].split("/"))


def _faults_of_folder(promise: Promise, found: Mapping[str, str], root: Path) -> Iterator[Fault]:
    """File by file where DVC's cache has the list of the folder; else the folder as a whole."""
    digest = promise.md5.removesuffix(_FOLDER)
    listed = root / _CACHE / digest[:2] / f"{digest[2:]}{_FOLDER}"
    if not listed.is_file() or file_md5(listed) != digest:
        yield Fault(promise.path, promise.stage, "damaged")
        return
    wanted = {entry["relpath"]: entry["md5"] for entry in json.loads(listed.read_text("utf-8"))}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            what = "missing" if name not in found else "damaged"
            what = what if name in wanted else "not promised"
            yield Fault(f"{promise.path}/{name}", promise.stage, what)
