"""From clips to activations and spectral means: one pass over the test clips and their controls."""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import zarr

from signal_perception.extract import calibration, shards, sinks, space, store_writer
from signal_perception.extract import store as stores
from signal_perception.extract.job import Job, Model, facts_of
from signal_perception.extract.sinks import BeyondFloat16
from signal_perception.extract.store import StoreFacts, TapFacts
from signal_perception.inference.blocks import Videos, blocks
from signal_perception.inference.passes import Pass, Sink
from signal_perception.inference.scorer import Scorer
from signal_perception.pipeline.units import Unit, Write, stream, write_atomically


def extract(job: Job, label: str) -> None:
    """Make the store; what an earlier run finished is not done again."""
    model = Model(job)
    while True:
        taps = calibration.calibrated(job, model)
        facts = facts_of(job)
        space.refuse_too_large(job, facts, taps, label)
        _begin(job, facts, taps)
        wanted, work = units(job), partial(_blocks, job, taps)
        sound = partial(_sound, job, _arrays(job, taps))
        try:
            stream(wanted, work, label=label, noun="block", prepare=model, sound=sound)
        except BeyondFloat16 as found:
            _begin_again(job, taps, found.taps)
            continue
        _finish(job, facts, taps, wanted)
        return


def units(job: Job) -> list[Unit[Videos]]:
    """The videos that are run, in blocks: all for their means, else those that are kept.

    A unit's result holds the means of its videos, and says that their activations are written.
    """
    kept = job.kept if job.keep == "activations" else range(len(job.shown.store))
    return [Unit(block, job.folder / "blocks" / f"{block.name}.npy") for block in blocks(kept)]


def _begin(job: Job, facts: StoreFacts, taps: Sequence[TapFacts]) -> None:
    """Make the store, or mend what a killed run left of it."""
    if job.store.is_dir():
        store_writer.mend(job.store, facts, taps)
    else:
        create = partial(store_writer.create, facts=facts, taps=taps)
        # as units: what a loss of power costs, checksums show
        write_atomically(job.store, create, durable=False)


def _arrays(job: Job, taps: Sequence[TapFacts]) -> dict[Path, zarr.Array]:
    """The arrays of activations, by their folders."""
    folders = [stores.activation_folder(job.store, tap.tap) for tap in taps if job.kept]
    return {folder: zarr.open_array(folder, mode="r") for folder in folders}


def _sound(job: Job, arrays: Mapping[Path, zarr.Array], block: Videos) -> bool:
    """Whether the activations of a finished block are in the store as they were written."""
    rows = sorted(_rows(job, block.numbers).values())
    return all(
        shards.sound(folder, array, number, rows)
        for folder, array in arrays.items()
        for number in range(len(job.names))
    )


def _rows(job: Job, videos: Collection[int]) -> dict[int, int]:
    """Row of a clip in the pass → its row in the store, of those of these videos that are kept."""
    clips, wanted = job.extract.clips, set(videos)
    return {
        video * clips + clip: place * clips + clip
        for place, video in enumerate(job.kept)
        if video in wanted
        for clip in range(clips)
    }


def _blocks(
    job: Job,
    taps: Sequence[TapFacts],
    scorer: Scorer,
    videos: Sequence[Videos],
    done: Callable[[Videos, Write], None],
) -> None:
    """Run blocks of videos; see `units.stream`."""
    clips, keep = job.extract.clips, job.keep
    means = sinks.means_of(taps) if keep != "activations" else None
    heard: list[Sink] = [means] if means else []
    if keep != "means":
        rows = _rows(job, job.kept)
        heard.append(sinks.Activations(job.store, taps, rows, job.extract.pool))

    def finish(block: Videos) -> None:
        found = means.take(block, len(job.names), clips) if means else np.empty(0)
        done(block, partial(_save, found))

    taps_heard = job.all_taps(scorer)
    Pass(scorer, job.shown, job.names).run(videos, taps_heard, heard, finish)


def _save(values: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def _begin_again(job: Job, taps: Sequence[TapFacts], names: Sequence[str]) -> None:
    """Forget what was written: these taps went beyond float16 in clips not calibrated with."""
    print(f"Beyond float16, so stored as float32 from the start: {', '.join(names)}.", flush=True)
    shutil.rmtree(job.folder / "blocks", ignore_errors=True)
    shutil.rmtree(job.store)
    calibration.widen(job, taps, names)


def _finish(
    job: Job, facts: StoreFacts, taps: Sequence[TapFacts], wanted: Sequence[Unit[Videos]]
) -> None:
    """Put the means of all blocks into the store, tap by tap, and complete it."""
    if facts.means is not None:
        parts = [np.load(unit.result, mmap_mode="r") for unit in wanted]
        start = 0
        for tap in taps:
            stop = start + sum(3 * bins for bins in tap.bins) + 1
            columns = np.concatenate([part[..., start:stop] for part in parts], axis=1)
            store_writer.write_means(job.store, facts, tap, sinks.split(columns, tap))
            start = stop
    store_writer.finish(job.store, facts, taps)
