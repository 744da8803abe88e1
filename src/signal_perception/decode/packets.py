"""What a video file's packets tell before its frames are decoded.

What is announced, what is there, and whether decord may have the file.

A file may have several video streams. The one that counts is FFmpeg's best (the default one, then
that of most frames and bits), as PyAV's FFmpeg finds it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream


@dataclass(frozen=True)
class Scan:
    """What a file's packets tell before they are decoded.

    codec: as FFmpeg names it. announced: number of frames in the header, 0 where there is none.
    fps: average frames per second, 0 where unknown. packets: of the video stream, those of a single
    byte left out. plain: nothing speaks against decord. ends_early: see `_ends_early`. refused: why
    there is nothing to decode.
    """

    codec: str = ""
    announced: int = 0
    fps: float = 0.0
    packets: int = 0
    plain: bool = False
    ends_early: bool = False
    refused: str = ""


def scan(path: Path, most: int) -> Scan:
    """Demultiplex the whole file and decode the key frames among its first `most` packets.

    Most codecs change the size of the pictures at key frames only.
    """
    with open_video(path) as container:
        stream = best_stream(container)
        if stream is None:
            return Scan(refused="no video stream")
        if stream.codec_context is None:
            return Scan(refused="no decoder for its codec")
        codec = stream.codec_context.codec.canonical_name
        stream.codec_context.skip_frame = "DEFAULT" if codec == "vp9" else "NONKEY"
        announced = stream.frames
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        # A header may announce more frames than there can be, and decord makes room for all of them
        # at once. Of several streams it takes one and does not say which; its older FFmpeg has
        # another choice of the best.
        plain = announced <= path.stat().st_size and len(container.streams.video) == 1
        packets, end, same_size = _read_packets(container, stream, most if plain else 0)
        plain = plain and same_size and packets <= most
        ends_early = end is None or _ends_early(stream, end)
        return Scan(codec, announced, fps, packets, plain, ends_early)


def open_video(path: Path) -> InputContainer:
    """The file as PyAV has it, every video stream to be decoded by one thread."""
    # HMDB51 has files whose tags are not valid UTF-8
    container = av.open(str(path), metadata_errors="replace")
    for stream in container.streams.video:
        # a codec that is unknown has no context
        if stream.codec_context is not None:
            stream.codec_context.thread_count = 1
    return container


def best_stream(container: InputContainer) -> VideoStream | None:
    """The video stream that counts; None where there is none."""
    stream = container.streams.best("video")
    assert stream is None or isinstance(stream, VideoStream)
    return stream


def _read_packets(
    container: InputContainer, stream: VideoStream, most: int
) -> tuple[int, int | None, bool]:
    """Packets of a stream, where the last of them ends, and whether its pictures have one size.

    The pictures are those of the key frames among the first `most` packets. The end is in the
    stream's units of time, None where reading breaks off; the pictures then count as unequal.
    """
    packets, end = 0, 0
    sizes: set[tuple[int, int]] = set()
    readable = True
    try:
        for packet in container.demux(stream):
            if readable and packets < most:
                try:
                    sizes |= {(frame.width, frame.height) for frame in packet.decode()}
                # as in `decode`: what PyAV fails at is for its whole reading to judge
                except Exception:
                    readable = False
            # an empty packet ends the stream, and DivX puts one of a single byte where there is no
            # picture
            packets += packet.size > 1
            if packet.pts is not None:
                end = max(end, packet.pts + (packet.duration or 0))
    # likewise
    except Exception:
        return packets, None, False
    return packets, end, readable and len(sizes) <= 1


def _ends_early(stream: VideoStream, end: int) -> bool:
    """Whether a Matroska file ends, at `end`, over 0.25 s before the duration that it announces.

    Such files announce no number of frames.
    """
    announced = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if announced is None or stream.time_base is None:
        return False
    hours, minutes, seconds = map(float, announced.groups())
    return end * stream.time_base < 3600 * hours + 60 * minutes + seconds - 0.25
