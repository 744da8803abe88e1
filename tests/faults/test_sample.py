"""A few faults of each kind at one stage, in seconds; `make test-faults` has all of them."""

import errno

from tests.faults import kills
from tests.faults.damage import damaged
from tests.faults.kills import Moment
from tests.faults.outcomes import EQUAL, REFUSED, TABLE, after, judged, spread
from tests.faults.study import Study

KIND = "extract"


def test_killed(sample: Study) -> None:
    clean = sample.clean_runs[KIND]
    last = clean.events - clean.first + 1
    planned = [
        Moment("killed at work", {"do": "kill", "at": clean.first // 2}),
        *(
            Moment("killed while publishing", {"do": "kill", "at": at, "publishing": True})
            for at in spread(last, 5)[1:4]
        ),
    ]
    found = kills.kill(sample, KIND, planned)
    assert len(found) == len(planned)
    for name, outcome in found:
        TABLE.add(KIND, name, outcome)
    assert {outcome for _, outcome in found} == {EQUAL}


def test_terminated(sample: Study) -> None:
    TABLE.check(KIND, "SIGTERM", kills.interrupt(sample, KIND, "term", count=1))


def test_full_disk(sample: Study) -> None:
    sample.restore()
    half = sample.clean_runs[KIND].first // 2
    outcome = judged(sample, KIND, sample.run(KIND, {"do": errno.ENOSPC, "at": half}), "full")
    assert outcome == REFUSED
    TABLE.check(KIND, "disk full", [after(sample, KIND, outcome, sample.run(KIND))])


def test_damaged(sample: Study) -> None:
    clips, weights = (str(path) for path in sample.stages[KIND].inputs)
    sample.restore()
    outcomes = []
    for path, file, how in (
        (weights, weights, "flipped bit"),
        (clips, f"{clips}/label/c/0", "flipped bit"),
        (clips, f"{clips}/shards/00000/bytes/c/0", "missing"),
        (clips, f"{clips}/zarr.json", "cut"),
    ):
        with damaged(sample.root / file, how, seed=0):
            outcomes.append(judged(sample, KIND, sample.run(KIND), path))
    assert set(outcomes) == {REFUSED}, outcomes
    # what the refused runs have begun does no harm
    TABLE.check(KIND, "damaged input", [judged(sample, KIND, sample.run(KIND))])
