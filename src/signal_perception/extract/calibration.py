"""What must be known of every tap before work starts: its shape, its ε and its number type.

All of it comes from a few videos of each class, shown as they are.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from signal_perception.extract import choice, sinks
from signal_perception.extract.job import Job
from signal_perception.extract.store import TapFacts
from signal_perception.fourier.definitions import calibrated_epsilon
from signal_perception.inference.blocks import Videos
from signal_perception.inference.passes import Pass
from signal_perception.inference.scorer import Scorer
from signal_perception.pipeline.units import finished, keep
from signal_perception.vocabulary import CLIP, INPUT

_ABSOLUTE_EPSILON = 1e-6
# A tap that comes this near to float16's range in its calibration clips is stored as float32.
_NEAR = 0.5


def calibrated(job: Job, model: Callable[[], Scorer]) -> list[TapFacts]:
    """What is known of every tap; kept in a file, so that a cut costs nothing."""
    file = _file(job)
    if not finished(file):
        _keep(job, _calibrate(job, model()))
    found = json.loads(file.read_text(encoding="utf-8"))
    return [TapFacts(**{**tap, "shape": tuple(tap["shape"])}) for tap in found]


def widen(job: Job, taps: Sequence[TapFacts], names: Sequence[str]) -> None:
    """Store the taps of these names as float32 from now on."""
    _keep(job, [replace(tap, dtype="float32") if tap.tap in names else tap for tap in taps])


def _file(job: Job) -> Path:
    return job.folder / "taps.json"


def _keep(job: Job, taps: Sequence[TapFacts]) -> None:
    text = json.dumps([asdict(tap) for tap in taps], indent=2)
    keep(_file(job), lambda path: path.write_text(text, encoding="utf-8"))


def _calibrate(job: Job, scorer: Scorer) -> list[TapFacts]:
    asked, store = job.extract, job.shown.store
    taps = job.all_taps(scorer)
    names = [INPUT, *(tap.name for tap in taps)]
    videos = choice.balanced(
        job.labels, store.ids, asked.calibration_videos, job.settings.seed, "calibration"
    )
    shapes: dict[str, tuple[int, ...]] = {}
    sink, rows = sinks.calibration(names, shapes), []

    def done(block: Videos) -> None:
        rows.append(sink.take(block, 1, asked.clips)[0])

    alone = [Videos((video,)) for video in videos]
    Pass(scorer, job.shown, [CLIP]).run(alone, taps, [sink], done)
    numbers = sinks.by_tap(np.concatenate(rows), names)
    about = [(INPUT, INPUT, -1, "stream"), *((t.name, t.kind, t.block, t.side) for t in taps)]
    return [
        _facts(job, *each, order, shapes[each[0]], numbers[each[0]])
        for order, each in enumerate(about)
    ]


def _facts(
    job: Job,
    tap: str,
    kind: str,
    block: int,
    side: str,
    order: int,
    shape: tuple[int, ...],
    numbers: np.ndarray,
) -> TapFacts:
    """numbers: of the calibration clips (rows, 4), see `sinks.calibration`."""
    if job.extract.epsilon == "absolute":
        epsilons = (_ABSOLUTE_EPSILON,) * 3
    else:
        epsilons = tuple(calibrated_epsilon(list(numbers[:, number])) for number in range(3))
    near = numbers[:, 3].max() > _NEAR * torch.finfo(torch.float16).max
    t, h, w, c = shape
    return TapFacts(
        tap=tap,
        kind=kind,
        block=block,
        side=side,
        frames_per_token=job.settings.model.input.frames / t,
        order=order,
        shape=(t, h, w, c),
        epsilon_temporal=float(epsilons[0]),
        epsilon_spatial=float(epsilons[1]),
        epsilon_spatiotemporal=float(epsilons[2]),
        dtype="float32" if near else job.extract.dtype,
    )
