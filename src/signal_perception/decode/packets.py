"""What a video file's packets tell before its frames are decoded.

What is announced, what is there, and whether decord may have the file.

A file is opened as one of the formats that videos have, so that none is taken for a playlist, which
names other files, or for the description of a connection.

A file may have several video streams. The one that counts is FFmpeg's best (the default one, then
that of most frames and bits), as PyAV's FFmpeg finds it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.error import ArgumentError
from av.video.stream import VideoStream

from signal_perception.decode import limits, machine

# FFmpeg's readers of the formats whose names end in one of `listing.SUFFIXES`.
_FORMATS = "avi,asf,flv,h264,hevc,m4v,matroska,mov,mpeg,mpegts,mpegvideo,ogg"
# Bytes at the beginning of a file of one of them: where they begin, and what they may be. The older
# FFmpeg inside decord guesses for itself, and takes none of these for a playlist.
_SIGNATURES: tuple[tuple[int, tuple[bytes, ...]], ...] = (
    (0, (b"RIFF", b"\x1aE\xdf\xa3", b"0&\xb2u", b"FLV", b"OggS", b"\0\0\1", b"\0\0\0\1", b"G")),
    (4, (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"G")),
)
_PLAYLISTS = (b"<mpd", b"#extm3u", b"ffconcat")
_HEAD = 4096


class NotAVideo(ValueError):
    """A file in none of the formats that are opened."""


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
        width, height = stream.codec_context.width, stream.codec_context.height
        if refused := limits.too_large(width, height):
            return Scan(refused=refused)
        codec = stream.codec_context.codec.canonical_name
        stream.codec_context.skip_frame = "DEFAULT" if codec == "vp9" else "NONKEY"
        announced = stream.frames
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        # A header may announce more frames than there can be, and decord makes room for all of them
        # at once. Of several streams it takes one and does not say which; its older FFmpeg has
        # another choice of the best.
        size = path.stat().st_size
        plain = (
            announced <= size and len(container.streams.video) == 1 and _looks_like_a_video(path)
        )
        try:
            packets, end, pixels = _read_packets(
                container, stream, most if plain else 0, path, size
            )
        except _TooMany as error:
            return Scan(refused=str(error))
        plain = plain and pixels is not None and packets <= most
        plain = plain and limits.fits_ahead(packets, max(width * height, pixels or 0))
        ends_early = end is None or _ends_early(stream, end)
        return Scan(codec, announced, fps, packets, plain, ends_early)


def open_video(path: Path) -> InputContainer:
    """The file as PyAV has it, every video stream to be decoded by one thread."""
    largest = {"max_pixels": str(limits.MOST_PIXELS)}
    try:
        container = av.open(
            # an absolute path cannot be read as the address of something else
            str(path.absolute()),
            # HMDB51 has files whose tags are not valid UTF-8
            metadata_errors="replace",
            container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            # the header is read by decoders, too
            options=largest,
        )
    except ArgumentError:
        raise NotAVideo(f"none of the formats {_FORMATS.replace(',', ', ')}") from None
    for stream in container.streams.video:
        # a codec that is unknown has no context
        if stream.codec_context is not None:
            stream.codec_context.thread_count = 1
            stream.codec_context.options = largest
    return container


def best_stream(container: InputContainer) -> VideoStream | None:
    """The video stream that counts; None where there is none."""
    stream = container.streams.best("video")
    assert stream is None or isinstance(stream, VideoStream)
    return stream


class _TooMany(Exception):
    """More packets than the file can have."""


def _looks_like_a_video(path: Path) -> bool:
    """Whether the first bytes are those of a video, and have no words of a playlist."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    signed = any(head.startswith(signs, place) for place, signs in _SIGNATURES)
    return signed and not any(word in head.lower() for word in _PLAYLISTS)


def _read_packets(
    container: InputContainer, stream: VideoStream, most: int, path: Path, size: int
) -> tuple[int, int | None, int | None]:
    """Packets of a stream, where the last of them ends, and pixels of its pictures.

    The pictures are those of the key frames among the first `most` packets; their pixels are None
    where they have several sizes, 0 where there are none. The end is in the stream's units of time,
    None where reading breaks off; so are the pixels then. size: bytes of the file, which bound the
    packets of all streams.
    """
    packets, end = 0, 0
    every, held = 0, 0
    sizes: set[tuple[int, int]] = set()
    readable = True
    try:
        for packet in container.demux():
            every, held = every + 1, held + packet.size
            if why := limits.too_many(every, held, size):
                raise _TooMany(why)
            if packet.stream.index != stream.index:
                continue
            if readable and packets < most:
                try:
                    sizes |= {(frame.width, frame.height) for frame in stream.decode(packet)}
                # as in `decode`: what PyAV fails at is for its whole reading to judge
                except Exception as error:
                    machine.raise_if_its_own(error, path)
                    readable = False
            # an empty packet ends the stream, and DivX puts one of a single byte where there is no
            # picture
            packets += packet.size > 1
            if packet.pts is not None:
                end = max(end, packet.pts + (packet.duration or 0))
    # likewise
    except Exception as error:
        if isinstance(error, _TooMany):
            raise
        machine.raise_if_its_own(error, path)
        return packets, None, None
    if not readable or len(sizes) > 1:
        return packets, end, None
    return packets, end, max((width * height for width, height in sizes), default=0)


def _ends_early(stream: VideoStream, end: int) -> bool:
    """Whether a Matroska file ends, at `end`, over 0.25 s before the duration that it announces.

    Such files announce no number of frames.
    """
    announced = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if announced is None or stream.time_base is None:
        return False
    hours, minutes, seconds = map(float, announced.groups())
    return end * stream.time_base < 3600 * hours + 60 * minutes + seconds - 0.25
