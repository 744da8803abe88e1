"""A clip store that holds small videos in memory, for training, which sees each in every epoch.

It changes speed, never results: held frames are the decoded bytes, and what does not fit is decoded
as before.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from signal_perception.clips.store import ClipStore
from signal_perception.pipeline import environment

_MIB = 1 << 20
# What is held at most where the environment does not say, bytes.
_MOST = 4 << 30


class HeldStore(ClipStore):
    """A clip store that decodes a video that it holds once: all of it, when it is first asked for.

    In the order of the store, each video that fits in what is left of `budget` (bytes of decoded
    frames) has room; the others have none. The memory is shared with forked processes: what one
    worker of a loader decodes, the workers of the next epoch find. A pickled store, as spawned
    workers get it, is a plain `ClipStore`.
    """

    def __init__(self, path: Path, budget: int):
        super().__init__(path)
        sizes = self.frames * self.sizes.prod(1) * 3
        videos = _fitting(sizes, budget)
        try:
            # pages that nothing is written to take no memory
            room = _shared(int(sizes[videos].sum()))
            self._decoded = _shared(len(self)).view(bool)
        except OSError:
            # a machine that promises no more memory than it has
            videos, room = [], np.empty(0, np.uint8)
        parts = np.split(room, np.cumsum(sizes[videos]))
        # video → its frames, uint8 (n h w c)
        self._held = {
            video: part.reshape(self.frames[video], *self.sizes[video], 3)
            for video, part in zip(videos, parts)
        }

    def read(self, video: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Frames of a video at `indices`, as `ClipStore.read` has them; a copy."""
        wanted = np.asarray(indices, dtype=np.int64)
        frames = self._held.get(video)
        if frames is None or not wanted.size or wanted.min() < 0 or wanted.max() >= len(frames):
            return super().read(video, wanted)
        if not self._decoded[video]:
            frames[...] = super().read(video, np.arange(len(frames)))
            self._decoded[video] = True
        return frames[wanted]


def budget() -> int:
    """Bytes of decoded frames that a stage may hold: SIGNAL_PERCEPTION_MEMORY, in MiB.

    Without it, a quarter of the free memory, at most 4 GiB, divided by the lanes.
    """
    asked = environment.number(environment.MEMORY)
    if asked is not None:
        return asked * _MIB
    free = psutil.virtual_memory().available
    return min(free // 4, _MOST) // (environment.number(environment.LANES) or 1)


def _fitting(sizes: np.ndarray, budget: int) -> list[int]:
    """In order, the numbers of all things that fit in what those before them left of a budget."""
    found, left = [], budget
    for number, size in enumerate(sizes.tolist()):
        if size <= left:
            found.append(number)
            left -= size
    return found


def _shared(size: int) -> np.ndarray:
    """Zeros that forked processes share, uint8 (size,)."""
    # no mapping is empty
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), np.uint8, size)
