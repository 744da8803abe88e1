"""How much one video may ask for, so that none exhausts a machine.

Pictures have at most 2²⁵ pixels (8192 × 4096, the largest format in use) and are at most 50 times
as long as wide. Packets are at most as many as the file has bytes, and hold at most 16 times its
bytes: an index of a few lines can lead to the same bytes again and again.
"""

MOST_PIXELS = 2**25
# decord holds some fifty frames in RGB: 1.3 GB at this size, that of Ultra HD.
MOST_FOR_DECORD = 2**23
_MOST_ASPECT = 50
_MOST_AGAIN = 16
# Even a small file has some packets of nothing.
_FREE = 1000


def too_large(width: int, height: int) -> str:
    """Why pictures of a size are not decoded, in words; "" where they are, or where it is 0."""
    size = f"the pictures have {width}x{height} pixels"
    if width * height > MOST_PIXELS:
        return f"{size}, more than {MOST_PIXELS} in all"
    if max(width, height) > _MOST_ASPECT * min(width, height) > 0:
        return f"{size}, a side more than {_MOST_ASPECT} times as long as the other"
    return ""


def too_many(packets: int, held: int, size: int) -> str:
    """Why the packets of a file are not read to their end, in words; "" where they are.

    held: bytes in the packets. size: bytes of the file.
    """
    if packets > size + _FREE or held > _MOST_AGAIN * size + _FREE:
        return f"its packets hold more than the {size} bytes of the file can"
    return ""
