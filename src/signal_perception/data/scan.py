"""What a video file's packets tell before its frames are decoded: what is announced, what is there, and whether decord may have it."""

import re
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream


@dataclass(frozen=True)
class Scan:
    """What a file's packets tell before they are decoded.

    announced: number of frames in the header, 0 where there is none. packets: of the video stream, those of a single byte left out.
    plain: nothing speaks against decord.
    ends_early: see `_ends_early`. refused: why there is nothing to decode.
    """

    codec: str = ""
    announced: int = 0
    fps: float = 0.0
    packets: int = 0
    plain: bool = False
    ends_early: bool = False
    refused: str = ""


def scan(path: Path, most: int) -> Scan:
    """Demultiplex the whole file and decode the key frames among its first `most` packets: most codecs change the size at these only."""
    with open_video(path) as container:
        if not container.streams.video:
            return Scan(refused="no video stream")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            return Scan(refused="no decoder for its codec")
        codec = stream.codec_context.codec.canonical_name
        stream.codec_context.skip_frame = "DEFAULT" if codec == "vp9" else "NONKEY"
        announced = stream.frames
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        packets, end, sizes = 0, 0, set()
        # a header may announce more frames than there can be, and decord makes room for all of them at once
        plain = announced <= path.stat().st_size
        try:
            for packet in container.demux(stream):
                if plain and packets < most:
                    try:
                        sizes |= {(frame.width, frame.height) for frame in packet.decode()}
                    except Exception:  # as in `decode`: what PyAV fails at is for its whole reading to judge
                        plain = False
                # an empty packet ends the stream, and DivX puts one of a single byte where there is no picture
                packets += packet.size > 1
                if packet.pts is not None:
                    end = max(end, packet.pts + (packet.duration or 0))
            ends_early = _ends_early(stream, end)
        except Exception:  # likewise
            plain, ends_early = False, True
        plain = plain and len(sizes) <= 1 and packets <= most
        return Scan(codec, announced, fps, packets, plain, ends_early)


def open_video(path: Path) -> InputContainer:
    """The file as PyAV has it, every video stream to be decoded by one thread."""
    # HMDB51 has files whose tags are not valid UTF-8
    container = av.open(str(path), metadata_errors="replace")
    for stream in container.streams.video:
        if stream.codec_context is not None:  # None: of a codec that is unknown
            stream.codec_context.thread_count = 1
    return container


def _ends_early(stream: VideoStream, end: int) -> bool:
    """Whether a Matroska file, which announces a duration and no number of frames, ends, at `end`, over 0.25 s before that."""
    announced = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if announced is None or stream.time_base is None:
        return False
    hours, minutes, seconds = map(float, announced.groups())
    return end * stream.time_base < 3600 * hours + 60 * minutes + seconds - 0.25
