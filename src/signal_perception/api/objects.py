"""Files of a folder of DVC that lie elsewhere, read in part: only the bytes that are asked for.

DVC keeps a folder as objects named by their MD5, and a list of them. The list holds no sizes, so a
file system of DVC's own cannot read the end of a file, where zarr's shards have their index; and
what opens a file first moves up to 50 MB of it on S3.
"""

import errno
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from fsspec import AbstractFileSystem

# (path, MD5, first byte, byte after the last) → bytes; a negative first byte counts from the end
Read = Callable[[str, str, int | None, int | None], bytes]
# Of DVC's kinds, those whose files cost nothing to open and move as they are read; one whose
# library opens a file by asking for all of it. The others are asked for a range by their library.
_BY_SEEKING = ("local", "ssh")
_BY_REQUEST = ("webdav", "webdavs")


class Objects(AbstractFileSystem):
    """A folder of DVC as a file system, read only. No file has a known size."""

    protocol = "objects"
    cachable = False

    def __init__(self, folder: str, files: Mapping[str, str], read: Read):
        """files: posix path below the folder → MD5. read: gives bytes of an object."""
        super().__init__()
        self._files = {f"{folder}/{name}": md5 for name, md5 in files.items()}
        self._read = read
        self._folders: dict[str, set[str]] = {}
        for path in self._files:
            while "/" in path:
                parent = path.rpartition("/")[0]
                self._folders.setdefault(parent, set()).add(path)
                path = parent

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        path = self._plain(path)
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self._read(path, self._files[path], start, end)

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        path = self._plain(path)
        if path not in self._files and path not in self._folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        kind = "file" if path in self._files else "directory"
        return {"name": path, "type": kind, "size": None}

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        path = self._plain(path)
        if path in self._files:
            found = [path]
        elif path in self._folders:
            found = sorted(self._folders[path])
        else:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return [self.info(each) for each in found] if detail else found

    def _plain(self, path: str) -> str:
        return str(self._strip_protocol(path)).strip("/")


class Remembered:
    """Small objects, kept once they were read whole: coordinates are the same in all taps."""

    _LARGEST = 1 << 20
    _ALL = 64 << 20

    def __init__(self, read: Read):
        self._read = read
        self._kept: dict[str, bytes] = {}
        self._size = 0
        self._lock = threading.Lock()

    def __call__(
        self, path: str, md5: str, start: int | None = None, end: int | None = None
    ) -> bytes:
        with self._lock:
            kept = self._kept.get(md5)
        if kept is not None:
            return kept[start:end]
        content = self._read(path, md5, start, end)
        if start is None and end is None and len(content) <= self._LARGEST:
            with self._lock:
                if self._size + len(content) > self._ALL:
                    self._kept, self._size = {}, 0
                self._kept[md5] = content
                self._size += len(content)
        return content


def read_range(files: Any, path: str, start: int | None, end: int | None) -> bytes:
    """Bytes `start` to `end` of a file, and no others where the server can do so.

    files: a file system of DVC. A negative start counts from the end.
    """
    if start is None and end is None:
        return files.fs.cat_file(path)
    if files.protocol in _BY_REQUEST:
        return _webdav_range(files.fs, path, start, end)
    if files.protocol not in _BY_SEEKING:
        return files.fs.cat_file(path, start=start, end=end)
    with files.open(path, "rb") as file:
        first = start or 0
        if first < 0:
            file.seek(0, os.SEEK_END)
            first = max(0, file.tell() + first)
        file.seek(first)
        return file.read() if end is None else file.read(end - first)


def release(files: Any) -> None:
    """Close the connections of a file system of DVC whose library leaves that to its caller."""
    if files.protocol in _BY_REQUEST:
        files.fs.client.http.close()


def _webdav_range(files: Any, path: str, start: int | None, end: int | None) -> bytes:
    """By one request."""
    if start is not None and start < 0:
        asked = f"bytes={start}"
    else:
        asked = f"bytes={start or 0}-{'' if end is None else end - 1}"
    answer = files.client.request("get", path, headers={"Range": asked})
    content = answer.content
    # a server that knows no ranges sends all
    return content[start:end] if answer.status_code == 200 else content
