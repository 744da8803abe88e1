"""Files of weights: what is read, what is refused and how it is said."""

import argparse
import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from signal_perception.models.core import checkpoints
from signal_perception.pipeline import torchvision_shim
from signal_perception.pipeline.errors import UserError

STATE = OrderedDict(weight=torch.arange(6.0).view(2, 3), bias=torch.ones(2))


class Command:
    """A pickle that runs a command when it is read."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.path}",)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "meta": {"epoch": 3, "CLASSES": ["a"]}},
        {
            "model_state": STATE,
            "cfg": "text",
            "optimizer_state": {"state": {0: {"step": torch.ones(1)}}},
        },
        {"module": STATE, "epoch": 1},
        {"epoch": 1, "model": {"state_dict": STATE}},
        {"model": STATE, "args": argparse.Namespace(lr=0.1)},
    ],
    ids=["bare", "mmengine", "slowfast", "deepspeed", "nested", "command line"],
)
def test_wrappers_are_peeled_off(content: dict, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    assert same(checkpoints.read(tmp_path / "weights.pth", None), STATE)


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(dict(STATE), tmp_path / "weights.safetensors")
    found = checkpoints.read(tmp_path / "weights.safetensors", None)
    assert same(dict(sorted(found.items())), dict(sorted(STATE.items())))


def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path: Path) -> None:
    torch.save(
        {"state_dict": STATE, "extra": Command(tmp_path / "was_run")}, tmp_path / "weights.pth"
    )
    reason = r"weights\.pth is refused: it calls for '\w+\.system', which could run code; .*\.$"
    with pytest.raises(UserError, match=reason):
        checkpoints.read(tmp_path / "weights.pth", None)
    assert not (tmp_path / "was_run").exists()


def test_the_checksum_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(STATE, path)
    found = checkpoints.weights_hash(path)
    assert same(checkpoints.read(path, found), STATE)
    assert same(checkpoints.read(path, found.upper()), STATE)
    torch.save({"extra": Command(tmp_path / "was_run")}, path)
    other = checkpoints.weights_hash(path)
    message = rf"^File .* has SHA-256 {other}, but {found} is asked for: get the right file .*\.$"
    with pytest.raises(UserError, match=message):
        checkpoints.read(path, found)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^Weights .*nowhere\.pth, which does not exist: .*\.$"):
        checkpoints.read(tmp_path / "nowhere.pth", None)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_is_refused(name: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".pth":
        torch.save(STATE, path)
    else:
        save_file(dict(STATE), path)
    content = {
        "cut": path.read_bytes()[:-20],
        "empty": b"",
        "text": b"<html>not found</html>",
    }
    path.write_bytes(content[damage])
    with pytest.raises(UserError, match=rf"^File .*{name} is (no intact|refused).*\.$"):
        checkpoints.read(path, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds no state dict .* but a list"),
        ({}, "holds no state dict"),
        ({"weight": torch.ones(1), "epoch": 3}, r"these entries are none: epoch;"),
        (
            {"state_dict": {"weight": torch.ones(1), **{f"e{i:02}": i for i in range(12)}}},
            r"e00, .*, e09 and 2 more;",
        ),
    ],
)
def test_content_that_is_no_state_dict_is_refused(
    content: object, message: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=message):
        checkpoints.read(tmp_path / "weights.pth", None)


class Classifier(nn.Linear):
    classifier = "head"


def test_up_to_ten_wrong_names_are_listed() -> None:
    state = {**STATE, **{f"extra.{i:02}": torch.ones(1) for i in range(13)}}
    with pytest.raises(UserError, match=r"13 unexpected \(extra\.00, .*extra\.09 and 3 more\)"):
        checkpoints.load(Classifier(3, 2), state, "linear")


def test_saving_replaces_the_file_in_one_step_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "weights.safetensors"
    for _ in range(2):
        checkpoints.save(Classifier(3, 2), path)
        assert [file.name for file in path.parent.iterdir()] == ["weights.safetensors"]
    assert set(checkpoints.read(path, checkpoints.weights_hash(path))) == {"weight", "bias"}


def test_torchvision_loads_with_its_library_or_with_declared_operators() -> None:
    import torchvision.extension

    assert bool(torchvision_shim._declared) is not torchvision.extension._has_ops()
    assert hasattr(torch.ops.torchvision, "nms")
