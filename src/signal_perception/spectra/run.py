"""The means of every tap: read where the store has them, else measured in independent units."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signal_perception.extract.store import ActivationStore, Part, TapFacts
from signal_perception.fourier import definitions
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit
from signal_perception.vocabulary import INPUT


@dataclass(frozen=True)
class Measured:
    """What the tables are made of: one tap under every input.

    means: transform → (inputs, rows, 3, bins) = mean ln(A+ε), mean A, mean A². dead: share of
    series that are zero at every time (inputs, rows). A row is a clip. own: the same tap with the
    data set's own weights, None where these are they.
    """

    tap: TapFacts
    means: Mapping[str, NDArray[np.float64]]
    dead: NDArray[np.float64]
    own: "Measured | None" = None


class Measurements:
    """The taps of a preset in execution order, one in memory at a time; can be read repeatedly.

    inputs: names, the clip first. part: which videos the rows are. own: the measurements of the
    data set's own weights, None where these are they.
    """

    def __init__(
        self,
        store: ActivationStore,
        preset: str,
        units: Sequence[Unit[TapFacts]],
        own: "Measurements | None" = None,
    ):
        self._store = store
        self.facts = store.facts
        self.own = own
        self._files = {unit.item.tap: unit.result for unit in units}
        self.inputs = tuple(store.inputs)
        self.taps = measurable(store, preset)
        self.part = part(store)
        if own is not None and (own.part, own.inputs) != (self.part, self.inputs):
            raise UserError(
                "The activations of these weights and of the data set's own are not of the same "
                "videos and inputs, so they cannot be compared; run the stage extract of both."
            )

    def __iter__(self) -> Iterator[Measured]:
        every = repeat(None) if self.own is None else self.own
        for tap, own in zip(self.taps, every):
            found = self._means(tap)
            means = {name: np.asarray(found[name]) for name in definitions.TRANSFORMS}
            refuse_not_finite(tap, means, self.inputs, self.part)
            yield Measured(tap, means, np.asarray(found["dead"]), own)

    def _means(self, tap: TapFacts) -> Mapping[str, NDArray]:
        if tap.tap in self._files:
            with np.load(self._files[tap.tap]) as file:
                return dict(file)
        return self._store.means(tap.tap)


def units(store: ActivationStore, preset: str, folder: Path) -> list[Unit[TapFacts]]:
    """One unit for each tap of a preset, all inputs in one; none where the store has the means."""
    if store.means_part is not None:
        return []
    return [Unit(tap, folder / f"{tap.tap}.npz") for tap in measurable(store, preset)]


def part(store: ActivationStore) -> Part:
    """The videos that the tables are about: those of the means, else those of the activations."""
    found = store.means_part or store.activations_part
    if found is None:
        raise UserError(
            "The activation store holds neither means nor activations, so there is nothing to "
            "measure; run the stage extract again."
        )
    return found


def measurable(store: ActivationStore, preset: str) -> list[TapFacts]:
    """The taps of a preset, with the shape (t h w c) of what is measured.

    Where activations are all there is, and were averaged over places, that is (t 1 1 c).
    """
    taps = chosen(store.taps(), preset)
    if store.means_part is not None:
        return taps
    return [replace(tap, shape=store.activation(tap.tap).shape[2:]) for tap in taps]


def chosen(taps: Sequence[TapFacts], preset: str) -> list[TapFacts]:
    """The taps of a preset, and the input in any case.

    `poster`: the residual stream after attention and MLP, bottleneck outputs. `all`: every tap.
    """
    kinds: dict[int, set[str]] = {}
    for tap in taps:
        kinds.setdefault(tap.block, set()).add(tap.kind)

    def on_the_poster(tap: TapFacts) -> bool:
        if tap.kind == INPUT:
            return True
        return tap.side == "stream" and definitions.in_figure1(tap.kind, kinds[tap.block])

    return [tap for tap in taps if preset == "all" or on_the_poster(tap)]


def measure(source: Path, tap: TapFacts, path: Path) -> None:
    """Measure every clip of one tap under every input from its activations.

    The file holds an array per transform (inputs, rows, 3, bins), and `dead` (inputs, rows).
    """
    # here and not above: a start of torch costs seconds, which a store with means never needs
    from signal_perception.spectra.measure import means

    store = ActivationStore(source)
    found = means(store.activation(tap.tap), tap)
    spectra = {name: found[name] for name in definitions.TRANSFORMS}
    refuse_not_finite(tap, spectra, store.inputs, part(store))
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, dead=found["dead"], **spectra)


def refuse_not_finite(
    tap: TapFacts, means: Mapping[str, NDArray], inputs: Sequence[str], part: Part
) -> None:
    """UserError that names the first video whose means are not finite."""
    for values in means.values():
        bad = np.argwhere(~np.isfinite(values).all(axis=(2, 3)))
        if len(bad):
            name, video = inputs[bad[0][0]], part.ids[bad[0][1] // part.clips]
            raise UserError(
                f"Tap {tap.tap} of video {video} (input {name}) holds values that are not finite, "
                "so it has no spectrum; extract it as float32 if float16 overflowed "
                "(extract.dtype), or look for diverged weights."
            )
