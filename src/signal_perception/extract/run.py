"""From clips to activations: a model runs over test clips and their controls, shard by shard."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from signal_perception.clips.datasets import TestClips, test_clips
from signal_perception.clips.sampling import test_indices
from signal_perception.clips.store import ClipStore
from signal_perception.clips.transforms import normalise
from signal_perception.extract import store as stores
from signal_perception.extract.rounding import rounded
from signal_perception.extract.settings import Extract, Settings
from signal_perception.extract.store import INPUT, StoreFacts, TapFacts
from signal_perception.inference import device
from signal_perception.inference.ahead import WriteBehind, read_ahead
from signal_perception.inference.scorer import Scorer
from signal_perception.inference.shards import Videos, inputs, shards
from signal_perception.models.core import registry
from signal_perception.models.core.checkpoints import weights_hash
from signal_perception.models.core.taps import Tap, capture
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit, write_atomically


def units(clips: Path, extract: Extract, folder: Path) -> list[Unit[Videos]]:
    """All shards of a store, in order.

    A unit's result is an empty file that says that its shards are written.
    """
    every = shards(len(ClipStore(clips)), extract.shard)
    return [Unit(videos, folder / "done" / f"{videos.start:06d}") for videos in every]


def create(
    settings: Settings, model: str, clips: Path, weights: Path, scorer: Scorer, store: Path
) -> None:
    """Make the empty store, with the taps and shapes that one clip shows."""
    extract = settings.extract
    shown = _clips(settings, clips)
    taps = _chosen_taps(extract, model, scorer)
    first = shown[0][0][:1]
    activations = _activations(scorer, taps, first, extract.dtype)
    shapes = [(TapFacts(INPUT, INPUT, -1, "stream", 1.0, 0), activations[INPUT].shape[1:])]
    for order, tap in enumerate(taps, start=1):
        shape = activations[tap.name].shape[1:]
        frames_per_token = first.shape[1] / shape[0]
        facts = TapFacts(tap.name, tap.kind, tap.block, tap.side, frames_per_token, order)
        shapes.append((facts, shape))
    whose = StoreFacts(
        ids=list(shown.store.ids),
        groups=list(shown.store.groups),
        clips=extract.clips,
        seconds_per_frame=_seconds_per_frame(shown),
        weights_sha256=weights_hash(weights),
    )
    make = partial(
        stores.create,
        inputs=inputs(extract.controls),
        taps=shapes,
        shard=extract.shard * extract.clips,
        dtype=extract.dtype,
        facts=whose,
    )
    write_atomically(store, make)


def extract(
    settings: Settings,
    model: str,
    clips: Path,
    store: Path,
    scorer: Scorer,
    videos: Videos,
    path: Path,
) -> None:
    """Write the shards of every tap and input for the videos of one unit, then its mark.

    While one input's shards are compressed and written, the model runs on the next.
    """
    chosen = settings.extract
    shown = _clips(settings, clips)
    taps = _chosen_taps(chosen, model, scorer)
    read = partial(shown.inputs, names=inputs(chosen.controls))
    read_videos = list(read_ahead(read, range(videos.start, videos.stop)))
    with WriteBehind() as writer:
        for name in inputs(chosen.controls):
            batch = torch.cat([video[name] for video in read_videos])
            activations = _activations(scorer, taps, batch, chosen.dtype)
            first = videos.start * chosen.clips
            writer.write(partial(stores.write, store, name, first, activations))
    path.touch()


def _clips(settings: Settings, clips: Path) -> TestClips:
    return test_clips(clips, settings.model.input, seed=settings.seed, clips=settings.extract.clips)


def _chosen_taps(extract: Extract, model: str, scorer: Scorer) -> list[Tap]:
    """The taps that `extract` asks for, in execution order; all kinds where it names none."""
    existing = registry.taps(model, scorer.model)
    chosen = [
        tap
        for tap in existing
        if tap.side in extract.sides and (not extract.kinds or tap.kind in extract.kinds)
    ]
    if not chosen:
        kinds, sides = ({getattr(tap, name) for tap in existing} for name in ("kind", "side"))
        raise UserError(
            f"params.yaml: extract.kinds and extract.sides leave no tap of {model}; its kinds are "
            f"{', '.join(sorted(kinds))} and its sides {', '.join(sorted(sides))}."
        )
    return chosen


@torch.inference_mode()
def _activations(
    scorer: Scorer, taps: list[Tap], clips: torch.Tensor, dtype: str
) -> dict[str, np.ndarray]:
    """Activations (n t h w c) of every tap, and of the normalised input itself.

    clips: uint8 (n t h w c), which run a device batch at a time. Numbers are rounded to the store's
    type on the device and copied once, into memory for all n.
    """
    found: dict[str, torch.Tensor] = {}
    start = 0
    with capture(scorer.model, taps) as record:
        for batch in clips.split(device.clips_at_once()):
            pixels = normalise(batch.to(scorer.where), scorer.input.mean, scorer.input.std)
            with device.arithmetic(scorer.precision, scorer.where):
                scorer.model(pixels)
            values = {INPUT: pixels.movedim(1, -1), **{t.name: record[t.name] for t in taps}}
            for name, part in rounded(values, dtype).items():
                if name not in found:
                    found[name] = _host_memory((len(clips), *part.shape[1:]), part)
                found[name][start : start + len(batch)].copy_(part, non_blocking=True)
            start += len(batch)
    if scorer.where.type == "cuda":
        torch.cuda.synchronize(scorer.where)
    return {name: values.numpy() for name, values in found.items()}


def _host_memory(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Memory of the CPU for values like these; pinned where they come from a GPU."""
    return torch.empty(shape, dtype=like.dtype, pin_memory=like.is_cuda)


def _seconds_per_frame(clips: TestClips) -> float:
    """Median time between two frames of a clip over all videos; NaN where no rate is known."""
    steps, asked = [], clips.input
    for total, fps in zip(clips.store.frames, clips.store.fps, strict=True):
        if fps > 0 and asked.frames > 1:
            indices = test_indices(
                asked.sampling, int(total), float(fps), asked.frames, asked.stride, clips.clips
            )
            ahead = np.diff(indices, axis=1)
            # some rules begin a short video again at its end: that step back is no time
            steps.append(float(ahead[ahead >= 0].mean()) / float(fps))
    return float(np.median(steps)) if steps else float("nan")
