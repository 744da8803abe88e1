"""Video files made for tests, and what PyAV makes of a file read from beginning to end."""

from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import xxhash


def moving(frames: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A bright bar that moves over coarse noise: uint8 (t h w c).

    Every frame is unlike its neighbours.
    """
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    video = np.tile(noise.repeat(8, axis=0).repeat(8, axis=1), (frames, 1, 1, 1))
    for i in range(frames):
        video[i, :, (4 * i) % width : (4 * i) % width + 6, 0] = 255
    return video


def write(
    path: Path,
    video: np.ndarray,
    codec: str,
    *,
    b_frames: int = 0,
    surplus: bool = False,
    options: dict | None = None,
) -> Path:
    """Encode a video.

    surplus: end it with an empty MPEG-4 picture, as DivX does: counted by decord, decoded by
        nobody.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(10), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        packets = [
            p
            for frame in video
            for p in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
        ]
        packets += stream.encode()
        if surplus:
            # a VOP with vop_coded = 0
            empty = av.Packet(bytes([0, 0, 1, 0xB6, 0x5F, 0x9F]))
            empty.stream, empty.time_base = stream, packets[-1].time_base
            empty.pts, empty.dts = len(video), (packets[-1].dts or 0) + 1
            packets.append(empty)
        for packet in packets:
            container.mux(packet)
    return path


def write_two(path: Path, *streams: tuple[str, int, np.ndarray]) -> None:
    """Encode several video streams, (codec, frames per second, frames) each, into one file."""
    packets = []
    with av.open(str(path), "w") as container:
        made = []
        for codec, fps, frames in streams:
            stream = container.add_stream(codec, rate=Fraction(fps))
            assert isinstance(stream, av.VideoStream)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            made.append((stream, frames))
        for stream, frames in made:
            for frame in frames:
                packets += stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
            packets += stream.encode()
        for packet in sorted(packets, key=lambda each: (each.dts or 0) * each.time_base):
            container.mux(packet)


def sequential(path: Path) -> list[np.ndarray]:
    """What PyAV makes of a file when it is read from beginning to end."""
    with av.open(str(path), metadata_errors="replace") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def hash_of(frames: list[np.ndarray]) -> str:
    height, width = frames[0].shape[:2]
    digests = b"".join(xxhash.xxh3_128(frame.tobytes()).digest() for frame in frames)
    return sha256(f"{height}x{width}".encode() + digests).hexdigest()
