"""How much a stage has to do, whatever the machine: amounts by kind, and bytes of its outputs.

Amounts: pixels that are `drawn`, 1e9; decoded `frames`, 1e3, and their `pixels`, 1e9; `forward`
and `train`, operations of the model's passes over clips, 1e9 of the forward pass (a training step
is counted as its forward pass); `cells`, the same of weight noise, and `heard` of the taps under
it; `taps`, of spectra and probes; `models`, those that a page reports. All of it comes from the
parameters that dvc.yaml declares for the stage and from the counts of the data set, so that the
same function says what a record of another day did.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from signal_perception.clips.views import views_of
from signal_perception.commands.forecast import networks
from signal_perception.commands.forecast.counts import Counts
from signal_perception.decode.settings import Settings as DecodeSettings
from signal_perception.evaluate.settings import Settings as EvaluateSettings
from signal_perception.extract.settings import Settings as ExtractSettings
from signal_perception.features.settings import Settings as FeaturesSettings
from signal_perception.finetune.settings import Settings as FinetuneSettings
from signal_perception.inference.blocks import inputs
from signal_perception.noise.settings import Settings as NoiseSettings
from signal_perception.pipeline.params import Section
from signal_perception.synthesise.settings import Settings as SynthesiseSettings
from signal_perception.synthesise.videos import CLASSES

# Bytes of a pixel of a JPEG frame of quality 88, what each frame has besides, and of a pixel of a
# synthetic video.
_STORED, _FRAME, _ENCODED = 0.24, 600, 0.15


@dataclass(frozen=True)
class Work:
    """amounts: see above. size: bytes of the outputs, roughly. clip: 1e9 operations of a clip."""

    amounts: Mapping[str, float]
    size: float
    clip: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A stage as it is asked for.

    item: its matrix. values: its declared parameters, nested as `dvcfile.declared` has them. study:
    the section of that name. entry: of its model, for stages that are not told it. counts: of its
    data set.
    """

    stage: str
    item: Mapping[str, Any]
    values: Mapping[str, Any]
    study: Mapping[str, Any]
    entry: Any
    counts: Counts | None

    @property
    def model(self) -> str:
        return str(self.item.get("model", ""))

    @property
    def known(self) -> Counts:
        assert self.counts is not None
        return self.counts


def work(asked: Asked) -> Work:
    """The work of a stage; pydantic's ValidationError where its parameters are of another time."""
    return _STAGES[asked.stage](asked)


def _synthesise(asked: Asked) -> Work:
    shapes = _told(SynthesiseSettings, asked).datasets.shapes.source
    videos = len(CLASSES) * (shapes.train_per_class + shapes.test_per_class)
    pixels = videos * shapes.frames * shapes.size**2
    return Work({"drawn": pixels / 1e9}, _ENCODED * pixels)


def _decode(asked: Asked) -> Work:
    told, found = _told(DecodeSettings, asked), asked.known
    frames = found.videos * min(found.frames, told.decode.max_frames)
    stored = frames * found.height * found.width
    amounts = {"frames": frames / 1e3, "pixels": frames * found.read / 1e9}
    return Work(amounts, _STORED * stored + _FRAME * frames)


def _finetune(asked: Asked) -> Work:
    told, found = _told(FinetuneSettings, asked), asked.known
    recipe, network = told.model.recipe, _network(asked, told)
    clips = found.train * recipe.epochs * recipe.samples
    return Work({"train": clips * network.forward}, 2 * network.weights, network.forward)


def _evaluate(asked: Asked) -> Work:
    told, found = _told(EvaluateSettings, asked), asked.known
    views = views_of(told.views, told.model.protocol)
    each, shown = views.clips * views.crops, len(inputs(told.views.controls))
    clips = found.test * each * shown
    # logits of every view, and the scores fused of them
    size = found.test * (each + 1) * shown * 8.0 * found.classes
    forward = _network(asked, told).forward
    return Work({"forward": clips * forward}, size, forward)


def _extract(asked: Asked) -> Work:
    told, found = _told(ExtractSettings, asked), asked.known
    clips = found.test * told.extract.clips * len(inputs(told.extract.controls))
    network = _network(asked, told)
    own = asked.item["weights"] == asked.item["dataset"]
    per_class = told.extract.per_class
    share = 1.0 if per_class is None else min(1.0, found.classes * per_class / max(1, found.test))
    # of other weights than the data set's own means alone are kept
    kept = 0.0 if told.extract.keep == "means" or not own else share
    size = clips * network.stored(told.extract, kept)
    return Work({"forward": clips * network.forward}, size, network.forward)


def _spectra(asked: Asked) -> Work:
    network = _network(asked)
    taps = network.taps * asked.known.test
    if asked.item["weights"] != asked.item["dataset"]:
        taps *= 2
    return Work({"taps": taps / 1e3}, 1800.0 * taps)


def _features(asked: Asked) -> Work:
    told, found = _told(FeaturesSettings, asked), asked.known
    network = _network(asked, told)
    size = found.videos * 4.0 * network.channels
    return Work({"forward": found.videos * network.forward}, size, network.forward)


def _probe(asked: Asked) -> Work:
    network = _network(asked)
    own = asked.item["weights"] == asked.item["dataset"]
    values = asked.known.videos * network.channels * (1 if own else 2)
    return Work({"taps": values * asked.known.classes / 1e6}, 150.0 * network.taps)


def _noise(asked: Asked) -> Work:
    told, found = _told(NoiseSettings, asked), asked.known
    network = _network(asked, told)
    views = views_of(told.views, told.model.protocol)
    each = views.clips * views.crops if told.noise.views == "all" else 1
    units = networks.units(told, asked.model)
    clips = found.test * each
    amounts = {
        "cells": clips * units.passes * network.forward,
        "heard": clips * units.heard * network.forward,
    }
    return Work(amounts, units.cells * clips * 8.0 * found.classes, network.forward)


def _report(asked: Asked) -> Work:
    study = asked.study
    pages = len(study["datasets"]) * len(study["models"]) * len(study["seeds"])
    return Work({"models": pages}, 1e6 + 5e5 * pages)


def _figures(asked: Asked) -> Work:
    return Work(_report(asked).amounts, 4e5 * _report(asked).amounts["models"])


_STAGES: dict[str, Callable[[Asked], Work]] = {
    "synthesise": _synthesise,
    "decode": _decode,
    "finetune": _finetune,
    "evaluate": _evaluate,
    "extract": _extract,
    "spectra": _spectra,
    "features": _features,
    "probe": _probe,
    "noise": _noise,
    "figures": _figures,
    "report": _report,
}


def _told(schema: type[Section], asked: Asked) -> Any:
    return schema.model_validate(asked.values)


def _network(asked: Asked, told: Any = None) -> networks.Sizes:
    """Sizes of the stage's model; of one that is not told its own, as the study has it."""
    entry = told.model if told is not None else asked.entry
    return networks.sizes(asked.model, entry.network, entry.input)
