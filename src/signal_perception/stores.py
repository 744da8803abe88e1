"""Zarr stores in which damage is noticed: how one is completed, and how it is opened to be read.

The file `zarr.json` of the root holds the metadata of all groups and arrays below it, and in its
attribute `metadata_sha256` a checksum of all this but itself. Chunks end with a checksum of their
own (zarr's codec crc32c, inside shards too), so every zarr reader notices a flipped bit in them.

What other readers miss, `open_checked` refuses as well: metadata that were changed, and a chunk
that is not there, which zarr would fill with zeros. It says which file is damaged, whoever reads
(zarr, xarray), from a folder or from anywhere else.
"""

import hashlib
import json
import warnings
from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.core.sync import sync
from zarr.errors import ZarrUserWarning
from zarr.storage import LocalStore, WrapperStore

from signal_perception.chunks import Chunks
from signal_perception.pipeline.errors import UserError

METADATA = "zarr.json"
CHECKSUM = "metadata_sha256"
_CONSOLIDATED = "consolidated_metadata"
_MEND = (
    "delete its store and restore it (dvc checkout, or dvc pull where the cache lacks it), or run "
    "the stage that writes it again"
)


def consolidate(store: Path) -> None:
    """Copy the metadata of everything below a zarr group into its own file, and seal that.

    They are sorted by path.
    """
    with warnings.catch_warnings():
        # zarr says that its format 3 does not promise consolidated metadata yet; readers know them
        warnings.filterwarnings("ignore", "Consolidated metadata", ZarrUserWarning)
        zarr.consolidate_metadata(store)
    seal(store)


def seal(group: Path) -> None:
    """Write into the attributes of a zarr group a checksum of all that its own file says."""
    file = group / METADATA
    content = json.loads(file.read_text(encoding="utf-8"))
    if _CONSOLIDATED in content:
        # zarr lists them as the file system does
        found = content[_CONSOLIDATED]["metadata"]
        content[_CONSOLIDATED]["metadata"] = dict(sorted(found.items()))
    content["attributes"][CHECKSUM] = _checksum(content)
    # a name that the next run uses again, so that a killed one leaves nothing
    unfinished = group / f".{METADATA}"
    unfinished.write_text(json.dumps(content, indent=2), encoding="utf-8")
    unfinished.replace(file)


def sealed_attributes(group: Path) -> dict[str, Any]:
    """The attributes of a sealed group, without the checksum; UserError where it is damaged."""
    file = group / METADATA
    try:
        content = _unsealed(file.read_bytes(), str(file))
    except FileNotFoundError:
        raise UserError(f"File {file} is missing: {_MEND}.") from None
    return _attributes(content)


def open_checked(place: Path | str | Store) -> zarr.Group:
    """The root of a finished store, to be read; its `store` is what xarray opens.

    group = open_checked(path)
    xarray.open_datatree(group.store, engine="zarr")

    UserError, one sentence that names the file, where it or anything read from it is damaged or
    missing.

    Parameters
    ----------
    place: a folder, or any store of zarr's.
    """
    return zarr.open_group(checked(place), mode="r", zarr_format=3)


def checked(place: Path | str | Store) -> "CheckedStore":
    """A finished store as zarr and xarray take it; see `open_checked`."""
    store = place if isinstance(place, Store) else LocalStore(place, read_only=True)
    root = _named(store, METADATA)
    try:
        content = sync(store.get(METADATA, default_buffer_prototype()))
    except (FileNotFoundError, NotADirectoryError):
        content = None
    if content is None:
        raise UserError(
            f"There is no finished store at {_named(store)}: make it (signal-perception repro) or "
            "restore it (dvc checkout, dvc pull)."
        )
    return CheckedStore(store, _unsealed(content.to_bytes(), root))


def attributes_of(group: zarr.Group) -> dict[str, Any]:
    """The attributes of a group, without what `seal` adds."""
    return {key: each for key, each in group.attrs.asdict().items() if key != CHECKSUM}


class CheckedStore(WrapperStore[Store]):
    """A store whose metadata are those that its root had when it was opened.

    What is got of it is as it was written, or a UserError.
    """

    def __init__(self, store: Store, root: Mapping[str, Any]):
        super().__init__(store)
        self._root = root
        nodes: dict[str, dict] = root.get(_CONSOLIDATED, {}).get("metadata", {})
        self._nodes = nodes
        self._chunks = {
            path: Chunks.of(node) for path, node in nodes.items() if node["node_type"] == "array"
        }

    def _with_store(self, store: Store) -> Self:
        return type(self)(store, self._root)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        node = self._metadata(key)
        if node is not None:
            return prototype.buffer.from_bytes(json.dumps(node).encode())
        content = await self._store.get(key, prototype, byte_range)
        path = self._array(key)
        name = key.removeprefix(f"{path}/")
        if path is None or not self._chunks[path].has(name):
            return content
        file = _named(self._store, key)
        if content is None:
            raise UserError(f"File {file} is missing: {_MEND}.")
        fault = self._chunks[path].fault(name, content.as_numpy_array(), byte_range)
        if fault:
            raise UserError(f"File {file} is damaged ({fault}): {_MEND}.")
        return content

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def _get_many(
        self, requests: Iterable[tuple[str, BufferPrototype, ByteRequest | None]]
    ) -> AsyncGenerator[tuple[str, Buffer | None], None]:
        for key, prototype, part in requests:
            yield key, await self.get(key, prototype, part)

    def _metadata(self, key: str) -> Mapping[str, Any] | None:
        """What `key` says if it is a file of metadata of this store, from the root's own."""
        path, _, name = key.rpartition("/")
        if name != METADATA:
            return None
        if not path:
            return self._root
        node = self._nodes.get(path)
        if node is None or node["node_type"] == "array":
            return node
        # a reader who begins at a group below lists nothing either
        below = {
            other.removeprefix(f"{path}/"): each
            for other, each in self._nodes.items()
            if other.startswith(f"{path}/")
        }
        return {**node, _CONSOLIDATED: {**self._root[_CONSOLIDATED], "metadata": below}}

    def _array(self, key: str) -> str | None:
        """The array below which `key` lies."""
        parts = key.split("/")
        paths = ("/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
        return next((path for path in paths if path in self._chunks), None)


def _unsealed(text: bytes, file: str) -> dict[str, Any]:
    """What a sealed file of metadata says; UserError where that is not what was sealed."""
    try:
        content = json.loads(text)
        said = content["attributes"].get(CHECKSUM)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"File {file} is damaged (it is no whole zarr.json): {_MEND}.") from None
    if said is None:
        raise UserError(
            f"File {file} has no checksum, so it is of a store that is not finished, of an earlier "
            f"version, or damaged: {_MEND}."
        )
    if said != _checksum(content):
        raise UserError(f"File {file} is damaged (its checksum is another): {_MEND}.")
    return content


def _attributes(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in content["attributes"].items() if key != CHECKSUM}


def _checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of metadata without their own checksum, whatever the layout of the file."""
    plain = {**content, "attributes": _attributes(content)}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _named(store: Store, key: str = "") -> str:
    """Where a file of a store lies, for a message."""
    if isinstance(store, LocalStore):
        return str(store.root / key)
    return f"{key} of {store}" if key else str(store)
