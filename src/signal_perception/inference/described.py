"""What our files of weights say about themselves, so that one file is enough to use a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import nn

from signal_perception.clips.settings import Input
from signal_perception.inference.settings import Entry
from signal_perception.models.core import checkpoints, header
from signal_perception.models.core.settings import Network
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import Section, Seed, plain
from signal_perception.pipeline.refusals import check
from signal_perception.pipeline.text import is_plain

# Of what a file says: a network's numbers, how many of them a tuple has, pixels of a clip.
_LARGEST = 5_000
_MOST_PARTS = 100
_MOST_PIXELS = 200_000_000


class Described(Section):
    """A trained model: what it is, what it is shown, what its logits stand for.

    model: name. network, input: parts of its entry. classes: a name per logit. dataset, seed: of
    the fine-tuning run. trained: False before its first step, where the head may be random.
    """

    model: str
    network: Network
    input: Input
    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    dataset: str
    seed: Seed
    trained: bool


def say(
    model: str, entry: Entry, classes: Sequence[str], dataset: str, seed: int, *, trained: bool
) -> Described:
    """The description of a model with this entry."""
    return Described(
        model=model,
        network=entry.network,
        input=entry.input,
        classes=tuple(classes),
        dataset=dataset,
        seed=seed,
        trained=trained,
    )


def save(network: nn.Module, path: Path, described: Described) -> None:
    """Write weights with their description: equal ones, equal bytes."""
    checkpoints.save(network, path, about=plain(described))


def whose(path: Path) -> str:
    """Which weights a file says that it has, as they lie below data/weights: "shapes/swin-0".

    Those before the first step are "shapes-start/swin-0". Empty where the file says nothing.
    """
    said = read(path)
    if said is None:
        return ""
    start = "" if said.trained else "-start"
    return f"{said.dataset}{start}/{said.model}-{said.seed}"


def read(path: Path) -> Described | None:
    """What a file of weights says about itself; None where it is not ours."""
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    found = header.about(path)
    if found is None:
        return None
    try:
        said = check(Described, found, str(path))
        _refuse_absurd(said, path)
        return said
    except UserError as refusal:
        raise UserError(
            f"What {path} says about itself is not understood: {refusal} Use the version of this "
            "project that wrote it, or write its weights again."
        ) from None


def _refuse_absurd(said: Described, path: Path) -> None:
    """UserError where a stranger's file has control characters, or asks for giant networks."""
    if not all(map(is_plain, (*said.classes, said.dataset, said.model))):
        raise UserError(f"{path}: a name of it has control characters.")
    for name, value in said.network.items():
        numbers = value if isinstance(value, list | tuple) else (value,)
        if len(numbers) > _MOST_PARTS or any(
            isinstance(each, int | float) and abs(each) > _LARGEST for each in numbers
        ):
            raise UserError(f"{path}: network.{name} is larger than that of any model.")
    frames, size = said.input.frames, said.input.size
    if max(frames, size) > _LARGEST or frames * size**2 > _MOST_PIXELS:
        raise UserError(f"{path}: clips of {frames} frames of {size} pixels are larger than any.")
