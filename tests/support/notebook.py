"""A project as a notebook finds it: parameters, committed tables, weights said to be trained."""

from pathlib import Path

from signal_perception.inference import described, networks
from signal_perception.pipeline import params
from signal_perception.synthesise.videos import CLASSES
from tests.support.project import ROOT
from tests.support.study import default_study

MODEL = "timesformer_divided"


def project(folder: Path) -> Path:
    """The default study with its committed tables, without data."""
    folder.mkdir(parents=True)
    default_study(folder)
    (folder / "reports").symlink_to(ROOT / "reports")
    return folder


def write_weights(
    root: Path,
    model: str = MODEL,
    classes: tuple[str, ...] = CLASSES,
    *,
    path: Path | None = None,
    trained: bool = True,
) -> Path:
    """Random weights, said to be trained; by default the study's first run of a model."""
    entry = params.load(root).entry(model, "tiny", "shapes")
    network = networks.fresh(
        model,
        entry.network,
        classes=len(classes),
        pretrained=None,
        seed=0,
        dataset="shapes",
        threads=1,
    )
    path = path or root / "data/weights/shapes" / f"{model}-0.safetensors"
    said = described.say(model, entry, classes, "shapes", 0, trained=trained)
    described.save(network, path, said)
    return path
