"""Whole source groups are kept out, every class stays in training, and a seed decides which."""

import numpy as np
import pytest

from signal_perception.finetune.validation import Split, split
from signal_perception.pipeline.errors import UserError

# Seven subjects, who all perform four classes.
GROUPS = [f"S{subject}" for subject in range(7) for _ in range(8)]
LABELS = [number % 4 for number in range(56)]


def _split(share: float, seed: int = 0) -> Split:
    return split(LABELS, GROUPS, share, seed=seed, dataset="gestures")


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(share: float, seed: int) -> None:
    parts = _split(share, seed)
    assert sorted(parts.train + parts.validation) == list(range(56))
    inside, outside = (
        {GROUPS[number] for number in part} for part in (parts.validation, parts.train)
    )
    assert not inside & outside
    assert share * 56 <= len(parts.validation) + 0.5 < share * 56 + 8.5
    assert {LABELS[number] for number in parts.train} == set(range(4))


def test_the_seed_and_the_name_decide() -> None:
    assert _split(0.3) == _split(0.3)
    assert len({_split(0.3, seed).validation for seed in range(10)}) > 3
    assert split(LABELS, GROUPS, 0.3, seed=0, dataset="other") != _split(0.3)


def test_nothing_is_kept_out_unless_asked() -> None:
    assert _split(0.0) == Split(tuple(range(56)), ())


def test_the_last_group_of_a_class_stays() -> None:
    labels, groups = [0, 0, 1, 1, 1], ["a", "a", "b", "c", "c"]
    for seed in range(10):
        parts = split(labels, groups, 0.2, seed=seed, dataset="x")
        assert set(np.array(labels)[list(parts.train)]) == {0, 1}


@pytest.mark.parametrize(("groups", "share"), [(["a"] * 4, 0.2), (list("aabb"), 0.9)])
def test_too_few_groups_are_a_sentence(groups: list[str], share: float) -> None:
    with pytest.raises(UserError, match=r"of the 4 training videos of x, in \d source groups"):
        split([0, 1, 0, 1], groups, share, seed=0, dataset="x")
