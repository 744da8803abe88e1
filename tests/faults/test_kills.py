"""Stages that are killed or interrupted at any moment continue and end with the clean bytes."""

import os
import random
import time

import pytest

from tests.faults import kills
from tests.faults.outcomes import EQUAL, REFUSED, TABLE, compared, mended, not_a_sentence
from tests.faults.study import PAGE, STAGES, Study

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("kind", STAGES)
def test_killed(whole: Study, kind: str) -> None:
    planned = kills.moments(whole, kind, seed=0, publishing=14, working=14)
    found = kills.kill(whole, kind, planned)
    for name, outcome in sorted(found):
        TABLE.add(kind, name, outcome)
    wrong = {outcome for _, outcome in found if outcome != EQUAL}
    assert not wrong, "\n".join(sorted(wrong))
    assert len(found) >= 20


@pytest.mark.parametrize("signal", ["term", "int"])
@pytest.mark.parametrize("kind", STAGES)
def test_interrupted(whole: Study, kind: str, signal: str) -> None:
    TABLE.check(kind, f"SIG{signal.upper()}", kills.interrupt(whole, kind, signal, _count(kind, 3)))


@pytest.mark.parametrize("kind", STAGES)
def test_two_runs_at_once(whole: Study, kind: str) -> None:
    draw, outcomes = random.Random(kind), []
    for _ in range(_count(kind, 3)):
        whole.restore()
        whole.delete_outputs(kind)
        first = whole.start(kind)
        time.sleep(draw.uniform(0, 0.8) * whole.clean_runs[kind].seconds)
        second = whole.start(kind)
        both = [first.end(), second.end()]
        failed = [ended for ended in both if ended.code != 0]
        if len(failed) == len(both):
            outcome = f"neither of two runs ended: {failed[0].text[-200:]}"
        elif (same := compared(whole, kind)) != EQUAL:
            outcome = same
        else:
            outcome = (not_a_sentence(failed[0]) or REFUSED) if failed else EQUAL
        again = mended(whole, kind, whole.run(kind))
        outcomes.append(outcome if again == EQUAL else f"the next run: {again}")
    TABLE.check(kind, "two runs at once", outcomes)


@pytest.mark.parametrize("kind", STAGES)
def test_a_clock_that_jumps(whole: Study, kind: str) -> None:
    outcomes = []
    for year in (1990, 2090)[-_count(kind, 2) :]:
        whole.restore()
        whole.run(kind, {"do": "kill", "at": 1, "publishing": True})
        seconds = (year - 1970) * 365.25 * 86400
        inputs = [whole.root / path for path in whole.stages[kind].inputs]
        for path in [*whole.scratch(kind), *inputs]:
            os.utime(path, (seconds, seconds))
        outcomes.append(mended(whole, kind, whole.run(kind)))
    TABLE.check(kind, "clock jumps", outcomes)


def _count(kind: str, many: int) -> int:
    return 1 if kind in PAGE else many
