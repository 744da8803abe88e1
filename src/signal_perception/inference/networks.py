"""Networks with values: fresh, pre-trained or fine-tuned; and without, for names and shapes.

Whoever is given a network with values goes on to calculate with it, so its arithmetic is fixed
here.
"""

from pathlib import Path

import torch
from torch import nn

from signal_perception import seeding
from signal_perception.inference import device
from signal_perception.models.core import registry, tensors
from signal_perception.models.core.settings import Network, Pretrained
from signal_perception.pipeline import dvcconfig
from signal_perception.pipeline.errors import UserError

PRETRAINED = Path("data/pretrained")


def fresh(
    name: str,
    network: Network,
    *,
    classes: int,
    pretrained: Pretrained | None,
    seed: int,
    dataset: str,
    threads: int | None,
) -> nn.Module:
    """A model with start values drawn from seed, data set and name, or pre-trained weights."""
    device.fix_arithmetic(threads)
    torch.manual_seed(seeding.integer(seed, "start", dataset, name))
    model = registry.build(name, classes, network)
    if pretrained is not None:
        path = pretrained_file(pretrained)
        registry.load(name, model, path, pretrained.sha256)
        if wrong := tensors.not_finite(model.state_dict()):
            raise UserError(
                f"The pre-trained weights {path} hold values that are no numbers (NaN or "
                f"infinite) in {tensors.some(wrong)}; get the file again from "
                f"{pretrained.source}, or set `pretrained` of the model's entry to null."
            )
    return model


def trained(
    name: str,
    network: Network,
    weights: Path,
    *,
    classes: int,
    threads: int | None,
    where: torch.device,
) -> nn.Module:
    """A model with the weights of a file, in evaluation mode on the device."""
    device.fix_arithmetic(threads)
    model = registry.build(name, classes, network)
    registry.load(name, model, weights)
    return model.to(where).eval()


def outline(name: str, network: Network, classes: int) -> nn.Module:
    """A model without values (on the meta device): for its names and shapes, in no time."""
    with torch.device("meta"):
        return registry.build(name, classes, network)


def pretrained_file(entry: Pretrained) -> Path:
    """Where pre-trained weights lie; UserError where they are missing, or lie elsewhere by a link.

    DVC may check a file out as a link into its cache.
    """
    path = PRETRAINED / entry.file
    if path.is_symlink() and _leads_out(path):
        raise UserError(
            f"The pre-trained weights {path} are a link out of {PRETRAINED}, and a parameter file "
            f"must not make the project read other files; copy the file there, or link "
            f"{PRETRAINED} itself."
        )
    if not path.is_file():
        raise UserError(
            f"The pre-trained weights {path} are not there; get them from {entry.source} and put "
            f"them at {path}, or set `pretrained` of the model's entry to null to train from "
            "scratch."
        )
    return path


def _leads_out(link: Path) -> bool:
    homes = (PRETRAINED.resolve(), dvcconfig.cache().resolve())
    return not any(map(link.resolve().is_relative_to, homes))
