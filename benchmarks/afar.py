"""What one tap costs from afar: bytes moved against the store's size, from each kind of remote.

    python -m benchmarks afar

The first activation store that dvc.lock promises is pushed from DVC's cache to an empty remote of
each kind of `tests/support/servers.py`. A clone that has no data opens its middle tap and reads one
clip. Bytes are counted between client and server, both ways, with all that their protocol adds; of
a folder, as they are read.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from signal_perception.api import afar, stores
from signal_perception.pipeline import project
from signal_perception.pipeline.errors import UserError
from tests.support import servers

_ROW = "{:<10} {:>8} {:>6} {:>12} {:>9} {:>12} {:>12} {:>9} {:>10}"
_HEAD = (
    *("remote", "store MB", "files", "tap opened", "seconds"),
    *("a clip, kB", "its own kB", "seconds", "of store"),
)


def measure() -> Iterator[str]:
    """A row per kind of remote."""
    root = project.root()
    path = _store(root)
    tap = _taps(root, path)
    yield f"afar: {path}, tap {tap}; kB moved"
    yield _ROW.format(*_HEAD)
    with tempfile.TemporaryDirectory() as folder:
        home = _home(root, Path(folder) / "home")
        for kind in servers.KINDS:
            try:
                with servers.remote(kind, Path(folder) / kind) as remote:
                    yield _ROW.format(kind, *_row(remote, root, home, path, tap))
            except pytest.skip.Exception as reason:
                yield f"{kind:<10} not measured: {reason}"


def _store(root: Path) -> str:
    found = [out for out in afar.opened(root).outs if Path(out).is_relative_to(stores.ACTIVATIONS)]
    if not found:
        raise UserError(
            "There are no activations in dvc.lock to measure with; make them (signal-perception "
            "repro)."
        )
    return found[0]


def _taps(root: Path, path: str) -> str:
    """The middle tap. Opened here, so that no import is in what is timed."""
    tree = _opened(root, path)
    taps = list(tree["activations"].children)
    return taps[len(taps) // 2]


def _opened(repo: Path, path: str, **asked):
    dataset, model, store = Path(path).parts[-3:]
    weights, _, seed = Path(store).stem.rpartition("-")
    return stores.open_activations(
        dataset, model, weights=weights, seed=int(seed), repo=repo, **asked
    )


def _row(remote: servers.Remote, root: Path, home: Path, path: str, tap: str) -> tuple[str, ...]:
    reader = home.with_name(f"reader-{remote.kind}")
    remote.add(home, remote.kind)
    _dvc(home, "push", "-q", path)
    _git(home, "clone", "-q", ".", str(reader))
    for name in ("dvc.lock", ".dvc/config"):
        shutil.copy(home / name, reader / name)
    sizes = [_size(root, md5) for md5 in afar.opened(root).listed(path).values()]
    moved = [0]
    with _counted(remote, moved) as options:
        start = time.perf_counter()
        tree = _opened(reader, path, tap=tap, remote_config=options)
        opening, first = time.perf_counter() - start, moved[0]
        activation = tree[f"activations/{tap}"]["activation"]
        start = time.perf_counter()
        clip = np.asarray(activation.isel(input=0, video=0))
        reading, last = time.perf_counter() - start, moved[0] - first
        near = _opened(home, path, tap=tap)[f"activations/{tap}"]["activation"]
        assert np.array_equal(clip, np.asarray(near.isel(input=0, video=0))), remote.kind
        del tree, activation
        afar.close()
    return (
        f"{sum(sizes) / 1e6:.2f}",
        str(len(sizes)),
        f"{first / 1e3:.1f}",
        f"{opening:.2f}",
        f"{last / 1e3:.1f}",
        f"{clip.nbytes / 1e3:.1f}",
        f"{reading:.2f}",
        f"{(first + last) / sum(sizes):.1%}",
    )


def _home(root: Path, folder: Path) -> Path:
    """A clone of the project as it stands, with its cache and with no remote."""
    _git(root, "clone", "-q", ".", str(folder))
    shutil.copy(root / "dvc.lock", folder)
    _dvc(folder, "cache", "dir", "-q", "--local", str(root.resolve() / ".dvc/cache"))
    _dvc(folder, "config", "core.analytics", "false")
    return folder


def _size(root: Path, md5: str) -> int:
    return (root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).stat().st_size


@contextmanager
def _counted(remote: servers.Remote, moved: list[int]) -> Iterator[Mapping[str, str]]:
    """Options of the remote under which all that is moved is added to `moved`."""
    options = dict(remote.settings)
    if remote.kind == "directory":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(afar, "read_range", _counting(afar.read_range, moved))
            yield options
        return
    if remote.kind == "ssh":
        address = f"127.0.0.1:{remote.settings['port']}"
    else:
        address = (remote.settings.get("endpointurl") or remote.url).split("/")[2]
    with _relay(int(address.rpartition(":")[2]), moved) as port:
        if remote.kind == "ssh":
            options["port"] = str(port)
        elif remote.kind == "s3":
            options["endpointurl"] = f"http://127.0.0.1:{port}"
        else:
            options["url"] = remote.url.replace(address, f"127.0.0.1:{port}")
        yield options


def _counting(read, moved: list[int]):
    def counted(*arguments) -> bytes:
        content = read(*arguments)
        moved[0] += len(content)
        return content

    return counted


@contextmanager
def _relay(port: int, moved: list[int]) -> Iterator[int]:
    """A port that leads to another, and counts what goes through, both ways."""
    lock = threading.Lock()

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(1 << 16):
                with lock:
                    moved[0] += len(content)
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                other = socket.create_connection(("127.0.0.1", port))
                for pair in ((client, other), (other, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


def _dvc(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, check=True)
