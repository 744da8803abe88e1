"""Passes that keep activations or means beside one that keeps logits."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import timing, work
from benchmarks.subjects import Subject
from signal_perception.clips.datasets import TestClips
from signal_perception.clips.store import ClipStore
from signal_perception.vocabulary import CLIP, INPUTS


def extraction(
    subject: Subject, clips: TestClips, folder: Path, count: int, rounds: int
) -> Iterator[str]:
    """Seconds of the bare pass, then both ratios.

    Every round writes into a store that has just been made, which is timed apart.
    """
    each = work.of(subject, clips)
    store, made, sides = folder / "activations.zarr", [], ("bare", "activations", "means")
    seconds: dict[str, list[timing.Seconds]] = {side: [] for side in sides}
    for number in range(rounds):
        made.append(timing.once(partial(each.make_store, count, store)))
        runs = {
            "bare": partial(each.bare, count),
            "activations": partial(each.activations, count, store),
            "means": partial(each.means, count, folder / "means"),
        }
        turn = sides[number % 3 :] + sides[: number % 3]
        for side, found in timing.paired({side: runs[side] for side in turn}, 1).items():
            seconds[side] += found
    shutil.rmtree(store)
    taps, mb = len(each.facts), each.clip_bytes / 1e6
    yield f"bare pass {timing.spread([count / each.wall for each in seconds['bare']])} clips/s"
    yield (
        f"activations of {taps} taps ({mb:.3g} MB a clip) ÷ bare "
        f"{timing.ratio(seconds, 'activations', 'bare')} (wanted ≤ 1.15), "
        f"and {timing.spread(made)} s once for the empty store"
    )
    yield (f"means of {taps} taps ÷ bare {timing.ratio(seconds, 'means', 'bare')} (wanted ≤ 1.05)")


def inputs(subject: Subject, clips: TestClips, count: int, rounds: int) -> Iterator[str]:
    """Four inputs beside one in the bare pass, and reads of the clip store in each."""
    each, reads = work.of(subject, clips), {}

    def run(names: tuple[str, ...]) -> None:
        with timing.timed(ClipStore, "read") as read:
            each.bare(count, names)
        reads[len(names)] = len(read)

    sides = {"four": partial(run, INPUTS), "one": partial(run, (CLIP,))}
    seconds = timing.paired(sides, rounds)
    yield (
        f"{len(INPUTS)} inputs ÷ 1 {timing.ratio(seconds, 'four', 'one')} "
        f"(wanted ≤ 4.1), {reads[len(INPUTS)]} and {reads[1]} reads of {count} videos"
    )
