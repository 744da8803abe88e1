"""Parquet files in which damage is noticed: how ours are written, and how they are read.

Parquet has checksums of its pages, but of neither their headers nor the footer, where a flipped bit
hides rows or moves them. So the footer has one more entry, `checksum`: the crc32c of the whole file
as it is with zeros in the place of that number. Any reader of Parquet opens such a file.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import google_crc32c
import pyarrow as pa
import pyarrow.parquet as pq

from signal_perception.pipeline.errors import UserError

CHECKSUM = "checksum"
_MARK = b"crc32c:"
_ZEROS = b"0" * 8
_BLOCK = 1 << 20
# the length of the footer, then PAR1
_END = 8
_MEND = (
    "delete it and restore it (dvc checkout, or dvc pull where the cache lacks it), or run the "
    "stage that writes it again"
)


@contextmanager
def writer(
    path: Path, schema: pa.Schema, facts: Mapping[str, str] | None = None
) -> Iterator[pq.ParquetWriter]:
    """What writes a file, table by table; sealed at the end. facts: texts to keep in its footer."""
    made = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)
    with made:
        yield made
        # the last entry of a footer, so that nothing that looks like it comes after
        made.add_key_value_metadata({**(facts or {}), CHECKSUM: (_MARK + _ZEROS).decode()})
    with path.open("r+b") as file:
        place = _place(file)
        assert place is not None
        found = _checksum(file, place)
        file.seek(place)
        file.write(found)


def read(
    path: Path,
    schema: pa.Schema,
    filters: Sequence[tuple[str, str, str]] | None = None,
) -> pa.Table:
    """The columns of a schema, of the rows that the filters leave (as pyarrow has them).

    UserError where the file is damaged or missing, or has no such columns. Texts and lists may be
    of any kind of Arrow's.
    """
    require_intact(path)
    refuse_other_columns(path, schema)
    table = pq.read_table(
        path, columns=schema.names, filters=filters, page_checksum_verification=True
    )
    return table.combine_chunks()


def facts(path: Path) -> dict[str, str]:
    """The texts that were kept in the footer; UserError where the file is damaged or missing."""
    require_intact(path)
    found = pq.read_metadata(path).metadata or {}
    return {key.decode(): value.decode() for key, value in found.items()}


def require_intact(path: Path) -> None:
    """UserError where a file is missing, was not sealed, or is not what was."""
    if not path.is_file():
        raise UserError(f"File {path} is missing: {_MEND}.")
    with path.open("rb") as file:
        place = _place(file)
        if place is None:
            raise UserError(
                f"File {path} is damaged, or of an earlier version (it has no checksum): {_MEND}."
            )
        file.seek(place)
        if file.read(len(_ZEROS)) != _checksum(file, place):
            raise UserError(f"File {path} is damaged (its checksum is another): {_MEND}.")


def is_sealed(path: Path) -> bool:
    """Whether a file has a checksum of ours; others' files have none."""
    with path.open("rb") as file:
        return _place(file) is not None


def refuse_other_columns(path: Path, schema: pa.Schema) -> None:
    """UserError where a file lacks a column, or has one of another type."""
    found = pq.read_schema(path)
    for wanted in schema:
        if wanted.name not in found.names:
            raise UserError(
                f"File {path} has no column {wanted.name} (it has {', '.join(found.names)}); run "
                "the stage that writes it again."
            )
        kind = found.field(wanted.name).type
        if _plain(kind) != _plain(wanted.type):
            raise UserError(
                f"Column {wanted.name} of {path} is {kind}, not {wanted.type}; run the stage that "
                "writes it again."
            )


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type whatever the kind of its texts and lists."""
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(kind.value_type)
    return kind


def _place(file: BinaryIO) -> int | None:
    """Where the number lies in a file; None where it has none."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END))
    length = int.from_bytes(file.read(4), "little")
    if length > size - _END:
        return None
    start = size - _END - length
    file.seek(start)
    found = file.read(length).rfind(_MARK)
    return None if found < 0 else start + found + len(_MARK)


def _checksum(file: BinaryIO, place: int) -> bytes:
    """The crc32c of a file that had zeros at `place`, in hexadecimal."""
    file.seek(0)
    found, left = 0, place
    while block := file.read(min(_BLOCK, left)):
        found, left = google_crc32c.extend(found, block), left - len(block)
    found = google_crc32c.extend(found, _ZEROS)
    file.seek(place + len(_ZEROS))
    while block := file.read(_BLOCK):
        found = google_crc32c.extend(found, block)
    return f"{found:08x}".encode()
