"""Textured objects on textured backgrounds: the pictures of the synthetic data set.

A scene is everything about a clip that does not move: background, shape, its colours and the
texture painted on it. A pose says where the object is in one frame. Drawing is a pure function of
the two, with NumPy alone.
"""

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Samples per pixel side: antialiased edges, so that slow motion shows between pixels.
_OVERSAMPLE = 2


@dataclass(frozen=True)
class Pose:
    """The object in one frame.

    x, y: of its centre, x to the right and y down, as shares of the picture's side; so is `radius`.
    angle: radians, clockwise.
    """

    x: float
    y: float
    angle: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """What stays the same through a clip.

    background: (h w c). shape, texture: names. colours: of the object in front and rear. All
    colours lie in 0…1.
    """

    background: np.ndarray
    shape: str
    texture: str
    colours: tuple[np.ndarray, np.ndarray]
    phase: float


def random_scene(rng: np.random.Generator, size: int, hues: tuple[float, ...]) -> Scene:
    """A scene whose background hue lies in a narrow sector (1/32) that begins at one of `hues`.

    hues: 0…1 around the colour circle.

    The object is warm in front and cold behind, in changing colours: which way it points can then
    be told from where it is.
    """
    front = _colour(rng.uniform(-0.04, 0.13), rng.uniform(0.6, 1.0), rng.uniform(0.85, 1.0))
    rear = _colour(rng.uniform(0.5, 0.68), rng.uniform(0.6, 1.0), rng.uniform(0.85, 1.0))
    return Scene(
        background=_background(rng, size, rng.choice(hues) + rng.uniform(0, 1 / 32)),
        shape=str(rng.choice(list(SHAPES))),
        texture=str(rng.choice(list(TEXTURES))),
        colours=(front, rear),
        phase=rng.uniform(0, 2 * math.pi),
    )


def draw(scene: Scene, pose: Pose) -> np.ndarray:
    """One frame, uint8 (h w c)."""
    size = scene.background.shape[0]
    side = np.arange(size * _OVERSAMPLE, dtype=np.float64)
    grid = (side + 0.5) / (size * _OVERSAMPLE)
    dx, dy = (grid[None, :] - pose.x) / pose.radius, (grid[:, None] - pose.y) / pose.radius
    u = math.cos(pose.angle) * dx + math.sin(pose.angle) * dy
    v = math.cos(pose.angle) * dy - math.sin(pose.angle) * dx
    inside = SHAPES[scene.shape](u, v)
    front = np.clip(0.5 - 3 * v, 0, 1)[..., None]
    shade = 1 - 0.3 * TEXTURES[scene.texture](u, v, scene.phase)[..., None]
    surface = shade * (front * scene.colours[0] + (1 - front) * scene.colours[1])
    cover = _pool(inside[..., None].astype(np.float64))
    picture = _pool(surface * inside[..., None]) + (1 - cover) * scene.background
    return np.round(picture * 255).astype(np.uint8)


def _pool(picture: np.ndarray) -> np.ndarray:
    """Mean over the samples of each pixel: (h s, w s, c) → (h, w, c)."""
    height, width, channels = picture.shape
    blocks = picture.reshape(
        height // _OVERSAMPLE, _OVERSAMPLE, width // _OVERSAMPLE, _OVERSAMPLE, channels
    )
    return blocks.mean(axis=(1, 3))


def _colour(hue: float, saturation: float, value: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value))


def _background(rng: np.random.Generator, size: int, hue: float) -> np.ndarray:
    """Two dark tones of one hue, mixed by a sum of random gratings.

    That is texture at several scales, never as bright as the object.
    """
    grid = (np.arange(size) + 0.5) / size
    mix = np.zeros((size, size))
    for cycles in (1, 2, 4, 8):
        for _ in range(2):
            direction, phase = rng.uniform(0, 2 * math.pi, size=2)
            across = math.cos(direction) * grid[None, :] + math.sin(direction) * grid[:, None]
            frequency = 2 * math.pi * cycles * rng.uniform(0.7, 1.4)
            mix += np.sin(frequency * across + phase) / math.sqrt(cycles)
    mix = (1 / (1 + np.exp(-mix)))[..., None]
    dark, bright = rng.uniform(0.05, 0.15), rng.uniform(0.3, 0.45)
    saturation = rng.uniform(0.3, 0.8)
    light, shadow = _colour(hue, saturation, bright), _colour(hue + 1 / 64, saturation, dark)
    return mix * light + (1 - mix) * shadow


# Shapes and textures live in the object's own coordinates: u to its right, v downwards, the object
# inside the unit circle. Front and rear are alike in area, so that turning moves no mass and is
# told from moving.


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u**2 + v**2 < 0.8


def _box(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.abs(u) < 0.65) & (np.abs(v) < 0.75)


def _diamond(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.abs(u) + np.abs(v) < 1


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u**2 + v**2 < (0.75 + 0.25 * np.cos(6 * np.arctan2(v, u))) ** 2


SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "disc": _disc,
    "box": _box,
    "diamond": _diamond,
    "star": _star,
}


def _plain(u: np.ndarray, v: np.ndarray, phase: float) -> np.ndarray:
    return np.zeros(np.broadcast(u, v).shape)


def _stripes(u: np.ndarray, v: np.ndarray, phase: float) -> np.ndarray:
    return 0.5 + 0.5 * np.sin(8 * (math.cos(phase) * u + math.sin(phase) * v) + phase)


def _checks(u: np.ndarray, v: np.ndarray, phase: float) -> np.ndarray:
    return (np.sin(6 * u + phase) * np.sin(6 * v + phase) > 0).astype(np.float64)


def _rings(u: np.ndarray, v: np.ndarray, phase: float) -> np.ndarray:
    return 0.5 + 0.5 * np.sin(9 * np.sqrt(u**2 + v**2) + phase)


TEXTURES: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "plain": _plain,
    "stripes": _stripes,
    "checks": _checks,
    "rings": _rings,
}
