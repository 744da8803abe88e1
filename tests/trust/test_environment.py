"""Variables and paths that are none: one sentence, before any work starts."""

import sys
from pathlib import Path

import pytest

from signal_perception.commands import app
from signal_perception.pipeline import environment
from signal_perception.pipeline.errors import UserError
from tests.support.study import default_study

NUMBERS = ["²", "٣", "1.5", "-1", "", " 1", "1e3", "many", "9" * 5000]


@pytest.mark.parametrize(
    "variable",
    [
        environment.BATCH,
        environment.LANES,
        environment.MEMORY,
        environment.PROCESSES,
        environment.WORKERS,
    ],
)
@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_has_digits_alone(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(UserError, match=rf"^{variable} is .*; it must be a whole number.*\.$"):
        environment.refuse_malformed()


@pytest.mark.parametrize(
    "text", ["meta", "mps:7", "cuda:-1", "cuda:²", "cuda:1000", "CPU", "", "cpu; touch was_run"]
)
def test_a_device_is_a_cpu_or_a_gpu(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment.DEVICE, text)
    with pytest.raises(UserError, match=r"_DEVICE is .*; it must be cpu, cuda or cuda:<number>\.$"):
        environment.refuse_malformed()


@pytest.mark.parametrize(
    "text", ["nowhere", "tcp://", "tcp://a:99999", "http://a:80", "a b:1", "file:///etc/passwd"]
)
def test_a_scheduler_has_an_address(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment.DASK, text)
    with pytest.raises(UserError, match=r"it must be the address of a scheduler, for instance"):
        environment.refuse_malformed()


def test_what_is_right_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("tcp://10.0.0.1:8786", "node1:8786", "tls://[::1]:1", "inproc://10.0.0.1/7/1"):
        monkeypatch.setenv(environment.DASK, text)
        assert environment.scheduler() == text
    for text in ("cpu", "cuda", "cuda:1"):
        monkeypatch.setenv(environment.DEVICE, text)
        assert environment.device() == text
    monkeypatch.setenv(environment.WORKERS, "12")
    assert environment.number(environment.WORKERS) == 12


LONG = "x" * 5000
COMMANDS = {
    "inspect": (LONG,),
    "use": (LONG,),
    "init": (LONG, "--name", "mine"),
    "init, the name": (".", "--name", LONG),
    "recipe": (LONG, "shapes"),
    "taps": (LONG,),
    "compare": (LONG,),
    "predict, a video": (LONG + ".mp4", "--model", "swin"),
    "predict, weights": (".", "--weights", LONG),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_of_5000_letters_is_one_sentence(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    default_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    name = command.partition(",")[0]
    monkeypatch.setattr(sys, "argv", ["signal-perception", name, *COMMANDS[command]])
    with pytest.raises(SystemExit) as ended:
        app.main()
    error = capsys.readouterr().err
    assert ended.value.code == 1
    assert error.startswith("error in ") and len(error.splitlines()) == 1
    assert "Traceback" not in error


def test_another_folder_of_5000_letters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["signal-perception", "--project", LONG, "doctor"])
    with pytest.raises(SystemExit):
        app.main()
    said = capsys.readouterr().err
    assert "letters is refused: file name too long." in said
    assert "Traceback" not in said
