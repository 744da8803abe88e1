"""A model with weights, ready to look at videos: of the study, of a file by mail, or foreign."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from signal_perception.clips.settings import Input, Views
from signal_perception.clips.views import PROTOCOL, AskedViews, views_of
from signal_perception.inference import described, device
from signal_perception.inference.described import Described
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import checkpoints, registry
from signal_perception.pipeline import lock, params
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.project import root as project_root

# Where foreign weights do not say whose network they are: what is published has this size.
PUBLISHED = "base"
_WEIGHTS = Path("data/weights")


@dataclass(frozen=True)
class Reading:
    """How a video is looked at. short_side: pixels at most. max_frames: more are not read."""

    short_side: int
    max_frames: int
    views: Views


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode on this machine's device, with what it was trained for.

    name: of its file. network: (b 3 t h w) float, normalised → logits (b classes). input: frames,
    size, mean and std of its clips. classes: a name per logit. weights: the file. dataset, seed: of
    the fine-tuning run; None where the file does not say. trained: False for weights from before
    the first step, whose head is random unless it was pre-trained. scorer: runs it in batches.
    """

    name: str
    network: nn.Module = field(repr=False)
    input: Input
    classes: tuple[str, ...]
    weights: Path
    dataset: str | None
    seed: int | None
    trained: bool
    reading: Reading
    scorer: Scorer = field(repr=False)


def load_model(
    model: str | None = None,
    weights: Path | str | None = None,
    *,
    dataset: str | None = None,
    seed: int | None = None,
    size: str | None = None,
    labels: Path | str | Sequence[str] | None = None,
    protocol: bool = False,
    project: Path | str | None = None,
) -> LoadedModel:
    """A model of the study, or of any file of weights.

    load_model("swin")                                   of the study, its first seed
    load_model(weights="swin-0.safetensors")             a file that this project wrote
    load_model("swin", "swin.pth", labels="labels.txt")  foreign weights in a layout it knows

    Foreign files are read without running code. UserError where the file does not fit: its head
    must have as many classes as there are names.

    Parameters
    ----------
    model: name of a file in models/. weights: a file; None: the study's own. dataset, seed: which
        of the study's own; None: its only data set, its first seed.
    size: of the entry in params/models that foreign weights belong to; None: "base".
    labels: class names in the order of the logits, or a text file with one per line; needed for
        foreign weights.
    protocol: whether a video is looked at as the model's official test does, with more clips and
        crops, instead of as the study does.
    project: folder of the project; None: found from the working directory.
    """
    root = project_root(project)
    settings = params.load(root)
    if model is not None:
        registry.module(model)
    if weights is not None and (dataset is not None or seed is not None):
        raise UserError(
            "Data set and seed choose among the weights of the study, and a file is named; leave "
            "out one of the two."
        )
    path = Path(weights) if weights is not None else _own(root, settings, model, dataset, seed)
    lock.refuse_damaged_file(path, root)
    said = _said(settings, path, model, size, labels)
    network = _loaded(settings, said, path)
    precision = settings.finetune.precision
    where = device.device()
    network = network.to(where).eval()
    return LoadedModel(
        name=said.model,
        network=network,
        input=said.input,
        classes=said.classes,
        weights=path,
        dataset=said.dataset or None,
        seed=said.seed if said.dataset else None,
        trained=said.trained,
        reading=Reading(
            settings.decode.short_side,
            settings.decode.max_frames,
            _views(settings, said, protocol),
        ),
        scorer=Scorer(network, said.input, precision, where),
    )


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names of a text file, one per line; UserError where it holds none."""
    if not path.is_file():
        raise UserError(f"There is no file of labels {path}; give one class name per line.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"The file of labels {path} is no text in UTF-8; give one class name per line."
        ) from None
    if not (names := tuple(line.strip() for line in lines if line.strip())):
        raise UserError(f"The file of labels {path} is empty; give one class name per line.")
    return names


def _own(
    root: Path, settings: params.Params, model: str | None, dataset: str | None, seed: int | None
) -> Path:
    """The weights of a model of the study."""
    study = settings.study
    if model is None:
        raise UserError(
            f"Whose weights? Name a model ({', '.join(study.models)}) or a file of weights."
        )
    if dataset is None and len(study.datasets) > 1:
        raise UserError(
            f"The study has several data sets; name one of {', '.join(study.datasets)}."
        )
    folder = _WEIGHTS / (next(iter(study.datasets)) if dataset is None else dataset)
    path = root / folder / f"{model}-{study.seeds[0] if seed is None else seed}.safetensors"
    if not path.is_file():
        there = sorted(file.name for file in (root / folder).glob("*.safetensors"))
        raise UserError(
            f"There is no {path.relative_to(root)} (there: {', '.join(there) or 'nothing'}); make "
            "it (signal-perception repro), fetch it (dvc pull), or name a file of weights."
        )
    return path


def _said(
    settings: params.Params,
    path: Path,
    model: str | None,
    size: str | None,
    labels: Path | str | Sequence[str] | None,
) -> Described:
    """What the file says about itself, with the user's labels; of a foreign one, what is said."""
    names = None
    if labels is not None:
        names = read_labels(Path(labels)) if isinstance(labels, Path | str) else tuple(labels)
    said = described.read(path)
    if said is not None:
        if model is not None and model != said.model:
            raise UserError(f"{path} holds weights of {said.model}, and {model} was asked for.")
        if size is not None:
            raise UserError(
                f"{path} says itself which network and input it is for; leave out the size."
            )
        if names is not None and len(names) != len(said.classes):
            raise UserError(_unequal(path, len(said.classes), len(names)))
        return said.model_copy(update={"classes": names or said.classes})
    # what is no file of weights at all is told first
    checkpoints.refuse_no_file(path)
    if model is None:
        raise UserError(f"{path} does not say whose weights it holds; name the model, too.")
    if names is None:
        raise UserError(
            f"{path} does not say what its classes are; give its labels, a text file with one "
            "class name per line."
        )
    entry = settings.entry(model, size or PUBLISHED)
    return described.say(model, entry, names, "", 0, trained=True)


def _loaded(settings: params.Params, said: Described, path: Path) -> nn.Module:
    """The network with the values of the file, all of them."""
    device.fix_arithmetic(settings.cpu_threads)
    model = registry.build(said.model, len(said.classes), said.network)
    state = checkpoints.read(path, None)
    if registry.load_state(said.model, model, state):
        raise UserError(
            _unequal(path, registry.classes(said.model, model, state), len(said.classes))
        )
    return model


def _unequal(path: Path, classes: int, names: int) -> str:
    return (
        f"The head of {path} has {classes} classes, and there are {names} labels; give the labels "
        "that it was trained with, in the order of its logits."
    )


def _views(settings: params.Params, said: Described, official: bool) -> Views:
    """The views of a video: the study's, or the protocol of the entry that the model is of."""
    asked: AskedViews = settings.views
    if official:
        asked = AskedViews(clips=PROTOCOL, crops=PROTOCOL)
    if asked.clips != PROTOCOL and asked.crops != PROTOCOL:
        return Views(clips=asked.clips, crops=asked.crops)
    dataset = said.dataset if said.dataset in settings.datasets else None
    for size in settings.models.get(said.model, {}):
        entry: Any = settings.entry(said.model, size, dataset)
        if entry.input == said.input:
            return views_of(asked, entry.protocol)
    raise UserError(
        f"The weights are of no entry in {params.MODELS / said.model}.yaml, so nobody knows their "
        "protocol; set views.clips and views.crops in params.yaml to numbers."
    )
