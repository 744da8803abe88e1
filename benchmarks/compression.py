"""What compressing the stored frames costs: bytes, pixels, and what a model makes of them.

    python -m benchmarks compression

Each real clip of the reference data is decoded, compressed and opened again; 64 frames from its
middle, 224 pixels square, are compared with the same frames uncompressed: peak signal-to-noise
ratio, Δ log amplitude (log_rms) of the pixels over time and, where the reference data has Inception
I3D's Kinetics-400 weights, of that network's taps, and its answers.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.look_alike import shared
from benchmarks.stores import video_files
from signal_perception.clips.pictures import decode_into, encoder
from signal_perception.clips.transforms import normalise, test_views
from signal_perception.decode.video import decode
from signal_perception.fourier import definitions, sums
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture

_SETTINGS = (
    ("jpeg", 95, "full"),
    ("jpeg", 95, "half"),
    ("jpeg", 90, "half"),
    ("jpeg", 88, "half"),
    ("jpeg", 75, "half"),
)
_FRAMES, _SIZE = 64, 224
# Pixels of the frame that sizes are given for.
_AREA = 256 * 341


def measure() -> Iterator[str]:
    """A line per setting: means over clips and, in parentheses, the largest value.

    For the signal-to-noise ratio it is the smallest.
    """
    paths = video_files(shared() / "data/singles")
    if not paths:
        yield "compression: nothing measured, there are no real clips here"
        return
    clips = [_middle(path) for path in paths]
    network = _network()
    plain = [_seen(clip, network) for clip in clips]
    yield f"compression: {len(clips)} clips, {_FRAMES} frames each; mean over clips (largest)"
    for setting in _SETTINGS:
        opened, sizes = zip(*(_compressed(clip, *setting) for clip in clips))
        noise = [_psnr(clip, other) for clip, other in zip(clips, opened)]
        seen = [_seen(clip, network) for clip in opened]
        pixels, taps, answers = ([other[i] for other in seen] for i in range(3))
        line = (
            f"{setting[0]} {setting[1]} {setting[2]}: {np.mean(sizes):.1f} KB a 256×341 frame "
            f"({max(sizes):.1f}), {np.mean(noise):.1f} dB ({min(noise):.1f}), "
            f"|change of Δ| of pixels {_change(plain, pixels, 0)}"
        )
        if network is not None:
            same = sum(int(a.argmax() == b[2].argmax()) for a, b in zip(answers, plain))
            moved = [np.abs(a - b[2]).max() for a, b in zip(answers, plain)]
            line += (
                f", of {len(plain[0][1])} taps {_change(plain, taps, 1)}; "
                f"same class {same} of {len(clips)}, "
                f"probability moved {np.mean(moved):.4f} ({max(moved):.4f})"
            )
        yield line


def _middle(path: Path) -> np.ndarray:
    frames = decode(path, short_side=256, max_frames=300).frames
    places = len(frames) // 2 - _FRAMES // 2 + np.arange(_FRAMES)
    return np.stack([frames[place] for place in places.clip(0, len(frames) - 1)])


def _compressed(
    clip: np.ndarray, format: str, quality: int, chroma: str
) -> tuple[np.ndarray, float]:
    """The clip after compression, and KB of a frame, as if it had 256×341 pixels."""
    contents = [encoder(format, quality, chroma)(frame) for frame in clip]
    opened = np.empty_like(clip)
    for picture, content in zip(opened, contents):
        decode_into(picture, content)
    pixels = clip.shape[1] * clip.shape[2]
    return opened, sum(map(len, contents)) / len(contents) / 1000 * _AREA / pixels


def _psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(np.float32) - other) ** 2)))


def _network() -> torch.nn.Module | None:
    file = shared() / "data/weights/i3d_inception_kinetics400.pt"
    if not file.is_file():
        return None
    numbers = {"width": 1.0, "head_pool": [2, 7, 7], "dropout": 0.5}
    network = registry.build("i3d_inception", 400, numbers)
    registry.load("i3d_inception", network, file)
    return network.eval()


def _seen(
    clip: np.ndarray, network: torch.nn.Module | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is made of a clip.

    Δ per bin of the pixels (k,), Δ at the highest bin of every tap (taps,), and class
    probabilities; the last two are empty without a network.
    """
    views = test_views(clip, "i3d", _SIZE, 256, 1)
    pixels = _delta(views[0].numpy() / np.float32(255))
    if network is None:
        return pixels, np.empty(0), np.empty(0)
    taps = [tap for tap in registry.taps("i3d_inception", network) if tap.side == "stream"]
    with torch.inference_mode(), capture(network, taps) as found:
        logits = network(normalise(views, [0.5] * 3, [0.5] * 3))
    highest = np.array([_delta(each[0].numpy())[-1] for each in found.values()])
    return pixels, highest, logits[0].softmax(0).numpy()


def _delta(activation: np.ndarray) -> np.ndarray:
    found = sums.means(torch.from_numpy(activation)[None], sums.Epsilons(1e-6, 1e-6, 1e-6))
    means = found["temporal"][0].numpy()
    return definitions.delta(definitions.log_amplitude(means, 1e-6, "log_rms"))


def _change(plain: list, values: list, part: int) -> str:
    changes = [np.abs(value - reference[part]) for value, reference in zip(values, plain)]
    return f"{np.mean(changes):.3f} ({np.max(changes):.3f})"
