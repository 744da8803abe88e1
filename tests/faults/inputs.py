"""Damage in each kind of file that a stage reads, one after the other."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.faults.damage import damaged, parts
from tests.faults.outcomes import EQUAL, judged, mended
from tests.faults.study import Study

# Where other bytes are another input and not a damage: there other outputs are right.
OWN = ("data/raw",)


def damage(study: Study, kind: str, damages: Sequence[str]) -> list[tuple[str, str]]:
    """(fault, outcome) of every damage in every kind of file that a stage reads.

    Afterwards all is as it was, and what unfinished work the last refusal left does no harm.
    """
    study.restore()
    found = []
    for path in dict.fromkeys(study.stages[kind].inputs):
        for name, file in parts(study.root / path).items():
            for how in damages:
                outcome = _damage(study, kind, path, file, how)
                found.append((f"{how} in {name}", outcome))
    again = mended(study, kind, study.run(kind))
    return found if again == EQUAL else [*found, ("run again", again)]


def _damage(study: Study, kind: str, path: Path, file: Path, how: str) -> str:
    shutil.rmtree(study.root / ".scratch", ignore_errors=True)
    with damaged(file, how, seed=0):
        ended = study.run(kind)
    # a store is named as a whole, and a folder of which all is missing
    names = [str(file.relative_to(study.root))]
    names += [str(path)] if path.suffix == ".zarr" or how == "missing" else []
    outcome = judged(study, kind, ended, *names)
    if ended.code == 0 and outcome != EQUAL and str(path).startswith(OWN):
        return EQUAL
    return outcome
