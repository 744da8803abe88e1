"""The data set "shapes": eight classes of short videos that differ in the ORDER of their frames.

They differ in nothing else. An object has four degrees of freedom: x, y, angle, size. A scene
(`split`, `index`) draws a set of poses in which each of the four takes the same stratified values,
paired at random. The class only says in which order the poses are shown: sorted by one of the four,
upwards or downwards. So `moves_right` of a scene has x rising through the clip while y, angle and
size jump about without a trend, and the eight clips of a scene are the same pictures in eight
orders. Hence, before encoding, no average of frames, no shuffled clip and no frame whose place in
the clip is unknown can say anything about the class: chance is 1/8 exactly. The FIRST frame does
say something, since a sweep begins at one end of its range: a static clip made of it scores above
chance.

The colour circle is cut into sixteen sectors: backgrounds of the training split take their hue from
every other one, backgrounds of the test split from those between, so that no background of a test
video was ever seen in training, and none is out of the ordinary.
"""

import csv
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.progress import track
from signal_perception.seeding import generator
from signal_perception.synthesise.scenes import Pose, Scene, draw, random_scene
from signal_perception.synthesise.settings import MANIFEST

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
# split → where its sectors of the colour circle begin
_HUES = {
    split: tuple((2 * i + place) / 16 for i in range(8))
    for place, split in enumerate(("train", "test"))
}
# Between two freedoms over a clip: above it a second one would seem to have a trend.
_LARGEST_CORRELATION = 0.25

CLASSES = tuple(sorted(_ORDERS))


@dataclass(frozen=True)
class Strength:
    """How far each degree of freedom sweeps, in every clip and for every class.

    travel: range of x and of y, as a share of the picture's side.
    turn: range of the angle, degrees.
    growth: largest over smallest radius.
    radius: radius in the middle of its range, as a share of the picture's side; scenes vary by a
        tenth around it.
    tilt: the angle in the middle of its range lies within ±tilt of upright, degrees.
    """

    travel: float = 0.5
    turn: float = 180.0
    growth: float = 2.2
    radius: float = 0.25
    tilt: float = 15.0


def poses(
    index: int, split: str, *, frames: int, seed: int, strength: Strength
) -> dict[str, np.ndarray]:
    """The poses of a scene, in no order: degree of freedom → (frames,) values."""
    if split not in _HUES:
        raise UserError(
            f"The synthetic data set has no split {split!r}; choose one of {', '.join(_HUES)}."
        )
    if frames < 8:
        raise UserError(f"{frames} frames are too few for a synthetic video; ask for at least 8.")
    rng = generator(seed, "shapes", "poses", split, index)
    spread = {name: rng.uniform(0.8, 1.0) for name in _FREEDOMS}
    ranks = _uncorrelated_ranks(rng, frames)
    # one value per stratum, so that every freedom visits its whole range evenly, and not on a grid
    unit = {
        name: spread[name] * (2 * (ranks[i] + rng.uniform(size=frames)) / frames - 1)
        for i, name in enumerate(_FREEDOMS)
    }
    return {
        "x": 0.5 + rng.uniform(-0.04, 0.04) + unit["x"] * strength.travel / 2,
        "y": 0.5 + rng.uniform(-0.04, 0.04) + unit["y"] * strength.travel / 2,
        "angle": np.radians(rng.uniform(-1, 1) * strength.tilt + unit["angle"] * strength.turn / 2),
        "size": strength.radius * rng.uniform(0.9, 1.1) * strength.growth ** (unit["size"] / 2),
    }


def render(
    label: str,
    index: int,
    split: str,
    *,
    frames: int = 24,
    size: int = 64,
    seed: int = 0,
    **strength: float,
) -> np.ndarray:
    """One video before encoding, uint8 (t h w c).

    It is scene `index` of `split` in the order of class `label`. Keyword arguments beyond the named
    ones are those of `Strength`.
    """
    scene_poses = poses(index, split, frames=frames, seed=seed, strength=Strength(**strength))
    order = _order(label, scene_poses)
    return _pictures(scene_poses, _scene(index, split, size, seed))[order]


def write(
    root: Path,
    *,
    train_per_class: int = 40,
    test_per_class: int = 16,
    frames: int = 24,
    size: int = 64,
    fps: int = 12,
    seed: int = 0,
    **strength: float,
) -> None:
    """Write the data set into `root`: <class>/<split>_<scene>.mp4 (H.264), and its list.

    The list is split.csv (path,label,split,group). The group is the scene: its eight videos share
    all their pictures. The same arguments give the same bytes. Keyword arguments beyond the named
    ones are those of `Strength`.
    """
    if size % 2:
        raise UserError(
            f"A synthetic video of {size}×{size} pixels cannot be encoded; ask for an even size."
        )
    for label in CLASSES:
        (root / label).mkdir(parents=True, exist_ok=True)
    scenes = [("train", i) for i in range(train_per_class)]
    scenes += [("test", i) for i in range(test_per_class)]
    rows = []
    for split, index in track(scenes, len(scenes), "synthetic videos", "scene"):
        scene_poses = poses(index, split, frames=frames, seed=seed, strength=Strength(**strength))
        pictures = _pictures(scene_poses, _scene(index, split, size, seed))
        for label in CLASSES:
            path = f"{label}/{split}_{index:04d}.mp4"
            _encode(root / path, pictures[_order(label, scene_poses)], fps)
            rows.append((path, label, split, f"{split}_{index:04d}"))
    with (root / MANIFEST).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "split", "group"))
        writer.writerows(sorted(rows))


def _uncorrelated_ranks(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Random permutations of 0…frames−1, one per degree of freedom.

    They are drawn until no two of them are notably correlated.
    """
    while True:
        ranks = np.stack([rng.permutation(frames) for _ in _FREEDOMS])
        correlation = np.abs(np.corrcoef(ranks) - np.eye(len(_FREEDOMS)))
        if correlation.max() < _LARGEST_CORRELATION:
            return ranks


def _order(label: str, scene_poses: dict[str, np.ndarray]) -> np.ndarray:
    if label not in _ORDERS:
        raise UserError(
            f"The synthetic data set has no class {label!r}; choose one of {', '.join(CLASSES)}."
        )
    freedom, sign = _ORDERS[label]
    return np.argsort(sign * scene_poses[freedom], kind="stable")


def _scene(index: int, split: str, size: int, seed: int) -> Scene:
    return random_scene(generator(seed, "shapes", "scene", split, index), size, _HUES[split])


def _pictures(scene_poses: dict[str, np.ndarray], scene: Scene) -> np.ndarray:
    """All frames of a scene, in the order of its poses: uint8 (t h w c)."""
    values = np.stack([scene_poses[name] for name in _FREEDOMS], axis=1)
    return np.stack([draw(scene, Pose(*value)) for value in values.tolist()])


def _encode(path: Path, frames: np.ndarray, fps: int) -> None:
    """H.264 in MP4 from uint8 (t h w c), bytes depending on the frames alone.

    Hence one thread, "bitexact", and above all cpu-independent=1: x264's lookahead otherwise reads
    uninitialised memory in its vector code, and about one video in a hundred comes out different in
    each run (MALLOC_PERTURB_ shows it at once).
    """
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {
            "crf": "15",
            "preset": "veryfast",
            "flags": "+bitexact",
            "x264-params": "cpu-independent=1",
        }
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
