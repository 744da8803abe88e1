"""Frames of a clip store as compressed pictures: JPEG, or PNG where nothing may be lost.

JPEG is libjpeg-turbo's, with its accurate transforms, so that the same frame gives the same bytes and the same bytes the same pixels.
"""

import io
from collections.abc import Callable

import numpy as np
import simplejpeg
from PIL import Image

from signal_perception.errors import UserError

_JPEG = b"\xff\xd8"  # a JPEG file's first bytes
_SUBSAMPLING = {"4:2:0": "420", "4:4:4": "444"}


def encoder(format: str, quality: int, chroma: str) -> Callable[[np.ndarray], bytes]:
    """A function that compresses one frame, uint8 (h w 3), RGB.

    format: "jpeg", or "png" (lossless; `quality` and `chroma` do not matter). quality: of JPEG, 1–100. chroma: of JPEG, "4:2:0" keeps
    half the colour resolution in either direction, as nearly all video does, "4:4:4" the whole.
    """
    if format == "png":
        return _png
    if format != "jpeg":
        raise UserError(f"no frame format {format!r}: there are jpeg and png")
    if chroma not in _SUBSAMPLING:
        raise UserError(f"no chroma {chroma!r} of JPEG: there are {', '.join(_SUBSAMPLING)}")

    def jpeg(frame: np.ndarray) -> bytes:
        return simplejpeg.encode_jpeg(np.ascontiguousarray(frame), quality, "RGB", _SUBSAMPLING[chroma], fastdct=False)

    return jpeg


def decode_into(picture: np.ndarray, content: bytes) -> None:
    """Fill `picture`, contiguous uint8 (h w 3), with the frame that `encoder` compressed; ValueError where the content is damaged."""
    if content.startswith(_JPEG):
        found = simplejpeg.decode_jpeg_header(content)[:2]
        if found != picture.shape[:2]:
            raise ValueError(f"a picture of {found[1]}x{found[0]}")
        simplejpeg.decode_jpeg(content, "RGB", fastdct=False, fastupsample=False, buffer=picture, strict=True)
        return
    try:
        with Image.open(io.BytesIO(content)) as opened:
            picture[...] = np.asarray(opened)
    except (OSError, SyntaxError) as error:  # Pillow's words for whatever is wrong with a file
        raise ValueError(str(error)) from None


def _png(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
