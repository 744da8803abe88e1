"""Which frames make a clip and which part of the picture is looked at: the official rules, as pure functions of NumPy integers.

Rules (`frames` = frames of a clip, `stride` = nominal distance in source frames, N = frames of the video):

dense           UniFormer V1 (kinetics.py, USE_OFFSET_SAMPLING): a window of frames·stride source frames; test windows lie evenly from the
                first to the last possible start ⌊delta/(clips−1)⌋ apart, a single one in the middle, delta = max(N − window, 0).
dense_30fps     TimeSformer (decoder.py): the same with the window scaled by fps/30, so that clips last equally long whatever the
                video's rate; test windows start at delta·clip/clips, so a single one at the START of the video.
uniform         UniFormer V2 (kinetics_sparse.py): one frame from each of `frames` equal segments of the whole video: a random one in
                training; in testing the middle one, or, of several clips, one at (clip+1)/(clips+1) of the segment. No stride.

Within a dense window the indices are linspace(start, start + window − 1, frames), cut down to integers: neighbours are
(window−1)/(frames−1) source frames apart, a little more than `stride`. Beyond the end of a short video its last frame is repeated.
"""

import math

import numpy as np

from signal_perception.errors import UserError

RULES = ("dense", "dense_30fps", "uniform")


def train_indices(rule: str, total: int, fps: float, frames: int, stride: int, rng: np.random.Generator) -> np.ndarray:
    """Frame indices of one random training clip from a video of `total` frames: int64 (frames,)."""
    if rule == "uniform":
        edges = _segment_starts(total, frames, frames + 1)
        return np.minimum(rng.integers(edges[:-1], edges[1:], endpoint=True), total - 1)
    window = _window(rule, fps, frames, stride)
    return _spread(rng.uniform(0, max(total - window, 0)), window, frames, total)


def test_indices(rule: str, total: int, fps: float, frames: int, stride: int, clips: int) -> np.ndarray:
    """Frame indices of the fixed test clips of a video of `total` frames: int64 (clips, frames)."""
    if rule == "uniform":
        segment = (total - 1) / frames
        offsets = np.array([int(segment / (clips + 1) * (clip + 1)) for clip in range(clips)])
        return np.minimum(_segment_starts(total, frames, frames) + offsets[:, None], total - 1)
    window = _window(rule, fps, frames, stride)
    delta = max(total - window, 0)
    if rule == "dense_30fps":
        starts = [delta * clip / clips for clip in range(clips)]
    else:
        starts = [delta // 2] if clips == 1 else [clip * (delta // (clips - 1)) for clip in range(clips)]
    return np.stack([_spread(start, window, frames, total) for start in starts])


def test_crops(height: int, width: int, size: int, crops: int) -> list[tuple[int, int]]:
    """(top, left) of the square test crops: 1 = the centre; 3 = start, centre and end of the longer side (slowfast's uniform_crop)."""
    if size > min(height, width):
        raise UserError(
            f"a crop of {size} does not fit a picture of {height}×{width}: resize its short side to at least {size}"
        )
    top, left = math.ceil((height - size) / 2), math.ceil((width - size) / 2)
    if crops == 1:
        return [(top, left)]
    if crops != 3:
        raise UserError(f"{crops} crops are not defined: there are 1 (centre) and 3 (along the longer side)")
    if height > width:
        return [(0, left), (top, left), (height - size, left)]
    return [(top, 0), (top, left), (top, width - size)]


def train_crop(height: int, width: int, scale: tuple[float, float], rng: np.random.Generator) -> tuple[int, int, int]:
    """(top, left, side) of a random square whose area is a share, drawn from `scale`, of the largest square in the picture.

    (1, 1) keeps the whole short side; (0.49, 0.77) is slowfast's scale jitter of a 224 crop from a short side of 256–320.
    """
    side = max(1, round(min(height, width) * math.sqrt(rng.uniform(*scale))))
    return int(rng.integers(height - side, endpoint=True)), int(rng.integers(width - side, endpoint=True)), side


def _window(rule: str, fps: float, frames: int, stride: int) -> float:
    """Length of a dense clip in source frames."""
    if rule == "dense":
        return frames * stride
    if rule == "dense_30fps":
        if fps <= 0:
            raise UserError("sampling dense_30fps needs each video's frame rate and one has none: use the rule dense")
        return max(frames * stride * fps / 30, 1.0)
    raise UserError(f"no sampling rule {rule!r}: there are {', '.join(RULES)}")


def _spread(start: float, window: float, frames: int, total: int) -> np.ndarray:
    """`frames` indices spread over a window, the last frame repeated where the window leaves the video."""
    places = np.clip(np.linspace(start, start + window - 1, frames), 0, total - 1)
    return np.floor(places + 1e-6).astype(np.int64)  # rounding error below a whole number must not cost a frame


def _segment_starts(total: int, frames: int, count: int) -> np.ndarray:
    """round(i·(total−1)/frames) for i < count, halves to even as Python rounds."""
    return np.rint(np.arange(count) * ((total - 1) / frames)).astype(np.int64)
