"""Every file that dvc.lock promises, hashed again: which are damaged, which are missing; mended."""

from collections.abc import Iterable

from signal_perception.commands import mend, output
from signal_perception.pipeline import dvcconfig, lock
from signal_perception.pipeline.lock import LOCK, Fault
from signal_perception.pipeline.progress import track

_HINT = (
    "To mend: signal-perception verify --mend puts back what DVC's cache or Git has and removes "
    "other damage; dvc pull brings the rest from a remote, signal-perception repro makes it anew."
)


def verify_command(as_json: bool, mending: bool = False) -> bool:
    """Print what is wrong, and mend it where that is asked; True if nothing is wrong in the end."""
    promised = lock.promises()
    cache = dvcconfig.cache()
    faults = [
        fault
        for promise in track(promised, len(promised), "verify", "path")
        for fault in lock.check(promise, cache=cache)
    ]
    size = sum(promise.size or 0 for promise in promised)
    left = mend.mend(faults, cache) if mending else faults
    if as_json:
        found = {"paths": len(promised), "bytes": size, "faults": [_plain(each) for each in faults]}
        mended = {"left": [_plain(each) for each in left]} if mending else {}
        output.as_json(found | mended)
        return not left
    _print(faults)
    said = f"{len(promised)} paths of {LOCK}, {size / 1e6:.1f} MB"
    print(f"{said}: {len(faults)} faults" if faults else f"{said}: all are as promised")
    if faults:
        print(_after(faults, left) if mending else _HINT)
    return not left


def _print(faults: Iterable[Fault]) -> None:
    rows = [(fault.what, fault.path, fault.promise.stage) for fault in faults]
    if rows:
        output.table("", ("what", "path", "stage"), rows)


def _after(faults: list[Fault], left: list[Fault]) -> str:
    mended = f"{len(faults) - len(left)} of {len(faults)} are as promised again"
    if not left:
        return f"{mended}."
    first, more = left[0].path, f" and {len(left) - 1} more" if len(left) > 1 else ""
    return (
        f"{mended}; nobody here has an intact {first}{more}: dvc pull brings it from a remote, "
        "signal-perception repro makes it anew."
    )


def _plain(fault: Fault) -> dict[str, str]:
    return {"path": fault.path, "stage": fault.promise.stage, "what": fault.what}
