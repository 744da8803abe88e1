"""Stages that are killed, one kill after the other, and then let run to their end."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.faults.outcomes import EQUAL, judged, mended, spread
from tests.faults.study import Study

# Kills between two runs that end.
_IN_A_ROW = 4
_PUBLISHING = "killed while publishing"
_WORKING = "killed at work"


@dataclass(frozen=True)
class Moment:
    """When a run is killed: at an event, from the start or from publishing on, or at a time."""

    name: str
    fault: dict[str, Any]
    after: tuple[float, str] | None = None


def moments(study: Study, kind: str, seed: int, publishing: int, working: int) -> list[Moment]:
    """Moments of a stage in an order drawn by `seed`: so many while it publishes and before."""
    clean, draw = study.clean_runs[kind], random.Random(f"{kind} {seed}")
    last = clean.events - clean.first + 1
    found = [
        Moment(_PUBLISHING, {"do": "kill", "at": number, "publishing": True})
        for number in _drawn(draw, last, publishing)
    ]
    for number in range(working):
        # a worker process of the stage does what the hook does not see
        if number % 2 or clean.first < working:
            seconds = draw.uniform(0.05, 1.0) * clean.seconds
            found.append(Moment(_WORKING, {}, (seconds, "kill")))
        else:
            at = draw.randint(1, clean.first)
            found.append(Moment(_WORKING, {"do": "kill", "at": at}))
    draw.shuffle(found)
    return found


def kill(study: Study, kind: str, planned: Sequence[Moment]) -> list[tuple[str, str]]:
    """(kind of moment, outcome) of every kill that came before the stage's end.

    Kills come in rows, each followed by a run to the end: through DVC, which deletes the outputs
    first, and by hand, which does not, in turn.
    """
    study.restore()
    found: list[tuple[str, str]] = []
    row: list[str] = []
    for number, moment in enumerate(planned, 1):
        killed = study.run(kind, moment.fault, after=moment.after)
        if killed.code == -9:
            row.append(moment.name)
            if len(row) < _IN_A_ROW and number < len(planned):
                continue
            by_hand = len(found) // _IN_A_ROW % 2
            ended = study.start(kind).end() if by_hand else study.run(kind)
            outcome = mended(study, kind, ended)
        else:
            # it was quicker than the kill, or an earlier kill has broken it
            outcome = mended(study, kind, killed)
        found += [(name, outcome) for name in row]
        if outcome != EQUAL:
            found += [] if row else [("run again", outcome)]
            study.restore()
        row = []
    return found


def interrupt(study: Study, kind: str, signal: str, count: int) -> list[str]:
    """What comes of a signal at moments all over a run: a sentence, no process left, equal bytes.

    term goes to the stage alone, as a scheduler sends it, int to its group, as Ctrl-C does.
    """
    found, clean = [], study.clean_runs[kind]
    for at in spread(clean.events, count + 2)[1:-1]:
        study.restore()
        study.delete_outputs(kind)
        running = study.start(kind, {"do": signal, "at": at})
        ended = running.end()
        outcome = judged(study, kind, ended)
        if running.stays():
            running.signal("kill")
            outcome = "a process is left"
        again = mended(study, kind, study.run(kind))
        found.append(outcome if again == EQUAL else f"the next run: {again}")
    return found


def _drawn(draw: random.Random, last: int, count: int) -> list[int]:
    """Numbers from 1 to `last`: one at random in each of `count` equal parts."""
    edges = [round(part * last / count) for part in range(count + 1)]
    return [draw.randint(low + 1, max(low + 1, high)) for low, high in pairwise(edges)]
