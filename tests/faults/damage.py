"""Files that are damaged as a disk damages them: names and times stay as they were."""

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Damage = Callable[[bytes, random.Random], bytes | None]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def _gone(content: bytes, draw: random.Random) -> None:
    return None


DAMAGES: Mapping[str, Damage] = {"flipped bit": _flipped, "cut": _cut, "missing": _gone}


@contextmanager
def damaged(file: Path, how: str, seed: int) -> Iterator[None]:
    """The file with a damage of DAMAGES, which hard links of it share; afterwards as it was."""
    before, content = file.stat(), file.read_bytes()
    changed = DAMAGES[how](content, random.Random(f"{file.name} {how} {seed}"))
    aside = file.with_name(f"{file.name}.aside")
    if changed is None:
        file.rename(aside)
    else:
        _write(file, changed, before)
    try:
        yield
    finally:
        if changed is None:
            aside.rename(file)
        else:
            _write(file, content, before)


def spoil(file: Path, how: str, seed: int) -> None:
    """The file with a damage of DAMAGES, for good."""
    before = file.stat()
    changed = DAMAGES[how](file.read_bytes(), random.Random(f"{file.name} {how} {seed}"))
    if changed is None:
        file.unlink()
    else:
        _write(file, changed, before)


def parts(path: Path) -> dict[str, Path]:
    """Kind of file → one of that kind: of a store every array and metadata file, of a folder one.

    The kinds of a store are its root's zarr.json, another one, and a chunk of each array's name.
    """
    if path.is_file():
        return {path.name: path}
    files = sorted(file for file in path.rglob("*") if file.is_file())
    if path.suffix != ".zarr":
        return {f"{file.suffix} in {path.name}": file for file in files}
    found = {f"{path.name}: zarr.json of the root": path / "zarr.json"}
    for file in files:
        if file.name == "zarr.json":
            found[f"{path.name}: zarr.json below"] = file
        else:
            found[f"{path.name}: {_array(path, file)}"] = file
    return found


def _array(store: Path, chunk: Path) -> str:
    array = next(folder for folder in chunk.parents if (folder / "zarr.json").exists())
    return "/".join(array.relative_to(store).parts[:1] + array.relative_to(store).parts[-1:])


def _write(file: Path, content: bytes, stat: os.stat_result) -> None:
    file.chmod(0o644)
    file.write_bytes(content)
    file.chmod(stat.st_mode & 0o777)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
