"""A store that lies elsewhere: read in part from a clone and its remote, or fetched by taps."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from signal_perception.api import afar
from signal_perception.api.objects import Objects, Remembered
from signal_perception.api.stores import Name, open_activations
from signal_perception.commands import products
from signal_perception.commands.app import app
from signal_perception.commands.pull import pull
from signal_perception.extract.store import ActivationStore
from signal_perception.pipeline.errors import UserError
from tests.support import far, servers

ASKED = Name("shapes", "swin")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose store is on a remote, a folder."""
    folder = tmp_path_factory.mktemp("far")
    project = far.project(folder / "home")
    with servers.remote("directory", folder / "server") as remote:
        remote.add(project)
    far.dvc(project, "push", "-q")
    far.commit(project)
    return project


@pytest.fixture
def clone(home: Path, tmp_path: Path) -> Path:
    """A clone of it that has no data."""
    return far.clone(home, tmp_path / "clone")


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """No clone is kept for the next test."""
    yield
    afar.close()


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of all that was read from a remote or a cache."""
    sizes: list[int] = []
    read = afar.read_range

    def counted(*arguments) -> bytes:
        content = read(*arguments)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(afar, "read_range", counted)
    return sizes


def test_one_tap_comes_from_the_remote_of_an_address(home: Path, moved: list[int]) -> None:
    tree = open_activations(
        "shapes", "swin", tap="01.mlp", repo=f"file://{home}", rev="main", seed=0
    )
    assert {each for each in tree.groups if each.endswith(".mlp")} == {
        "/activations/01.mlp",
        "/means/01.mlp",
    }
    opened = sum(moved)
    activation = tree["activations/01.mlp"]["activation"]
    assert list(activation.video.values) == list("abcdef")
    clip = activation.sel(input="static", video="c")
    assert np.array_equal(np.asarray(clip), far.values("01.mlp")[1, 2])
    # the clip with its checksum, and its shard's index, which names the six clips of its shard
    assert sum(moved) - opened == clip.nbytes + 4 + 6 * 16 + 4
    mean = tree["means/01.mlp"]["temporal"].sel(mean="power")
    assert np.array_equal(np.asarray(mean), far.means("01.mlp")["temporal"][:, :, 2])


def test_the_whole_tree_is_the_local_one(home: Path, clone: Path, moved: list[int]) -> None:
    near = open_activations("shapes", "swin", project=home)
    distant = open_activations("shapes", "swin", repo=clone)
    assert distant.identical(near)
    del moved[:]
    open_activations("shapes", "swin", tap="02.mlp", repo=clone, rev="main")
    # the list of files and the metadata, and five coordinates, which all taps share
    assert len(moved) <= 8
    del moved[:]
    open_activations("shapes", "swin", tap="00.mlp", repo=clone, rev="main")
    assert len(moved) == 0


def test_the_revision_says_which_bytes(clone: Path, home: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    shutil.copytree(home, later, symlinks=True)
    text = (later / "dvc.lock").read_text(encoding="utf-8")
    (later / "dvc.lock").write_text(text.replace("swin", "i3d"), encoding="utf-8")
    far.commit(later)
    assert "/means/00.mlp" in open_activations("shapes", "swin", repo=later, rev="HEAD~1").groups
    with pytest.raises(UserError, match=r"at HEAD has no .* model swin of shapes; it has i3d\."):
        open_activations("shapes", "swin", repo=later, rev="HEAD")


def _sentence(**asked) -> str:
    with pytest.raises(UserError) as caught:
        open_activations(asked.pop("dataset", "shapes"), asked.pop("model", "swin"), **asked)
    said = str(caught.value)
    assert said.endswith(".") and "\n" not in said
    return said


def test_what_is_not_there_is_a_sentence(clone: Path, tmp_path: Path) -> None:
    assert "no activations of the data set kth; it has shapes." in _sentence(
        dataset="kth", repo=clone
    )
    assert "of the model i3d of shapes; it has swin." in _sentence(model="i3d", repo=clone)
    assert "store shapes-7.zarr of shapes/swin; it has shapes-0.zarr." in _sentence(
        seed=7, repo=clone
    )
    assert "no tap '9'" in _sentence(tap="9", repo=clone)
    assert "it has 00.mlp, 01.mlp, 02.mlp." in _sentence(tap="9", repo=clone)
    assert "no revision 'v9'; it has main" in _sentence(repo=clone, rev="v9")
    assert "no remote 'there'; it has store." in _sentence(repo=clone, remote="there")
    assert "There is no Git repository at" in _sentence(repo=f"file://{tmp_path / 'nothing'}")
    assert "two places" in _sentence(repo=clone, project=clone)
    assert "name it (repo=)" in _sentence(rev="main")
    (tmp_path / "empty").mkdir()
    far.git(tmp_path / "empty", "init", "-q")
    assert "has no dvc.lock" in _sentence(repo=tmp_path / "empty", seed=0)


def test_what_a_remote_lacks_is_a_sentence(clone: Path, tmp_path: Path) -> None:
    options = {"url": str(tmp_path / "elsewhere")}
    assert "is not on the remote store" in _sentence(repo=clone, remote_config=options)
    far.dvc(clone, "remote", "remove", "-q", "store")
    far.commit(clone)
    assert "no default remote of DVC to read from: it has none" in _sentence(repo=clone)


@pytest.mark.parametrize("option", ["bearer_token_command", "configpath", "credentialpath"])
def test_a_strangers_configuration_runs_nothing(option: str, clone: Path) -> None:
    url = "webdav://127.0.0.1:9" if option == "bearer_token_command" else "s3://a/b"
    remote = f"url = {url}\n{option} = touch x"
    evil = f"[core]\nremote = store\n['remote \"store\"']\n{remote}\n"
    (clone / ".dvc/config").write_text(evil, encoding="utf-8")
    assert f"sets {option}, which can run programs" in _sentence(repo=clone)
    far.commit(clone)
    assert f"sets {option}, which can run programs" in _sentence(repo=clone, rev="HEAD")


def test_a_strangers_lock_takes_no_memory(clone: Path) -> None:
    """Each line stands for nine of the line before."""
    lines = ["a0: &a0 x", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
    (clone / "dvc.lock").write_text("\n".join(lines), encoding="utf-8")
    said = _sentence(repo=clone)
    assert "dvc.lock of" in said and "stands for another part" in said


def test_damage_is_a_sentence(home: Path, clone: Path, tmp_path: Path) -> None:
    server = tmp_path / "server"
    shutil.copytree(home.parent / "server" / "store", server)
    for file in server.rglob("*"):
        if file.is_file() and file.stat().st_size == len(_list_of_files(home)):
            file.chmod(0o600)
            file.write_bytes(file.read_bytes().replace(b"00.mlp", b"05.mlp", 1))
    said = _sentence(repo=clone, remote_config={"url": str(server)})
    assert f"{far.PATH} of {clone} is damaged in the remote store" in said


def _list_of_files(home: Path) -> bytes:
    return max(
        (home / ".dvc/cache").rglob("*.dir"), key=lambda each: each.stat().st_size
    ).read_bytes()


def test_files_of_a_folder_are_listed_and_read() -> None:
    content = {"1": b"first", "2": b"second"}
    asked: list[str] = []

    def read(path: str, md5: str, start: int | None, end: int | None) -> bytes:
        asked.append(path)
        return content[md5][start:end]

    files = Objects("a/b.zarr", {"zarr.json": "1", "x/c.0": "2"}, Remembered(read))
    assert files.ls("a/b.zarr", detail=False) == ["a/b.zarr/x", "a/b.zarr/zarr.json"]
    assert files.isdir("a/b.zarr/x") and files.isfile("a/b.zarr/x/c.0")
    assert files.find("a/b.zarr") == ["a/b.zarr/x/c.0", "a/b.zarr/zarr.json"]
    assert files.cat_file("a/b.zarr/x/c.0", start=-3) == b"ond"
    assert files.cat_file("a/b.zarr/zarr.json") == b"first"
    assert files.cat_file("a/b.zarr/zarr.json", 1, 3) == b"ir"
    # a file that was read whole is not asked for again
    assert asked == ["a/b.zarr/x/c.0", "a/b.zarr/zarr.json"]
    for absent in (files.cat_file, files.info, files.ls):
        with pytest.raises(FileNotFoundError):
            absent("a/b.zarr/y")


def test_a_tap_is_fetched(
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(clone)
    pull(ASKED, ["01.mlp"], None)
    assert f"{far.PATH}: 1 of 3 taps are here" in capsys.readouterr().out
    assert not (clone / far.PATH / "means/00.mlp").exists()
    tree = open_activations("shapes", "swin", tap="01.mlp")
    assert np.array_equal(tree["activations/01.mlp"]["activation"], far.values("01.mlp"))
    store = ActivationStore(Path(far.PATH))
    assert np.array_equal(store.means("01.mlp")["dead"], far.means("01.mlp")["dead"])
    # DVC knows that the folder is not whole, and would make it anew
    assert "not in cache:       " + far.PATH in far.dvc(clone, "status")
    far.dvc(clone, "repro", "--dry")
    assert "Running stage 'extract'" in caplog.text
    # the stage after it would run; its reader refuses
    caplog.clear()
    far.dvc(clone, "repro", "--dry", "--allow-missing")
    allowed = caplog.text
    assert "Stage 'extract' didn't change" in allowed and "Running stage 'spectra'" in allowed
    assert products.look(Path(far.PATH)).facts["taps that are here"] == ["01.mlp"]
    faults = json.loads(CliRunner().invoke(app, ["verify", "--json"]).stdout)["faults"]
    assert {fault["what"] for fault in faults} == {"missing"}
    assert f"{far.PATH}/means/00.mlp/zarr.json" in {fault["path"] for fault in faults}
    command = r"signal-perception pull --dataset shapes --model swin --seed 0 --tap 00\.mlp"
    with pytest.raises(UserError, match=rf"Tap 00\.mlp of .* is not here.*{command}"):
        store.means("00.mlp")
    with pytest.raises(UserError, match=rf"Tap 00\.mlp is not here; {command}"):
        open_activations("shapes", "swin", tap="00.mlp")
    with pytest.raises(UserError, match=r"Only 1 of 3 taps .* are here"):
        open_activations("shapes", "swin")
    with pytest.raises(UserError, match="has no activations of a tap '9'"):
        store.activation("9")
    with pytest.raises(UserError, match="no tap '9'"):
        pull(ASKED, ["00.mlp", "9"], None)
    pull(ASKED, [], None)
    assert "3 of 3 taps are here" in capsys.readouterr().out
    assert len(open_activations("shapes", "swin").groups) == 9
    assert "extract:" not in far.dvc(clone, "status")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in servers.KINDS if kind != "directory"])
def test_every_kind_of_remote_gives_a_clip_and_a_tap(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: list[int]
) -> None:
    home = far.project(tmp_path / "home")
    with servers.remote(kind, tmp_path / "server") as remote:
        remote.add(home)
        far.push(home)
        far.commit(home)
        clone = far.clone(home, tmp_path / "clone")
        secrets = {
            option: value for option, value in remote.settings.items() if option in servers.SECRET
        }
        tree = open_activations(
            "shapes", "swin", tap="01.mlp", repo=clone, rev="main", remote_config=secrets
        )
        opened = sum(moved)
        clip = tree["activations/01.mlp"]["activation"].sel(input="static", video="c")
        assert np.array_equal(np.asarray(clip), far.values("01.mlp")[1, 2])
        assert sum(moved) - opened == clip.nbytes + 4 + 6 * 16 + 4
        for option, value in secrets.items():
            far.dvc(clone, "remote", "modify", "-q", "--local", "store", option, value)
        monkeypatch.chdir(clone)
        pull(ASKED, ["00.mlp"], None)
        found = ActivationStore(Path(far.PATH)).activation("00.mlp")[...]
        assert np.array_equal(np.asarray(found), far.values("00.mlp"))
        remote.kill()
        clip = tree["activations/01.mlp"]["activation"].sel(input="clip", video="d")
        with pytest.raises(UserError, match=r"cannot be read from the remote store"):
            np.asarray(clip)
