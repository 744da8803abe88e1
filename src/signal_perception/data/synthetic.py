"""The "shapes" data set: eight classes of short videos that differ in the ORDER of their frames and in nothing else.

An object has four degrees of freedom: x, y, angle, size. A scene (`split`, `index`) draws a set of poses in which each of the four
takes the same stratified values, paired at random. The class only says in which order the poses are shown: sorted by one of the
four, upwards or downwards. So `moves_right` of a scene has x rising through the clip while y, angle and size jump about without a
trend, and the eight clips of a scene are the same pictures in eight orders. Hence, before encoding, no single frame, no average of
frames and no shuffled clip can say anything about the class: chance is 1/8 exactly.

Scenes of the test split take their background's hue from the other half of the colour circle than scenes of the training split.
"""

import csv
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from signal_perception.data.scenes import Pose, draw, random_scene
from signal_perception.errors import UserError
from signal_perception.seeding import generator

# class → (degree of freedom that sorts the frames, +1 rising or −1 falling)
_ORDERS = {
    "grows": ("size", 1),
    "moves_down": ("y", 1),
    "moves_left": ("x", -1),
    "moves_right": ("x", 1),
    "moves_up": ("y", -1),
    "shrinks": ("size", -1),
    "turns_anticlockwise": ("angle", -1),
    "turns_clockwise": ("angle", 1),
}
_FREEDOMS = ("x", "y", "angle", "size")
_HUES = {"train": (0.0, 0.45), "test": (0.5, 0.95)}
_LARGEST_CORRELATION = 0.25  # between two freedoms over a clip: above it a second one would seem to have a trend

CLASSES = tuple(sorted(_ORDERS))
MANIFEST = "split.csv"


def poses(
    index: int, split: str, *, frames: int, seed: int, travel: float, turn: float, growth: float, tilt: float
) -> dict[str, np.ndarray]:
    """The poses of a scene, in no order: freedom → (frames,) values.

    Parameters
    ----------
    travel: range of x and of y, as a share of the picture's side.
    turn: range of the angle, degrees.
    growth: largest over smallest radius.
    tilt: the angle in the middle of the range is drawn from ±tilt, degrees.
    """
    if split not in _HUES:
        raise UserError(f"no split {split!r} of the synthetic data set: it has {', '.join(_HUES)}")
    if frames < 8:
        raise UserError(f"{frames} frames are too few for a synthetic video: ask for at least 8")
    rng = generator(seed, "shapes", "poses", split, index)
    spread = {name: rng.uniform(0.8, 1.0) for name in _FREEDOMS}
    ranks = _uncorrelated_ranks(rng, frames)
    # one value per stratum, so that every freedom visits its whole range evenly, and not on a grid
    unit = {name: 2 * (ranks[i] + rng.uniform(size=frames)) / frames - 1 for i, name in enumerate(_FREEDOMS)}
    x, y = (0.5 + rng.uniform(-0.04, 0.04) + unit[name] * spread[name] * travel / 2 for name in ("x", "y"))
    angle = math.radians(rng.uniform(-tilt, tilt)) + unit["angle"] * spread["angle"] * math.radians(turn) / 2
    radius = rng.uniform(0.2, 0.25) * growth ** (unit["size"] * spread["size"] / 2)
    return {"x": x, "y": y, "angle": angle, "size": radius}


def render(
    label: str,
    index: int,
    split: str,
    *,
    frames: int = 24,
    size: int = 64,
    seed: int = 0,
    travel: float = 0.5,
    turn: float = 150.0,
    growth: float = 2.2,
    tilt: float = 15.0,
) -> np.ndarray:
    """One video before encoding, uint8 (t h w c): scene `index` of `split` in the order of class `label`; see `poses`."""
    order = _order(
        label, poses(index, split, frames=frames, seed=seed, travel=travel, turn=turn, growth=growth, tilt=tilt)
    )
    pictures = _pictures(
        index, split, frames=frames, size=size, seed=seed, travel=travel, turn=turn, growth=growth, tilt=tilt
    )
    return pictures[order]


def write(
    root: Path,
    *,
    train_per_class: int = 40,
    test_per_class: int = 16,
    frames: int = 24,
    size: int = 64,
    fps: int = 12,
    seed: int = 0,
    travel: float = 0.5,
    turn: float = 150.0,
    growth: float = 2.2,
    tilt: float = 15.0,
) -> None:
    """Write the data set into `root`: <class>/<split>_<scene>.mp4 (H.264) and split.csv (path,label,split,group).

    The group is the scene: the eight videos of a scene share all their pictures. The same arguments give the same bytes.
    """
    if size % 2:
        raise UserError(f"a synthetic video of {size}×{size} pixels cannot be encoded: ask for an even size")
    rows = []
    for label in CLASSES:
        (root / label).mkdir(parents=True, exist_ok=True)
    for split, scenes in (("train", train_per_class), ("test", test_per_class)):
        for index in range(scenes):
            strengths = {"travel": travel, "turn": turn, "growth": growth, "tilt": tilt}
            scene_poses = poses(index, split, frames=frames, seed=seed, **strengths)
            pictures = _pictures(index, split, frames=frames, size=size, seed=seed, **strengths)
            for label in CLASSES:
                path = f"{label}/{split}_{index:04d}.mp4"
                _encode(root / path, pictures[_order(label, scene_poses)], fps)
                rows.append((path, label, split, f"{split}_{index:04d}"))
    with (root / MANIFEST).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "split", "group"))
        writer.writerows(sorted(rows))


def _uncorrelated_ranks(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Random permutations of 0…frames−1, one per degree of freedom, drawn until no two of them are notably correlated."""
    while True:
        ranks = np.stack([rng.permutation(frames) for _ in _FREEDOMS])
        correlation = np.abs(np.corrcoef(ranks) - np.eye(len(_FREEDOMS)))
        if correlation.max() < _LARGEST_CORRELATION:
            return ranks


def _order(label: str, scene_poses: dict[str, np.ndarray]) -> np.ndarray:
    if label not in _ORDERS:
        raise UserError(f"no class {label!r} in the synthetic data set: it has {', '.join(CLASSES)}")
    freedom, sign = _ORDERS[label]
    return np.argsort(sign * scene_poses[freedom], kind="stable")


def _pictures(index: int, split: str, *, frames: int, size: int, seed: int, **strengths: float) -> np.ndarray:
    """All frames of a scene, in the order of `poses`: uint8 (t h w c)."""
    scene_poses = poses(index, split, frames=frames, seed=seed, **strengths)
    scene = random_scene(generator(seed, "shapes", "scene", split, index), size, _HUES[split])
    values = zip(*(scene_poses[name] for name in _FREEDOMS), strict=True)
    return np.stack([draw(scene, Pose(*(float(v) for v in value))) for value in values])


def _encode(path: Path, frames: np.ndarray, fps: int) -> None:
    """H.264 in MP4 from uint8 (t h w c), bytes depending on the frames alone.

    Hence one thread, "bitexact", and above all cpu-independent=1: x264's lookahead otherwise reads uninitialised memory in its
    vector code, and about one video in a hundred comes out different in each run (MALLOC_PERTURB_ shows it at once).
    """
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "15", "preset": "veryfast", "flags": "+bitexact", "x264-params": "cpu-independent=1"}
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
