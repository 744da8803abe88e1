"""From clips to activations: a model runs over test clips and their controls, shard by shard."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from signal_perception.clips.datasets import TestClips, test_clips
from signal_perception.clips.sampling import test_indices
from signal_perception.clips.store import ClipStore
from signal_perception.clips.transforms import normalise
from signal_perception.extract import store as stores
from signal_perception.extract.settings import Extract, Settings
from signal_perception.extract.store import INPUT, StoreFacts, TapFacts
from signal_perception.inference import device
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.models.core.checkpoints import weights_hash
from signal_perception.models.core.taps import Tap, capture
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit, write_atomically
from signal_perception.vocabulary import CLIP


@dataclass(frozen=True)
class Videos:
    """One shard: videos start … stop−1 of the test split under one control."""

    control: str
    start: int
    stop: int


def units(clips: Path, extract: Extract, folder: Path) -> list[Unit[Videos]]:
    """All shards of a store: the clips as they are, then each control.

    A unit's result is an empty file that says that its shard is written.
    """
    count = len(ClipStore(clips))
    return [
        Unit(
            Videos(control, start, min(start + extract.shard, count)),
            folder / "done" / f"{control}-{start:06d}",
        )
        for control in (CLIP, *extract.controls)
        for start in range(0, count, extract.shard)
    ]


def create(
    settings: Settings, model: str, clips: Path, weights: Path, scorer: Scorer, store: Path
) -> None:
    """Make the empty store, with the taps and shapes that one clip shows."""
    extract = settings.extract
    shown = _clips(settings, clips, CLIP)
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
        inputs=[CLIP, *extract.controls],
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
    """Write the shard of every tap for the videos of one unit, then its mark."""
    shown = _clips(settings, clips, videos.control)
    batch = torch.cat([shown[video][0] for video in range(videos.start, videos.stop)])
    taps = _chosen_taps(settings.extract, model, scorer)
    activations = _activations(scorer, taps, batch, settings.extract.dtype)
    stores.write(store, videos.control, videos.start * settings.extract.clips, activations)
    path.touch()


def _clips(settings: Settings, clips: Path, control: str) -> TestClips:
    return test_clips(
        clips,
        settings.model.input,
        seed=settings.seed,
        clips=settings.extract.clips,
        control=control,
    )


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

    clips: uint8 (n t h w c), which run a device batch at a time.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in (INPUT, *(t.name for t in taps))}
    with capture(scorer.model, taps) as record:
        for batch in clips.split(device.clips_at_once()):
            pixels = normalise(batch.to(scorer.where), scorer.input.mean, scorer.input.std)
            with device.arithmetic(scorer.precision, scorer.where):
                scorer.model(pixels)
            arrays = {INPUT: pixels.movedim(1, -1), **{t.name: record[t.name] for t in taps}}
            for name, values in arrays.items():
                found[name].append(stores.fitting(name, values.cpu().numpy(), dtype))
    return {name: np.concatenate(parts) for name, parts in found.items()}


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
