"""Tensors that cannot be weights, refused by name.

Weights are plain numbers: float32, or float16, bfloat16 and float64, which become float32 when a
model takes them. Whole numbers are right where the model has some: counters and indices.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch

from signal_perception.pipeline import text
from signal_perception.pipeline.errors import UserError

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
# Tensors may share values (tied weights), but not all of a file many times.
_SHARED = 2
_LISTED = 10
_LETTERS = 80


def refuse_odd(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """UserError where a tensor of a file has no plain numbers, or where all have too many."""
    odd = [
        f"{shown(name)} {kind}" for name, value in state.items() if (kind := _oddity(value)) != ""
    ]
    if odd:
        raise UserError(
            f"File {path} holds tensors that are no weights: {some(odd)}; save them as float32."
        )
    size, held = sum(value.nbytes for value in state.values()), path.stat().st_size
    if size > _SHARED * held:
        raise UserError(
            f"File {path} is refused: its tensors would take {size} bytes, and it holds {held}; "
            "save each with its own values."
        )


def refuse_other_kinds(
    own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], name: str
) -> None:
    """UserError where a state dict has whole numbers for a model's weights, or the reverse."""
    wrong = [
        f"{shown(key)} is {_name(value.dtype)}, the model's {_name(own[key].dtype)}"
        for key, value in state.items()
        if key in own and value.is_floating_point() != own[key].is_floating_point()
    ]
    if wrong:
        raise UserError(
            f"These weights do not fit {name}: {some(wrong)}; use weights before quantisation."
        )


def not_finite(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of tensors in which a value is NaN or infinite."""
    floats = ((key, value) for key, value in state.items() if value.is_floating_point())
    return [key for key, value in floats if not bool(value.isfinite().all())]


def some(items: Sequence[str]) -> str:
    """The first few in a sentence."""
    more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return _listed(items[:_LISTED]) + more


def shown(name: str) -> str:
    """A name from a file as it stands in a sentence: short, without control characters."""
    short = name if len(name) <= _LETTERS else f"{name[:_LETTERS]}…"
    return text.on_one_line(short)


def _listed(items: Iterable[str]) -> str:
    return ", ".join(text.on_one_line(each) for each in items)


def _oddity(value: torch.Tensor) -> str:
    """What makes a tensor unfit for weights; empty where nothing does."""
    if value.is_quantized:
        return "is quantised"
    if value.is_nested or value.layout != torch.strided:
        return "is sparse"
    if value.device.type == "meta":
        return "has no values"
    return "" if value.dtype in (*_FLOATS, *_WHOLE) else f"is {_name(value.dtype)}"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
