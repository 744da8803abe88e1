"""Every video has its clips in an epoch, however many there are and however they are shared out."""

from collections import Counter

import numpy as np
import pytest

from signal_perception.clips import order
from signal_perception.clips.order import Step


def _epoch(
    videos: int,
    batch: int,
    samples: int = 1,
    together: int = 2,
    process: int = 0,
    processes: int = 1,
) -> list[Step]:
    rng = np.random.default_rng(videos)
    return list(
        order.epoch(
            rng.permutation(videos),
            0,
            samples=samples,
            batch=batch,
            together=together,
            process=process,
            processes=processes,
        )
    )


def _items(steps: list[Step]) -> list[int]:
    return [item for step in steps for piece in step.pieces for item in piece.items]


@pytest.mark.parametrize("batch", range(1, 20))
@pytest.mark.parametrize("videos", [1, 2, 7, 17, 33])
@pytest.mark.parametrize(("samples", "together"), [(1, 2), (2, 2), (1, 8)])
def test_every_clip_is_in_one_step_and_no_step_is_small(
    videos: int, batch: int, samples: int, together: int
) -> None:
    if batch % samples:
        batch *= samples
    steps = _epoch(videos, batch, samples, together)
    assert sorted(_items(steps)) == list(range(videos * samples))
    sizes = [step.clips for step in steps]
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= samples
    assert len(steps) == order.steps_of(videos, samples, batch)
    assert [step.number for step in steps] == list(range(len(steps)))


def test_a_rest_of_one_video_is_no_step_of_one_clip() -> None:
    # the training videos of UCF101, split 1
    sizes = Counter(step.clips for step in _epoch(9537, 8))
    assert sizes == {8: 9537 - 7 * 1193, 7: 8 * 1193 - 9537}


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
@pytest.mark.parametrize(("samples", "together"), [(1, 2), (2, 2), (1, 5)])
def test_processes_share_the_steps_of_one(processes: int, samples: int, together: int) -> None:
    alone = _epoch(41, 18, samples, together)
    shared = [_epoch(41, 18, samples, together, n, processes) for n in range(processes)]
    for number, step in enumerate(alone):
        parts = [steps[number] for steps in shared]
        assert all(part.clips == step.clips for part in parts)
        assert _items([step]) == [item for part in parts for item in _items([part])]
        # what belongs together stays in one process
        whole = [unit for piece in step.pieces for unit in piece.units]
        assert whole == [unit for part in parts for piece in part.pieces for unit in piece.units]
        counts = [sum(len(piece.units) for piece in part.pieces) for part in parts]
        assert max(counts) - min(counts) <= 1


def test_pieces_are_loadable_and_places_follow_one_another() -> None:
    for step in _epoch(300, 150, samples=2):
        assert all(len(piece.items) <= 32 for piece in step.pieces)
        assert all(len(piece.items) == len(piece.places) for piece in step.pieces)
        places = [place for piece in step.pieces for place in piece.places]
        assert places == list(range(step.clips))


def test_clips_of_one_video_are_in_one_step_and_not_mixed_with_one_another() -> None:
    for step in _epoch(40, 20, samples=2):
        videos = [item % 40 for item in _items([step])]
        assert set(Counter(videos).values()) == {2}
        for unit in (unit for piece in step.pieces for unit in piece.units):
            assert len({videos[place] for place in unit}) == len(unit)


def test_units_are_pairs_or_equal_parts() -> None:
    assert order.units(5, 2) == [range(2), range(2, 4), range(4, 5)]
    assert order.units(9, 8) == [range(9)]
    assert [len(unit) for unit in order.units(13, 8)] == [6, 7]
    assert [len(unit) for unit in order.units(3, 8)] == [3]
    assert [len(unit) for unit in order.units(64, 8)] == [8] * 8
