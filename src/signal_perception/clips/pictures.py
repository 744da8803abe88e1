"""Frames of a clip store as compressed pictures: JPEG, or PNG where nothing may be lost.

JPEG is libjpeg-turbo's, with its accurate transforms, so that the same frame gives the same bytes
and the same bytes the same pixels.
"""

import io
from collections.abc import Callable

import numpy as np
import simplejpeg
from PIL import Image

from signal_perception.pipeline.errors import UserError

# The first bytes of a JPEG file.
_JPEG = b"\xff\xd8"
_SUBSAMPLING = {"half": "420", "full": "444"}


def encoder(format: str, quality: int, chroma: str) -> Callable[[np.ndarray], bytes]:
    """A function that compresses one frame, uint8 (h w 3), RGB.

    format: "jpeg", or "png" (lossless; `quality` and `chroma` do not matter).
    quality: of JPEG, 1–100.
    chroma: of JPEG, "half" keeps half the colour resolution in either direction, as nearly all
        video does, "full" all of it.
    """
    if format == "png":
        return _png
    if format != "jpeg":
        raise UserError(f"There is no frame format {format!r}; choose jpeg or png.")
    if chroma not in _SUBSAMPLING:
        raise UserError(
            f"There is no chroma {chroma!r} of JPEG; choose {' or '.join(_SUBSAMPLING)}."
        )

    def jpeg(frame: np.ndarray) -> bytes:
        pixels = np.ascontiguousarray(frame)
        return simplejpeg.encode_jpeg(pixels, quality, "RGB", _SUBSAMPLING[chroma], fastdct=False)

    return jpeg


def decode_into(picture: np.ndarray, content: bytes) -> None:
    """Fill `picture`, contiguous uint8 (h w 3), with the frame that `encoder` compressed.

    ValueError where the content is damaged.
    """
    if content.startswith(_JPEG):
        found = simplejpeg.decode_jpeg_header(content)[:2]
        if found != picture.shape[:2]:
            raise ValueError(f"a picture of {found[1]}x{found[0]}")
        simplejpeg.decode_jpeg(
            content, "RGB", fastdct=False, fastupsample=False, buffer=picture, strict=True
        )
        return
    try:
        with Image.open(io.BytesIO(content)) as opened:
            picture[...] = np.asarray(opened)
    # Pillow's words for whatever is wrong with a file
    except (OSError, SyntaxError) as error:
        raise ValueError(str(error)) from None


def _png(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
