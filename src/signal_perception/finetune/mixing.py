"""Mixup and cutmix of the clips of a step, two by two, and the targets of what comes of it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from signal_perception.pipeline import torchvision_shim  # noqa: F401 — before any import of timm

# isort: split
from timm.data.mixup import Mixup, mixup_target

from signal_perception.finetune.settings import Recipe


class Mixing:
    """timm's Mixup of each pair of neighbours; one clip that is left over stays as it is.

    Authors mix a device's batch with its own reverse, by one factor. Pairs have factors of their
    own, the same however the step is shared out.
    """

    def __init__(self, recipe: Recipe, classes: int):
        self._mixup = Mixup(
            mixup_alpha=recipe.mixup,
            cutmix_alpha=recipe.cutmix,
            label_smoothing=recipe.label_smoothing,
            num_classes=classes,
        )

    def __call__(
        self,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        units: Sequence[range],
        seed_at: Callable[[int], int],
    ) -> torch.Tensor:
        """Mix clips (b c t h w) in place; their targets, (b classes).

        Parameters
        ----------
        units: places of the clips that may be mixed. seed_at: place of a pair's first clip → seed.
        """
        # all frames of a clip are mixed alike: for timm they are channels
        pictures, targets, first = inputs.flatten(1, 2), [], units[0].start
        for unit in units:
            for place in range(unit.start, unit.stop, 2):
                pair = slice(place - first, min(place + 2, unit.stop) - first)
                targets.append(self._pair(pictures[pair], labels[pair], seed_at(place)))
        return torch.cat(targets)

    def _pair(self, pictures: torch.Tensor, labels: torch.Tensor, seed: int) -> torch.Tensor:
        if len(labels) == 1:
            return mixup_target(labels, self._mixup.num_classes, 1.0, self._mixup.label_smoothing)
        # timm draws from NumPy's global generator, which is left as it was
        state = np.random.get_state()  # noqa: NPY002
        try:
            np.random.seed(seed % 2**32)  # noqa: NPY002
            return self._mixup(pictures, labels)[1]
        finally:
            np.random.set_state(state)  # noqa: NPY002
