"""Every tap of an activation store measured under every input, in independent units."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signal_perception.extract.store import INPUT, ActivationStore, TapFacts
from signal_perception.pipeline.units import Unit
from signal_perception.spectra import definitions
from signal_perception.spectra.settings import Spectra
from signal_perception.vocabulary import CLIP

_ABSOLUTE_EPSILON = 1e-6


@dataclass(frozen=True)
class Spectrum:
    """What one unit measures: a tap under one input."""

    name: str
    tap: TapFacts


def units(store: ActivationStore, preset: str, folder: Path) -> list[Unit[Spectrum]]:
    """All taps of a preset under all inputs, in execution order."""
    return [
        Unit(Spectrum(name, tap), folder / name / f"{tap.tap}.npz")
        for name in store.inputs
        for tap in chosen(store.taps(), preset)
    ]


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


def measure(store: Path, settings: Spectra, spectrum: Spectrum, path: Path) -> None:
    """Measure every clip of one tap under one input.

    The file holds the means (clips, 3, bins), ε, and dead shares (clips,). ε is calibrated on the
    first clips of the undisturbed input, so that all inputs of a tap share one.
    """
    activations = ActivationStore(store)
    array = activations.array(spectrum.name, spectrum.tap.tap)
    reference = activations.array(CLIP, spectrum.tap.tap)
    epsilon = _ABSOLUTE_EPSILON
    if settings.epsilon == "relative":
        count = min(settings.calibration_videos, reference.shape[0])
        powers = [definitions.power(np.asarray(reference[n])) for n in range(count)]
        epsilon = definitions.calibrated_epsilon(powers)
    means, dead = [], []
    for n in range(array.shape[0]):
        clip = np.asarray(array[n])
        means.append(definitions.means(clip, epsilon))
        dead.append(definitions.dead_share(clip))
    with path.open("wb") as file:
        np.savez(
            file,
            means=np.stack(means),
            epsilon=epsilon,
            dead=np.array(dead),
            tokens=array.shape[1],
        )
