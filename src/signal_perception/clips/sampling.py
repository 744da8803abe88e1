"""Which frames make a clip and which part of the picture is looked at: the official rules.

Pure functions of NumPy integers. Below, `frames` are the frames of a clip, `stride` is their
nominal distance in source frames, and N is the number of frames of the video. Each rule has its
authors' crops.

dense         UniFormer V1 (kinetics.py, USE_OFFSET_SAMPLING). A window of frames·stride source
              frames. Test windows lie evenly from the first to the last possible start,
              ⌊delta/(clips−1)⌋ apart, a single one in the middle, delta = max(N − window, 0).
dense_30fps   TimeSformer (decoder.py). The same with the window scaled by fps/30, so that clips
              last equally long whatever the video's rate. Test windows start at delta·clip/clips,
              so a single one at the START of the video.
uniform       UniFormer V2 (kinetics_sparse.py). One frame from each of `frames` equal segments of
              the video: a random one in training; in testing the middle one, or, of several clips,
              one at (clip+1)/(clips+1) of the segment. No stride.
videomae      VideoMAE V1 and V2 (kinetics.py). Testing reads every stride-th frame of the video, L
              of them, and starts at ⌊clip·max((L − frames)/(clips−1), 0)⌋; the authors' formula
              divides by zero for one clip, which here lies in the middle. Training takes
              linspace(start, start + window, frames), cut down to integers, with
              0 ≤ start < N − window; a video no longer than a window gives ⌊N/stride⌋ frames from
              linspace(0, N). Either way what is missing is the last of these frames repeated.
mmaction      mmaction2 1.x (SampleFrames). Frames exactly one stride apart. Test clips start at
              round(clip·room/(clips−1)), a single one at ⌊room/2⌋,
              room = max(N − (frames−1)·stride − 1, 0); training clips at 0 … N − frames·stride.
swin          Video Swin (mmaction 0.x, SampleFrames). As mmaction; but test clips start in the
              middle of `clips` equal shares of the N − frames·stride + 1 possible starts.
i3d           I3D of DeepMind and pytorch-i3d, whose stride is 1 and which test on all of the
              video: clips as in mmaction.

Within a dense window the indices are linspace(start, start + window − 1, frames), cut down to
integers: neighbours are (window−1)/(frames−1) source frames apart, a little more than `stride`.
Beyond the end of a short video its last frame is repeated; mmaction, swin and i3d begin the video
again instead (indices modulo N).
"""

import math
from collections.abc import Sequence

import numpy as np

from signal_perception.pipeline.errors import UserError

# rule → whose crops go with it
_CROPS = {
    "dense": "slowfast",
    "dense_30fps": "slowfast",
    "uniform": "slowfast",
    "videomae": "videomae",
    "mmaction": "mmaction",
    "swin": "mmaction",
    "i3d": "videomae",
}
RULES = tuple(_CROPS)
_BEGIN_AGAIN = ("mmaction", "swin", "i3d")


def train_indices(
    rule: str, total: int, fps: float, frames: int, stride: int, rng: np.random.Generator
) -> np.ndarray:
    """Frame indices of one random training clip from a video of `total` frames: int64 (frames,)."""
    if rule == "uniform":
        edges = _segment_starts(total, frames, frames + 1)
        return np.minimum(rng.integers(edges[:-1], edges[1:], endpoint=True), total - 1)
    if rule in _BEGIN_AGAIN:
        start = int(rng.integers(max(total - frames * stride, 0), endpoint=True))
        return _looped([start], frames, stride, total)[0]
    if rule == "videomae":
        return _videomae_train(total, frames, stride, rng)
    window = _window(rule, fps, frames, stride)
    return _spread(rng.uniform(0, max(total - window, 0)), window, frames, total)


def test_indices(
    rule: str, total: int, fps: float, frames: int, stride: int, clips: int
) -> np.ndarray:
    """Frame indices of the fixed test clips of a video of `total` frames: int64 (clips, frames)."""
    if rule == "uniform":
        segment = (total - 1) / frames
        offsets = np.array([int(segment / (clips + 1) * (clip + 1)) for clip in range(clips)])
        return np.minimum(_segment_starts(total, frames, frames) + offsets[:, None], total - 1)
    if rule in _BEGIN_AGAIN:
        return _looped(_looped_starts(rule, total, frames, stride, clips), frames, stride, total)
    if rule == "videomae":
        return _videomae_test(total, frames, stride, clips)
    window = _window(rule, fps, frames, stride)
    delta = max(total - window, 0)
    if rule == "dense_30fps":
        starts = [delta * clip / clips for clip in range(clips)]
    else:
        step = delta // max(clips - 1, 1)
        starts = [delta // 2] if clips == 1 else [clip * step for clip in range(clips)]
    return np.stack([_spread(start, window, frames, total) for start in starts])


def frame_seconds(rule: str, fps: float, frames: int, stride: int, total: int) -> float:
    """Nominal time in seconds from one frame of a test clip to the next, of a video of `total`.

    videomae and the rules that begin again   stride/fps
    dense, dense_30fps                        (window − 1)/(frames − 1)/fps
    uniform                                   a segment, (total − 1)/frames/fps

    What fills up a short video does not count: neither the last frame repeated nor the video
    begun again changes it. Where `uniform` finds fewer frames than segments, or the window of
    dense_30fps has fewer than the clip, frames are repeated evenly and the clip is the video slowed
    down: less than 1/fps is right then. NaN without a rate (fps ≤ 0), for a clip of one frame, and
    where the step is nothing: `uniform` in a video of one frame, a window of one or less.
    """
    strided = begins_again(rule) or rule == "videomae"
    if not fps > 0 or frames == 1:
        return math.nan
    if rule == "uniform":
        step = (total - 1) / frames
    elif strided:
        step = stride
    else:
        step = (_window(rule, fps, frames, stride) - 1) / (frames - 1)
    return step / fps if step > 0 else math.nan


def begins_again(rule: str) -> bool:
    """Whether a rule takes frames one stride apart, and a short video again from its start."""
    if rule not in _CROPS:
        raise _unknown(rule)
    return rule in _BEGIN_AGAIN


def test_size(rule: str, height: int, width: int, short: int) -> tuple[int, int]:
    """(height, width) of a picture whose short side becomes `short`.

    The long one is rounded (mmaction) or cut down (others).
    """
    if _family(rule) == "mmaction":
        factor = short / min(height, width)
        return int(height * factor + 0.5), int(width * factor + 0.5)
    return height * short // min(height, width), width * short // min(height, width)


def test_crops(rule: str, height: int, width: int, size: int, crops: int) -> list[tuple[int, int]]:
    """(top, left) of the square test crops: 1 = the centre; 3 = along the longer side.

    Three crops are centred across the longer side. With d = side − size:

    slowfast   uniform_crop takes 0, ⌈d/2⌉, d; its centre is ⌈d/2⌉.
    videomae   0, ⌊d/2⌋, d; the centre is d/2 rounded to even, as in pytorch-i3d.
    mmaction   ThreeCrop takes, in this order, 0, 2·⌊d/2⌋, ⌊d/2⌋; the centre is ⌊d/2⌋.

    Where authors cut three crops from pictures as high as the crop only, taller ones are cut in the
    middle of their height.
    """
    if size > min(height, width):
        raise UserError(
            f"A crop of {size} does not fit a picture of {height}×{width}; resize its short side "
            f"to at least {size}."
        )
    along = max(height, width) - size
    centre, offsets = {
        "slowfast": (lambda room: math.ceil(room / 2), (0, math.ceil(along / 2), along)),
        "videomae": (lambda room: round(room / 2), (0, along // 2, along)),
        "mmaction": (lambda room: room // 2, (0, along // 2 * 2, along // 2)),
    }[_family(rule)]
    top, left = centre(height - size), centre(width - size)
    if crops == 1:
        return [(top, left)]
    if crops != 3:
        raise UserError(
            f"{crops} crops are not defined; choose 1 (centre) or 3 (along the longer side)."
        )
    return [(offset, left) if height > width else (top, offset) for offset in offsets]


def centre_view(rule: str, clips: int, crops: int) -> int:
    """Number of the middle view among clips × crops, clips first.

    It is the centre crop, which is mmaction's last one, of the middle clip, the later one of two.
    """
    centre = {"slowfast": 1, "videomae": 1, "mmaction": 2}[_family(rule)]
    return clips // 2 * crops + (centre if crops == 3 else 0)


def train_crop(
    height: int, width: int, crop_area: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int]:
    """(top, left, side) of a random square.

    crop_area: range of its area as a share of the largest square in the picture. (1, 1) keeps all
        of the short side; (0.49, 0.77) is slowfast's scale jitter of a 224 crop from a short side
        of 256–320.
    """
    side = max(1, round(min(height, width) * math.sqrt(rng.uniform(*crop_area))))
    top = int(rng.integers(height - side, endpoint=True))
    left = int(rng.integers(width - side, endpoint=True))
    return top, left, side


def _window(rule: str, fps: float, frames: int, stride: int) -> float:
    """Length of a dense clip in source frames."""
    if rule == "dense":
        return frames * stride
    if rule == "dense_30fps":
        if fps <= 0:
            raise UserError(
                "The sampling rule dense_30fps needs each video's frame rate and one has none; use "
                "the rule dense."
            )
        return max(frames * stride * fps / 30, 1.0)
    raise _unknown(rule)


def _family(rule: str) -> str:
    """Whose crops go with a rule."""
    if rule not in _CROPS:
        raise _unknown(rule)
    return _CROPS[rule]


def _unknown(rule: str) -> UserError:
    return UserError(f"There is no sampling rule {rule!r}; choose one of {', '.join(RULES)}.")


def _looped_starts(rule: str, total: int, frames: int, stride: int, clips: int) -> np.ndarray:
    """First frames of the test clips of mmaction, swin and i3d: int64 (clips,)."""
    if rule == "swin":
        share = max(total - frames * stride + 1, 0) / clips
        return (np.arange(clips) * share + share / 2).astype(np.int64)
    room = max(total - (frames - 1) * stride - 1, 0)
    if clips == 1:
        return np.array([room // 2])
    return np.rint(np.arange(clips) * (room / (clips - 1))).astype(np.int64)


def _looped(starts: Sequence[int] | np.ndarray, frames: int, stride: int, total: int) -> np.ndarray:
    """`frames` indices exactly one stride apart from each start: int64 (starts, frames).

    At its end the video begins again.
    """
    return (np.asarray(starts)[:, None] + np.arange(frames) * stride) % total


def _videomae_train(total: int, frames: int, stride: int, rng: np.random.Generator) -> np.ndarray:
    """Frame indices of VideoMAE's random training clip: int64 (frames,)."""
    window = frames * stride
    if total > window:
        start = rng.integers(total - window)
        places = np.linspace(start, start + window, frames)
        return np.minimum(places, start + window - 1).astype(np.int64)
    places = np.linspace(0, total, total // stride)
    places = np.append(places, np.full(frames - len(places), total))
    return np.minimum(places, total - 1).astype(np.int64)


def _videomae_test(total: int, frames: int, stride: int, clips: int) -> np.ndarray:
    """Frame indices of VideoMAE's fixed test clips: int64 (clips, frames)."""
    read = np.arange(0, total, stride)
    read = np.pad(read, (0, max(frames - len(read), 0)), mode="edge")
    room = len(read) - frames
    step = room / max(clips - 1, 1)
    starts = [room // 2] if clips == 1 else [int(clip * step) for clip in range(clips)]
    return np.stack([read[start : start + frames] for start in starts])


def _spread(start: float, window: float, frames: int, total: int) -> np.ndarray:
    """`frames` indices spread over a window, the last repeated where it leaves the video."""
    places = np.clip(np.linspace(start, start + window - 1, frames), 0, total - 1)
    # rounding error below a whole number must not cost a frame
    return np.floor(places + 1e-6).astype(np.int64)


def _segment_starts(total: int, frames: int, count: int) -> np.ndarray:
    """round(i·(total−1)/frames) for i < count, halves to even as Python rounds."""
    return np.rint(np.arange(count) * ((total - 1) / frames)).astype(np.int64)
