"""One extraction: which model with whose weights, which clips, and what is kept of which videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from signal_perception.clips.datasets import TestClips, test_clips
from signal_perception.clips.sampling import frame_seconds
from signal_perception.extract import choice
from signal_perception.extract.settings import Extract, Settings
from signal_perception.extract.store import Part, StoreFacts
from signal_perception.inference import described
from signal_perception.inference.blocks import inputs
from signal_perception.inference.scorer import Scorer, load
from signal_perception.models.core import registry
from signal_perception.models.core.header import tensors_hash
from signal_perception.models.core.taps import Tap
from signal_perception.pipeline.errors import UserError


@dataclass(frozen=True)
class Job:
    """What is extracted: a model with its weights, the test clips, and where work lies.

    own: whether the weights were fine-tuned on the data set of the clips.
    """

    settings: Settings
    model: str
    clips: Path
    weights: Path
    folder: Path
    own: bool

    @property
    def store(self) -> Path:
        return self.folder / "activations.zarr"

    @property
    def extract(self) -> Extract:
        return self.settings.extract

    @property
    def keep(self) -> str:
        """What is kept: of other weights than the data set's own no activations beside the means.

        They are compared by their spectra, and activations are what fills a disk.
        """
        return "means" if self.extract.keep == "both" and not self.own else self.extract.keep

    @property
    def names(self) -> tuple[str, ...]:
        return inputs(self.extract.controls)

    @cached_property
    def shown(self) -> TestClips:
        settings = self.settings
        return test_clips(
            self.clips, settings.model.input, seed=settings.seed, clips=settings.extract.clips
        )

    @cached_property
    def labels(self) -> list[str]:
        store = self.shown.store
        return [store.classes[label] for label in store.labels]

    @cached_property
    def kept(self) -> list[int]:
        """The videos whose activations are kept."""
        if self.keep == "means":
            return []
        return choice.of_each_class(
            self.labels,
            self.shown.store.ids,
            self.extract.per_class,
            self.settings.seed,
            "activations",
        )

    def load(self) -> Scorer:
        """The model; of weights for other classes all but the head, which no tap hears."""
        return load(self.model, self.settings, self.weights, len(self.shown.store.classes))

    def all_taps(self, scorer: Scorer) -> list[Tap]:
        """The taps that `extract` asks for, in execution order."""
        return chosen_taps(self.extract, self.model, registry.taps(self.model, scorer.model))


class Model:
    """The model of a job, loaded at the first call; a copy in another process loads its own."""

    def __init__(self, job: Job):
        self._job = job
        self._scorer: Scorer | None = None

    def __call__(self) -> Scorer:
        self._scorer = self._scorer or self._job.load()
        return self._scorer

    def __reduce__(self) -> tuple:
        return Model, (self._job,)


def chosen_taps(extract: Extract, model: str, existing: Sequence[Tap]) -> list[Tap]:
    """The taps that the parameters ask for; UserError where there are none."""
    names = [tap.name for tap in existing]
    unknown = [name for name in extract.taps if name not in names]
    if unknown:
        raise UserError(
            f"params.yaml: extract.taps names {unknown[0]}, which {model} does not have; it has "
            f"{', '.join(names)}."
        )
    found = [
        tap
        for tap in existing
        if tap.side in extract.sides
        and (not extract.kinds or tap.kind in extract.kinds)
        and (not extract.taps or tap.name in extract.taps)
    ]
    if not found:
        kinds, sides = ({getattr(tap, name) for tap in existing} for name in ("kind", "side"))
        raise UserError(
            f"params.yaml: extract.kinds, extract.taps and extract.sides leave no tap of {model}; "
            f"its kinds are {', '.join(sorted(kinds))} and its sides {', '.join(sorted(sides))}."
        )
    return found


def facts_of(job: Job) -> StoreFacts:
    """What the store says about itself."""
    store, keep = job.shown.store, job.keep

    def part(videos: Sequence[int]) -> Part:
        return Part(
            ids=tuple(store.ids[video] for video in videos),
            groups=tuple(store.groups[video] for video in videos),
            labels=tuple(job.labels[video] for video in videos),
            clips=job.extract.clips,
        )

    return StoreFacts(
        inputs=job.names,
        seconds_per_frame=_seconds_per_frame(job.shown),
        weights_sha256=tensors_hash(job.weights),
        pool=job.extract.pool,
        means=None if keep == "activations" else part(range(len(store))),
        activations=None if keep == "means" else part(job.kept),
        weights=described.whose(job.weights),
    )


def _seconds_per_frame(clips: TestClips) -> float:
    """Median over videos of the nominal time between two frames; NaN where no rate is known."""
    asked, store = clips.input, clips.store
    steps = [
        frame_seconds(asked.sampling, float(fps), asked.frames, asked.stride, int(total))
        for total, fps in zip(store.frames, store.fps, strict=True)
    ]
    known = [step for step in steps if not np.isnan(step)]
    return float(np.median(known)) if known else float("nan")
