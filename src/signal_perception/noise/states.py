"""States of a model, batch by batch, on its device, in memory or in a file, bit for bit.

A tensor comes back with its values, its strides and its place within 64 bytes: kernels choose their
order of sums by them, and a state that lies otherwise would give other last bits.
"""

import math
import mmap
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch

from signal_perception.models.core.state import State, Tokens
from signal_perception.pipeline.units import raise_if_full

# Bytes on whose multiples PyTorch begins its tensors on a CPU.
_ALIGNMENT = 64


@dataclass(frozen=True)
class _Part:
    """Where a tensor lies in the bytes of its state, its gaps and repetitions as in memory.

    start, stop: bytes.
    """

    dtype: torch.dtype
    size: tuple[int, ...]
    stride: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class _Held:
    """A state that is held.

    parts: its tensors. grid: of tokens, None for a feature map. values: its bytes uint8 (n), None
    where they are in the file.
    """

    parts: tuple[_Part, ...]
    grid: tuple[int, int, int] | None
    values: torch.Tensor | None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.parts[-1].stop


class States:
    """Numbered states: on the device while its room lasts, then in memory, then in a file.

    The file has no name, so nothing of it is left when the process ends, however it ends.

    Parameters
    ----------
    where: the device. device, memory: bytes that may be used of each; on a CPU `memory` alone
        counts. folder: of the file.
    """

    def __init__(self, where: torch.device, folder: Path, *, device: int, memory: int):
        self._where, self._folder = where, folder
        self._room = {where.type: device, "cpu": memory}
        self._held: dict[int, _Held] = {}
        self._file: IO[bytes] | None = None
        # number → first byte and room of its place in the file
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0

    def __len__(self) -> int:
        return len(self._held)

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def at_hand(self) -> bool:
        """Whether no state has to be brought to the device."""
        places = (held.values for held in self._held.values())
        return self._where.type == "cpu" or all(
            values is not None and values.device.type == self._where.type for values in places
        )

    def put(self, number: int, state: State) -> None:
        """Hold a copy of a state in place of the one before, of which it may be a view."""
        tensors, grid = _tensors(state)
        parts = _parts(tensors)
        size, here = parts[-1].stop, self._where.type
        self._release(number)
        place = next((each for each in (here, "cpu") if size <= self._room[each]), None)
        values = torch.empty(
            size, dtype=torch.uint8, device=self._where if place == here else torch.device("cpu")
        )
        for tensor, part in zip(tensors, parts, strict=True):
            values[part.start : part.stop].copy_(_bytes(tensor))
        if place is None:
            self._write(number, values)
        else:
            self._room[place] -= size
        self._held[number] = _Held(parts, grid, values if place else None)

    def get(self, number: int) -> State:
        """A state on the device, which must not be written to."""
        held = self._held[number]
        values = self._read(number, held.size) if held.values is None else held.values
        if values.device.type != self._where.type:
            values = values.pin_memory().to(self._where, non_blocking=True)
        x, *video = [
            values[part.start : part.stop].view(part.dtype).as_strided(part.size, part.stride)
            for part in held.parts
        ]
        return x if held.grid is None else Tokens(x, held.grid, *video)

    def _release(self, number: int) -> None:
        held = self._held.pop(number, None)
        if held is not None and held.values is not None:
            self._room[held.values.device.type] += held.size

    def _write(self, number: int, values: torch.Tensor) -> None:
        """Write the bytes of a state at its place in the file, or at a new one if they are more."""
        start, room = self._places.get(number, (0, 0))
        if len(values) > room:
            start, room = self._end, _rounded(len(values), mmap.ALLOCATIONGRANULARITY)
            self._places[number], self._end = (start, room), start + room
        left = values.numpy().data
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
            self._file.seek(start)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise_if_full(error, self._folder)
            raise

    def _read(self, number: int, size: int) -> torch.Tensor:
        assert self._file is not None
        start, _ = self._places[number]
        # PyTorch wants memory that it may write to: pages would be copied, the file stays as it is
        pages = mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_COPY, offset=start)
        return torch.frombuffer(pages, dtype=torch.uint8)


def _tensors(state: State) -> tuple[list[torch.Tensor], tuple[int, int, int] | None]:
    if isinstance(state, torch.Tensor):
        return [state], None
    return [state.x, *([] if state.video is None else [state.video])], state.grid


def _parts(tensors: list[torch.Tensor]) -> tuple[_Part, ...]:
    """Places one after the other, each as far behind a multiple of 64 bytes as in memory."""
    parts, end = [], 0
    for tensor in tensors:
        start = _rounded(end, _ALIGNMENT) + tensor.data_ptr() % _ALIGNMENT
        end = start + _span(tensor) * tensor.element_size()
        parts.append(_Part(tensor.dtype, tuple(tensor.shape), tensor.stride(), start, end))
    return tuple(parts)


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    """All that lies between a tensor's first and last element, uint8 (n)."""
    flat = tensor.as_strided((_span(tensor),), (1,), tensor.storage_offset())
    return flat.view(torch.uint8)


def _span(tensor: torch.Tensor) -> int:
    """Elements of memory from the first to the last one of a tensor."""
    return 1 + sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )


def _rounded(size: int, unit: int) -> int:
    """The next multiple of `unit`."""
    return math.ceil(size / unit) * unit
