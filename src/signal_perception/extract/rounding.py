"""Activations rounded to the store's number type, on the device where they are."""

from collections.abc import Mapping

import torch

from signal_perception.pipeline.errors import UserError

_TYPES = {"float16": torch.float16, "float32": torch.float32}


def rounded(values: Mapping[str, torch.Tensor], dtype: str) -> dict[str, torch.Tensor]:
    """Tap → values, float32 on one device, in the number type `dtype`.

    UserError where float16 cannot hold one of them. NaN stays NaN.
    """
    target = _TYPES[dtype]
    if target is torch.float16:
        # one transfer for all taps: each would wait for the device
        largest = torch.stack([value.abs().amax() for value in values.values()]).tolist()
        for tap, number in zip(values, largest, strict=True):
            if number > torch.finfo(target).max:
                raise UserError(
                    f"Tap {tap} reaches {number:.3g}, more than float16 holds; set extract.dtype "
                    "to float32."
                )
    return {tap: value.to(target) for tap, value in values.items()}
