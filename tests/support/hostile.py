"""Video files that ask for what no video should: other files, all memory, no end."""

import struct
from pathlib import Path

from tests.support.videos import moving, write

# Files that name others, or a place in a network, as FFmpeg reads them; {0} is another video.
PLAYLISTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{0}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {0}\n",
    "DASH": (
        '<?xml version="1.0"?>\n<MPD profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" '
        'type="static"><Period><AdaptationSet><Representation id="0"><BaseURL>{0}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>\n"
    ),
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
    "subtitles": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:00:00, filepos: 0\n",
    "RTSP": "[Reference]\nRef1=http://127.0.0.1:9/x\n",
    "script": "DEFINE\nSPLICE\n",
}


def with_size(path: Path, true: int, width: int, height: int) -> Path:
    """A Matroska file of square pictures, `true` pixels a side, whose header gives another size."""
    content = path.read_bytes()
    # an element is its name, the number of bytes of its value, and that
    for name, lie in ((b"\xb0\x82", width), (b"\xba\x82", height)):
        before = name + true.to_bytes(2, "big")
        assert content.count(before) == 1
        content = content.replace(before, name + lie.to_bytes(2, "big"))
    path.write_bytes(content)
    return path


def repeated_chunks(folder: Path, times: int) -> Path:
    """An MP4 whose index leads to the same bytes again and again."""
    path = write(folder / "again.mp4", moving(20), "libx264")
    content = path.read_bytes()
    samples, start = 20, content.index(b"mdat") + 4
    boxes = {
        b"stsc": struct.pack(">IIIII", 0, 1, 1, samples, 1),
        b"stsz": struct.pack(">III", 0, 500, times * samples),
        b"stts": struct.pack(">IIII", 0, 1, times * samples, 512),
        b"stco": struct.pack(">II", 0, times) + struct.pack(">I", start) * times,
    }
    path.write_bytes(_with_boxes(content, boxes))
    return path


def endless(folder: Path, frames: int) -> Path:
    """An MP4 of a few kilobytes whose index claims any number of frames of one byte."""
    path = write(folder / "endless.mp4", moving(20), "libx264")
    boxes = {
        b"stsc": struct.pack(">IIIII", 0, 1, 1, frames, 1),
        b"stsz": struct.pack(">III", 0, 1, frames),
        b"stts": struct.pack(">IIII", 0, 1, frames, 512),
    }
    path.write_bytes(_with_boxes(path.read_bytes(), boxes))
    return path


_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def _with_boxes(content: bytes, new: dict[bytes, bytes]) -> bytes:
    """An MP4 with other contents in some boxes of its index, which lies behind the pictures."""
    made, place = b"", 0
    while place < len(content):
        size, name = struct.unpack(">I4s", content[place : place + 8])
        inside = content[place + 8 : place + size]
        if name in _PARENTS:
            inside = _with_boxes(inside, new)
        inside = new.get(name, inside)
        made += struct.pack(">I4s", len(inside) + 8, name) + inside
        place += size
    return made
