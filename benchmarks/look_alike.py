"""A look-alike of HMDB51: every file of the official split lists, in the official layout.

Each is a small MPEG-4 AVI with B-frames.

    python -m benchmarks.look_alike TARGET [--videos N]

6,766 videos of 10 to 30 frames; all of them are really encoded, each with a picture and a motion of
its own, drawn from its name.
"""

import os
from collections import defaultdict
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import typer

from signal_perception.pipeline import stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.progress import track
from signal_perception.seeding import generator

LISTS = "testTrainMulti_7030_splits"
# As in HMDB51: one height, several widths.
_HEIGHT, _WIDTHS = 48, (64, 72, 88)
# Side of one square of a picture, pixels.
_BLOCK = 8


def shared() -> Path:
    """The folder of reference data that is no part of the project; it need not exist."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    return Path(os.environ.get("SIGNAL_PERCEPTION_SHARED", beside))


def write(target: Path, videos: int | None = None) -> int:
    """Write the look-alike into `target` and return its number of videos.

    videos: only so many, from all classes and splits alike; the lists are then cut down to them.
        None: all, with the lists as they are.
    """
    source = shared() / "data/splits/hmdb51" / LISTS
    lists = {path.name: path.read_bytes() for path in sorted(source.glob("*_test_split?.txt"))}
    if not lists:
        raise UserError(
            f"There are no official lists in {source}; set SIGNAL_PERCEPTION_SHARED to the folder "
            "that holds data/splits."
        )
    chosen = _chosen(lists, videos)
    for label in {label for label, _ in chosen}:
        (target / label).mkdir(parents=True, exist_ok=True)
    (target / LISTS).mkdir(exist_ok=True)
    for name, content in lists.items():
        lines = content.splitlines(keepends=True)
        if videos is not None:
            lines = [
                line for line in lines if line.strip() and (_label(name), _video(line)) in chosen
            ]
        if lines:
            (target / LISTS / name).write_bytes(b"".join(lines))
    for label, video in track(chosen, len(chosen), "look-alike", "video"):
        encode(target / label / video, _pictures(label, video))
    return len(chosen)


def encode(path: Path, frames: np.ndarray, fps: int = 30) -> None:
    """MPEG-4 in AVI with two B-frames between others, as in HMDB51, from uint8 (t h w c)."""
    with av.open(str(path), "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=Fraction(fps))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"bf": "2", "q": "5", "flags": "+bitexact"}
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _chosen(lists: dict[str, bytes], videos: int | None) -> list[tuple[str, str]]:
    """(class, file name) of every video of the lists; or of some.

    These are taken class by class in turns, and in each class part by part in turns.
    """
    classes = []
    for name, content in lists.items():
        if name.endswith("_test_split1.txt"):
            parts = defaultdict(list)
            for line in filter(bytes.strip, content.splitlines()):
                parts[line.split()[-1]].append((_label(name), _video(line)))
            classes.append(_in_turns([parts[key] for key in sorted(parts, reverse=True)]))
    turns = _in_turns(classes)
    if videos is not None and not 2 * len(classes) <= videos <= len(turns):
        raise UserError(
            f"--videos {videos} is not possible; ask for {2 * len(classes)} to {len(turns)}."
        )
    return sorted(turns[:videos])


def _in_turns(lists: list[list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """The first of every list, then the second of every list, and so on."""
    return [each for row in zip_longest(*lists) for each in row if each]


def _label(name: str) -> str:
    return name.rpartition("_test_split")[0]


def _video(line: bytes) -> str:
    return line.split()[0].decode()


def _pictures(label: str, video: str) -> np.ndarray:
    """Coloured squares that drift, uint8 (t h w c)."""
    rng = generator(0, "look-alike", label, video)
    frames, width = int(rng.integers(10, 31)), int(rng.choice(_WIDTHS))
    squares = rng.integers(0, 256, (_HEIGHT // _BLOCK, width // _BLOCK, 3), dtype=np.uint8)
    picture = squares.repeat(_BLOCK, 0).repeat(_BLOCK, 1)
    down, right = rng.integers(-3, 4, 2).tolist()
    return np.stack([np.roll(picture, (i * down, i * right), (0, 1)) for i in range(frames)])


def main(
    target: Annotated[Path, typer.Argument(help="Folder to write into.")],
    videos: Annotated[int | None, typer.Option(help="Only so many videos.")] = None,
) -> None:
    """Write an HMDB51 look-alike."""
    print(f"{write(target, videos)} videos in {target}")


if __name__ == "__main__":
    stage.run(main)
