"""`signal-perception predict`: weights of the study, of a file by mail, and foreign ones."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from signal_perception.commands import app
from signal_perception.models.core import checkpoints
from signal_perception.synthesise import videos
from signal_perception.synthesise.videos import CLASSES
from tests.support import notebook
from tests.support.study import default_study

MODEL = "i3d_inception"
FOREIGN = ("--model", MODEL, "--labels", "TWO")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real video of each of two classes, in folders."""
    root = tmp_path_factory.mktemp("videos")
    videos.write(root, train_per_class=0, test_per_class=1, frames=12, size=48)
    for label in CLASSES[2:]:
        shutil.rmtree(root / label)
    (root / "split.csv").unlink(missing_ok=True)
    return root


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without data; the current directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return default_study(folder)


@pytest.fixture
def weights(root: Path) -> Path:
    """The weights of the study's first run, trained by nobody but said to be."""
    return notebook.write_weights(root, MODEL, CLASSES)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `predict`: exit code, output, errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["signal-perception", "predict", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            app.main()
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return int(str(caught.value.code)), told.out, told.err

    return run


def test_the_model_of_the_study(filmed: Path, weights: Path, command: Run) -> None:
    code, out, err = command(filmed, "--model", MODEL)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"{MODEL} trained on shapes, seed 0: 8 classes, 1 clip of 16 frames")
    assert len(lines) == 3
    for line in lines[1:]:
        names = [part.rsplit(" ", 2)[0] for part in line.partition(": ")[2].split(", ")]
        assert len(names) == 5 and set(names) <= set(CLASSES)


def test_a_file_by_mail_is_enough(
    root: Path, filmed: Path, weights: Path, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = root.parent / "mail"
    mail.mkdir()
    weights.rename(mail / "got.safetensors")
    monkeypatch.chdir(mail)
    code, out, _ = command(filmed, "--weights", "got.safetensors", "--json", "--top", 8)
    # not in a project: it has the settings of decoding
    assert code == 1 and not out
    (root / "notes").mkdir()
    monkeypatch.chdir(root / "notes")
    code, out, _ = command(filmed, "--weights", "../../mail/got.safetensors", "--json", "--top", 8)
    found = json.loads(out)
    assert code == 0
    assert (found["model"], found["dataset"], found["seed"]) == (MODEL, "shapes", 0)
    for video in found["videos"]:
        shares = [each["probability"] for each in video["top"]]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
        assert {each["class"] for each in video["top"]} == set(CLASSES)


def test_the_same_weights_say_the_same_with_and_without_their_description(
    root: Path, filmed: Path, weights: Path, command: Run
) -> None:
    save_file(checkpoints.read(weights, None), root / "bare.safetensors")
    (root / "labels.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    foreign = ("--model", MODEL, "--labels", "labels.txt", "--size", "tiny")
    told = [
        json.loads(command(filmed, "--json", *arguments)[1])["videos"]
        for arguments in (
            ("--model", MODEL),
            ("--weights", "bare.safetensors", *foreign),
        )
    ]
    assert told[0] == told[1]


def test_refused_videos_are_listed_and_end_with_1(
    root: Path, filmed: Path, weights: Path, command: Run
) -> None:
    (root / "notes.mp4").write_text("no video", encoding="utf-8")
    good = next(filmed.rglob("*.mp4"))
    code, out, err = command(good, "notes.mp4", "gone.avi", "--model", MODEL)
    assert code == 1
    assert f"{good}: " in out and "notes.mp4" not in out
    assert "2 of 3 videos refused:" in err
    assert "  notes.mp4: refused: " in err and "  gone.avi: refused: no such file" in err
    code, out, _ = command(good, "gone.avi", "--model", MODEL, "--json")
    assert code == 1
    verdicts = [each["verdict"] for each in json.loads(out)["videos"]]
    assert verdicts == ["ok", "refused: no such file"]


def test_on_a_terminal_there_are_bars(
    filmed: Path, weights: Path, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    odd = filmed / "a [red]b.mp4"
    shutil.copy(next(filmed.rglob("*.mp4")), odd)
    code, out, _ = command(odd, "--model", MODEL, "--top", 3)
    odd.unlink()
    assert code == 0
    assert "a [red]b.mp4" in out
    assert sum("█" in line or "▏" in line for line in out.splitlines()) >= 1
    assert len([line for line in out.splitlines() if line.endswith(" %")]) == 3


def test_weights_from_before_training_are_said_to_be(
    root: Path, filmed: Path, command: Run
) -> None:
    notebook.write_weights(root, MODEL, CLASSES, path=root / "start.safetensors", trained=False)
    code, _, err = command(filmed, "--weights", "start.safetensors")
    assert code == 0
    assert "weights from before the first step of training: do not believe" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("VIDEO",), "Whose weights? Name a model"),
        (("VIDEO", "--model", "swim"), "There is no model 'swim': choose one of i3d, "),
        (("VIDEO", "--model", "swin"), "There is no data/weights/shapes/swin-0.safetensors (there"),
        (("EMPTY", "--model", MODEL), "There are no videos in the folder"),
        (("VIDEO", "--weights", "WEIGHTS", "--model", "swin"), f"holds weights of {MODEL}, and"),
        (("VIDEO", "--weights", "WEIGHTS", "--size", "base"), "says itself which network"),
        (("VIDEO", "--weights", "WEIGHTS", "--seed", "1"), "leave out one of the two"),
        (("VIDEO", "--weights", "WEIGHTS", "--labels", "TWO"), "has 8 classes, and there are 2"),
        (("VIDEO", "--weights", "PTH"), "does not say whose weights it holds; name the model"),
        (("VIDEO", "--weights", "PTH", "--model", MODEL), "does not say what its classes are"),
        (
            ("VIDEO", "--weights", "PTH", "--model", MODEL, "--labels", "TWO", "--size", "tiny"),
            "has 8 classes, and there are 2 labels; give the labels that it was trained with",
        ),
        (
            ("VIDEO", "--weights", "PTH", "--model", "swin", "--labels", "TWO", "--size", "tiny"),
            "These weights do not fit swin",
        ),
        (
            ("VIDEO", "--weights", "PTH", "--model", MODEL, "--labels", "TWO", "--size", "huge"),
            f"There is no entry for {MODEL} at size huge",
        ),
        (("VIDEO", "--weights", "TEXT", *FOREIGN), "text.pth is no intact PyTorch file"),
        (("VIDEO", "--weights", "CODE", *FOREIGN), "which could run code"),
        (("VIDEO", "--weights", "GONE", *FOREIGN), "gone.pth, which does not exist"),
        (("VIDEO", "--weights", "EMPTY", *FOREIGN), "which is a folder: name a file in it"),
        (("VIDEO", "--weights", "NOSAFE"), "text.safetensors is no intact safetensors file"),
        (("VIDEO", "--weights", "PTH", "--model", MODEL, "--labels", "BINARY"), "no text in UTF-8"),
        (("VIDEO", "--weights", "PTH", "--model", MODEL, "--labels", "NONE"), "empty.txt is empty"),
        (("VIDEO", "--weights", "PTH", "--model", MODEL, "--labels", "EMPTY"), "no file of labels"),
    ],
)
def test_what_does_not_fit_is_a_sentence(
    arguments: tuple[str, ...],
    message: str,
    root: Path,
    filmed: Path,
    weights: Path,
    command: Run,
) -> None:
    (root / "empty").mkdir()
    (root / "two.txt").write_text("grows\n\nshrinks\n", encoding="utf-8")
    (root / "empty.txt").write_text("\n", encoding="utf-8")
    (root / "binary.txt").write_bytes(bytes(range(256)))
    for name in ("text.pth", "text.safetensors"):
        (root / name).write_text("no weights, but a text of some length\n", encoding="utf-8")
    torch.save({"state_dict": checkpoints.read(weights, None)}, root / "weights.pth")
    torch.save({"weight": torch.ones(1), "run": Path("x")}, root / "code.pth")
    places = {
        "VIDEO": next(filmed.rglob("*.mp4")),
        "WEIGHTS": weights,
        "EMPTY": "empty",
        "TWO": "two.txt",
        "NONE": "empty.txt",
        "BINARY": "binary.txt",
        "TEXT": "text.pth",
        "NOSAFE": "text.safetensors",
        "PTH": "weights.pth",
        "CODE": "code.pth",
        "GONE": "gone.pth",
    }
    code, out, err = command(*(places.get(each, each) for each in arguments))
    assert (code, out) == (1, "")
    assert err.startswith("error in signal-perception: ") and err.count("\n") == 1
    assert message in err and err.endswith(".\n")


def test_real_weights_know_real_videos(shared: Path, root: Path, command: Run) -> None:
    """Known top classes of Kinetics weights: arm wrestling 1.00 on a centre crop."""
    code, out, _ = command(
        *(shared / "data/singles/kinetics400/arm_wrestling", "--model", MODEL, "--json"),
        *("--weights", shared / "data/weights/i3d_inception_kinetics400.pt"),
        *("--labels", shared / "data/splits/kinetics400/i3d_label_map.txt"),
    )
    assert code == 0
    best = json.loads(out)["videos"][0]["top"][0]
    assert best["class"] == "arm wrestling" and best["probability"] > 0.99
