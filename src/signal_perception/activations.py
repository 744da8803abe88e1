"""From clips to activations: a model runs over test clips and their controls, and what its taps hear is written shard by shard."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from signal_perception import activation_store, assembly, devices, evaluation, models, paths, views
from signal_perception.activation_store import StoreFacts, TapFacts
from signal_perception.data.batches import TestClips
from signal_perception.data.clips import ClipStore
from signal_perception.data.sampling import test_indices
from signal_perception.data.transforms import normalise
from signal_perception.errors import UserError
from signal_perception.evaluation import Scorer
from signal_perception.models.checkpoints import weights_hash
from signal_perception.models.taps import Tap, capture
from signal_perception.params import Params
from signal_perception.scratch import whole

CLIP = "clip"
INPUT = "input"


@dataclass(frozen=True)
class Unit:
    """One shard: videos start … stop−1 of the test split under one control; `mark` is the file that says it is written."""

    control: str
    start: int
    stop: int
    mark: Path


def units(params: Params, dataset: str, folder: Path) -> list[Unit]:
    """All shards of a store: the clips as they are, then each control of `extract.controls`."""
    count = len(ClipStore(paths.clips(dataset, "test")))
    return [
        Unit(control, start, min(start + params.extract.shard, count), folder / "done" / f"{control}-{start:06d}")
        for control in (CLIP, *params.extract.controls)
        for start in range(0, count, params.extract.shard)
    ]


def create(params: Params, dataset: str, model: str, store: Path) -> None:
    """Make the empty store, with the taps and shapes that one clip shows."""
    clips = _clips(params, dataset, model, CLIP)
    scorer = evaluation.scorer(params, dataset, model, len(clips.store.classes))
    chosen = _taps(params, model, scorer)
    first = clips[0][0][:1]
    heard = _hear(scorer, chosen, first, params.extract.dtype)
    shapes = [(TapFacts(INPUT, INPUT, -1, "stream", 1.0, 0), heard[INPUT].shape[1:])]
    for order, tap in enumerate(chosen, start=1):
        shape = heard[tap.name].shape[1:]
        shapes.append((TapFacts(tap.name, tap.kind, tap.block, tap.side, first.shape[1] / shape[0], order), shape))
    facts = StoreFacts(
        ids=list(clips.store.ids),
        groups=list(clips.store.groups),
        clips=params.extract.clips,
        seconds_per_frame=_seconds_per_frame(clips),
        weights_sha256=weights_hash(paths.weights(dataset, model)),
    )
    rows = params.extract.shard * params.extract.clips
    inputs = [CLIP, *params.extract.controls]
    whole(
        store,
        lambda path: activation_store.create(path, inputs, shapes, shard=rows, dtype=params.extract.dtype, facts=facts),
    )


def extract(params: Params, dataset: str, model: str, store: Path, unit: Unit) -> None:
    """Listen to the videos of one unit and write its shard of every tap, then its mark."""
    clips = _clips(params, dataset, model, unit.control)
    scorer = assembly.kept(store, lambda: evaluation.scorer(params, dataset, model, len(clips.store.classes)))
    batch = torch.cat([clips[video][0] for video in range(unit.start, unit.stop)])
    heard = _hear(scorer, _taps(params, model, scorer), batch, params.extract.dtype)
    activation_store.write(store, unit.control, unit.start * params.extract.clips, heard)
    whole(unit.mark, lambda path: path.touch())


def _clips(params: Params, dataset: str, model: str, control: str) -> TestClips:
    return views.test_clips(params, dataset, model, clips=params.extract.clips, control=control)


def _taps(params: Params, model: str, scorer: Scorer) -> list[Tap]:
    """The taps that `extract` asks for, in execution order; all kinds where it names none."""
    existing = models.taps(model, scorer.model)
    wanted = params.extract
    chosen = [tap for tap in existing if tap.side in wanted.sides and (not wanted.kinds or tap.kind in wanted.kinds)]
    if not chosen:
        kinds, sides = ({getattr(tap, name) for tap in existing} for name in ("kind", "side"))
        raise UserError(
            f"params.yaml, extract.kinds and extract.sides leave no tap of {model}; its kinds are {', '.join(sorted(kinds))} "
            f"and its sides {', '.join(sorted(sides))}."
        )
    return chosen


@torch.inference_mode()
def _hear(scorer: Scorer, taps: list[Tap], clips: torch.Tensor, dtype: str) -> dict[str, np.ndarray]:
    """Activations (n t h w c) of every tap, and of the normalised input itself, for clips uint8 (n t h w c), a device batch at a time."""
    heard: dict[str, list[np.ndarray]] = {name: [] for name in (INPUT, *(tap.name for tap in taps))}
    with capture(scorer.model, taps) as record:
        for batch in clips.split(devices.clips_at_once()):
            pixels = normalise(batch.to(scorer.where), scorer.input.mean, scorer.input.std)
            with devices.arithmetic(scorer.precision, scorer.where):
                scorer.model(pixels)
            heard[INPUT].append(activation_store.fitting(INPUT, pixels.movedim(1, -1).cpu().numpy(), dtype))
            for tap in taps:
                heard[tap.name].append(activation_store.fitting(tap.name, record[tap.name].cpu().numpy(), dtype))
    return {name: np.concatenate(parts) for name, parts in heard.items()}


def _seconds_per_frame(clips: TestClips) -> float:
    """Median time between two frames of a clip over all videos; NaN where no video states its frame rate."""
    steps = []
    for total, fps in zip(clips.store.frames, clips.store.fps, strict=True):
        if fps > 0 and clips.frames > 1:
            indices = test_indices(clips.rule, int(total), float(fps), clips.frames, clips.stride, clips.clips)
            ahead = np.diff(indices, axis=1)
            steps.append(
                float(ahead[ahead >= 0].mean()) / float(fps)
            )  # some rules begin a short video again at its end
    return float(np.median(steps)) if steps else float("nan")
