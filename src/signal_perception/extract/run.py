"""From clips to activations and spectral means: one pass over the test clips and their controls."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from signal_perception.clips.datasets import TestClips, test_clips
from signal_perception.clips.sampling import frame_seconds
from signal_perception.extract import choice, sinks
from signal_perception.extract import store as stores
from signal_perception.extract.settings import Extract, Settings
from signal_perception.extract.sinks import BeyondFloat16
from signal_perception.extract.store import INPUT, Part, StoreFacts, TapFacts
from signal_perception.fourier.definitions import calibrated_epsilon
from signal_perception.inference.blocks import Videos, blocks, inputs
from signal_perception.inference.passes import Pass, Sink
from signal_perception.inference.scorer import Scorer, load
from signal_perception.models.core import registry
from signal_perception.models.core.checkpoints import weights_hash
from signal_perception.models.core.taps import Tap
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit, Write, stream, write_atomically
from signal_perception.vocabulary import CLIP

_ABSOLUTE_EPSILON = 1e-6
# A tap that comes this near to float16's range in its calibration clips is stored as float32.
_NEAR = 0.5


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


def extract(job: Job, label: str) -> None:
    """Make the store; what an earlier run finished is not done again."""
    prepare = _Once(job)
    while True:
        taps = _calibrated(job, prepare)
        facts = facts_of(job, taps)
        _refuse_too_large(job, facts, taps, label)
        if not job.store.is_dir():
            write_atomically(job.store, partial(stores.create, facts=facts, taps=taps))
        wanted = units(job)
        try:
            stream(wanted, partial(_blocks, job, taps), label=label, noun="block", prepare=prepare)
        except BeyondFloat16 as found:
            _widen(job, taps, found.taps)
            continue
        _finish(job, facts, taps, wanted)
        return


class _Once:
    """The model of a job, loaded at the first call; a copy in another process loads its own."""

    def __init__(self, job: Job):
        self._job = job
        self._scorer: Scorer | None = None

    def __call__(self) -> Scorer:
        self._scorer = self._scorer or self._job.load()
        return self._scorer

    def __reduce__(self) -> tuple:
        return _Once, (self._job,)


def units(job: Job) -> list[Unit[Videos]]:
    """The videos that are run, in blocks: all for their means, else those that are kept.

    A unit's result holds the means of its videos, and says that their activations are written.
    """
    kept = job.kept if job.keep == "activations" else range(len(job.shown.store))
    return [Unit(block, job.folder / "blocks" / f"{block.name}.npy") for block in blocks(kept)]


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


def facts_of(job: Job, taps: Sequence[TapFacts]) -> StoreFacts:
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
        weights_sha256=weights_hash(job.weights),
        pool=job.extract.pool,
        means=None if keep == "activations" else part(range(len(store))),
        activations=None if keep == "means" else part(job.kept),
    )


def _calibrated(job: Job, prepare: Callable[[], Scorer]) -> list[TapFacts]:
    """What is known of every tap before work starts: kept in a file, so that a cut costs nothing.

    Shapes, ε and the range come from a few videos of each class, as they are.
    """
    file = job.folder / "taps.json"
    if not file.is_file():
        scorer = prepare()
        content = [asdict(tap) for tap in _calibrate(job, scorer)]
        text = json.dumps(content, indent=2)
        write_atomically(file, lambda path: path.write_text(text, encoding="utf-8"))
    found = json.loads(file.read_text(encoding="utf-8"))
    return [TapFacts(**{**tap, "shape": tuple(tap["shape"])}) for tap in found]


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
        rows = {
            video * clips + clip: place * clips + clip
            for place, video in enumerate(job.kept)
            for clip in range(clips)
        }
        heard.append(sinks.Activations(job.store, taps, rows, job.extract.pool))

    def finish(block: Videos) -> None:
        found = means.take(block, len(job.names), clips) if means else np.empty(0)
        done(block, partial(_save, found))

    taps_heard = job.all_taps(scorer)
    Pass(scorer, job.shown, job.names).run(videos, taps_heard, heard, finish)


def _save(values: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def _widen(job: Job, taps: Sequence[TapFacts], names: Sequence[str]) -> None:
    """Begin again with these taps in float32: clips beyond the calibration went out of range."""
    print(f"Beyond float16, so stored as float32 from the start: {', '.join(names)}.", flush=True)
    wider = [replace(tap, dtype="float32") if tap.tap in names else tap for tap in taps]
    shutil.rmtree(job.folder / "blocks", ignore_errors=True)
    shutil.rmtree(job.store)
    text = json.dumps([asdict(tap) for tap in wider], indent=2)
    write_atomically(job.folder / "taps.json", lambda path: path.write_text(text, encoding="utf-8"))


def _refuse_too_large(job: Job, facts: StoreFacts, taps: Sequence[TapFacts], label: str) -> None:
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
            stores.write_means(job.store, facts, tap, sinks.split(columns, tap))
            start = stop
    stores.finish(job.store, facts, taps)


def _seconds_per_frame(clips: TestClips) -> float:
    """Median over videos of the nominal time between two frames; NaN where no rate is known."""
    asked, store = clips.input, clips.store
    steps = [
        frame_seconds(asked.sampling, float(fps), asked.frames, asked.stride, int(total))
        for total, fps in zip(store.frames, store.fps, strict=True)
    ]
    known = [step for step in steps if not np.isnan(step)]
    return float(np.median(known)) if known else float("nan")
