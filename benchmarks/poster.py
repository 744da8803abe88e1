"""The poster's study on paper: disk and hours of every stage, from rates measured on one GPU.

    python -m benchmarks poster

Counts come from the preset and the models' own shapes; the rates are those of README, "On a GPU"
(one H100, bfloat16, forward at batch 16, training at batch 8). Not measured, so assumed: extraction
at 1.1 times the forward pass, the goal; loading, reading and writing beside the model, hidden by
it. Cells of noise are counted from whole blocks on, without attention's own products. Eight GPUs
run whole stages of different models and data sets side by side.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signal_perception.clips.views import views_of
from signal_perception.commands.forecast import networks, speeds
from signal_perception.commands.use import use
from signal_perception.inference.blocks import inputs
from signal_perception.noise.settings import Settings as NoiseSettings
from signal_perception.pipeline import params

# Split 1: training videos, test videos, classes.
VIDEOS = {"hmdb51": (3570, 1530, 51), "ucf101": (9537, 3783, 101)}
_EXTRACTION = 1.1
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """A stage of one data set and model: seconds of a GPU, bytes that stay on disk."""

    stage: str
    seconds: float
    size: float


def measure() -> Iterator[str]:
    """The table, a line at a time."""
    settings = poster_settings()
    found = [
        cost
        for dataset in settings.study.datasets
        for model in settings.study.models
        for _ in settings.study.seeds
        for cost in costs(settings, dataset, model)
    ]
    yield "| Stage | GB | hours, one GPU | hours, eight |"
    yield "|---|---|---|---|"
    stages = list(dict.fromkeys(cost.stage for cost in found))
    for stage in stages:
        own = [cost for cost in found if cost.stage == stage]
        yield _row(stage, own)
    yield _row("all", found)


def poster_settings() -> params.Params:
    """The parameters with the poster's preset, which leaves the project's own as they are."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("params.yaml", "dvc.yaml"):
            shutil.copy(_ROOT / name, root / name)
        for name in ("params", "presets"):
            shutil.copytree(_ROOT / name, root / name)
        use(root / "presets/poster.yaml", root)
        return params.load(root)


def noise_settings(settings: params.Params, entry: Any) -> NoiseSettings:
    """What the noise of the study is on a model, `entry` of the parameters."""
    return NoiseSettings.model_construct(seed=settings.seed, noise=settings.noise, model=entry)


def costs(
    settings: params.Params,
    dataset: str,
    model: str,
    sets: Mapping[str, tuple[int, int, int]] = VIDEOS,
) -> Iterator[Cost]:
    """The stages of a model on a data set; of one that is not the poster's, by `sets`."""
    train, test, classes = sets[dataset]
    forward, training = speeds.reference()["gpu"]["clips_per_second"][model]
    entry = settings.model(model, dataset if dataset in VIDEOS else next(iter(VIDEOS)))
    network = networks.sizes(model, entry.network, entry.input)
    views = views_of(settings.views, entry.protocol)
    each, shown = views.clips * views.crops, len(inputs(settings.views.controls))
    clips = train * entry.recipe.epochs * entry.recipe.samples
    yield Cost("finetune", clips / training, 2 * network.weights)
    # logits of every view, and the scores fused of them
    size = test * (each + 1) * shown * 4 * classes
    yield Cost("evaluate", test * each * shown / forward, size)
    extract = settings.extract
    clips = test * extract.clips * len(inputs(extract.controls))
    whose = len(settings.study.weights)
    # of other weights than the data set's own means alone are kept
    own = network.stored(extract, classes * extract.per_class / test)
    size = clips * (own + (whose - 1) * network.stored(extract, 0))
    yield Cost("extract", whose * _EXTRACTION * clips / forward, size)
    videos = whose * (train + test)
    yield Cost("features", videos / forward, videos * 4 * network.channels)
    units = networks.units(noise_settings(settings, entry), model)
    passes = units.passes + units.heard
    scored = test * (each if settings.noise.views == "all" else 1)
    yield Cost("noise", passes * scored / forward, (units.cells + units.heard) * test * 4 * classes)


def _row(stage: str, costs: list[Cost]) -> str:
    size = sum(cost.size for cost in costs) / 1e9
    alone = sum(cost.seconds for cost in costs) / 3600
    return f"| {stage} | {size:.3g} | {alone:.3g} | {_eight(costs) / 3600:.3g} |"


def _eight(costs: list[Cost]) -> float:
    """Seconds on eight GPUs, longest stages first; the stages of one kind wait for no other."""
    busy = [0.0] * 8
    for cost in sorted(costs, key=lambda cost: -cost.seconds):
        least = busy.index(min(busy))
        busy[least] += cost.seconds
    return max(busy)
