"""The disk that a store will take, said before work starts."""

import shutil
from collections.abc import Sequence

from signal_perception.extract import store as stores
from signal_perception.extract.job import Job
from signal_perception.extract.store import StoreFacts, TapFacts
from signal_perception.pipeline.errors import UserError


def refuse_too_large(job: Job, facts: StoreFacts, taps: Sequence[TapFacts], label: str) -> None:
    """Say what the store will take, before work starts; UserError where the disk has less."""
    activations, means = stores.activation_bytes(facts, taps), stores.means_bytes(facts, taps)
    free = shutil.disk_usage(job.folder).free
    parts = [
        f"{_bytes(activations)} of activations ({len(job.kept)} videos)" if activations else "",
        f"{_bytes(means)} of spectral means ({len(job.shown.store)} videos)" if means else "",
    ]
    sentence = " and ".join(part for part in parts if part)
    print(
        f"{label}: {sentence}, {len(facts.inputs)} inputs, {len(taps)} taps; "
        f"{_bytes(free)} of disk are free.",
        flush=True,
    )
    if job.extract.pool != "none" and activations:
        print(
            f"{label}: extract.pool averages activations over {job.extract.pool} before they are "
            "kept: amplitudes of an average are not averages of amplitudes.",
            flush=True,
        )
    # means lie in the blocks and in the store for a moment
    taken = 0 if job.store.is_dir() else activations
    if taken + 2 * means > free:
        raise UserError(
            f"{label} needs {_bytes(taken + 2 * means)} of disk and {_bytes(free)} are free; keep "
            "fewer videos (extract.per_class), fewer taps (extract.kinds) or the means alone "
            "(extract.keep: means), or free the disk."
        )


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
