"""What a safetensors file says of itself, and the hash that does not depend on it."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from signal_perception.models.core import checkpoints, header
from signal_perception.pipeline.errors import UserError

ABOUT = {"classes": ["waving", 'a "quoted" näme', "<img src=x>"], "model": "swin", "seed": 0}


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.large = nn.Linear(3, 2)
        self.register_buffer("count", torch.tensor(3))


def test_the_hash_is_that_of_the_file_without_what_it_says(tmp_path: Path) -> None:
    checkpoints.save(Small(), tmp_path / "plain.safetensors")
    checkpoints.save(Small(), tmp_path / "told.safetensors", about=ABOUT)
    bare = hashlib.sha256((tmp_path / "plain.safetensors").read_bytes()).hexdigest()
    assert header.tensors_hash(tmp_path / "plain.safetensors") == bare
    assert header.tensors_hash(tmp_path / "told.safetensors") == bare
    assert checkpoints.weights_hash(tmp_path / "told.safetensors") != bare
    assert header.about(tmp_path / "plain.safetensors") is None
    assert header.about(tmp_path / "told.safetensors") == ABOUT


def test_another_value_has_another_hash(tmp_path: Path) -> None:
    model = Small()
    checkpoints.save(model, tmp_path / "one.safetensors", about=ABOUT)
    with torch.no_grad():
        model.large.bias[0] += 1
    checkpoints.save(model, tmp_path / "two.safetensors", about=ABOUT)
    one, two = (header.tensors_hash(tmp_path / f"{name}.safetensors") for name in ("one", "two"))
    assert one != two


def test_equal_content_has_equal_bytes_and_opens_anywhere(tmp_path: Path) -> None:
    checkpoints.save(Small(), tmp_path / "one.safetensors", about=ABOUT)
    turned = dict(reversed(list(ABOUT.items())))
    checkpoints.save(Small(), tmp_path / "two.safetensors", about=turned)
    assert (tmp_path / "one.safetensors").read_bytes() == (
        tmp_path / "two.safetensors"
    ).read_bytes()
    assert set(load_file(tmp_path / "one.safetensors")) == {"large.weight", "large.bias", "count"}


def test_what_others_say_is_not_ours(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "other.safetensors", metadata={"format": "pt"})
    assert header.about(tmp_path / "other.safetensors") is None
    assert header.tensors(tmp_path / "other.safetensors")["a"]["shape"] == [2]


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x02\0\0\0\0\0\0\0[]"])
def test_no_safetensors_file_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"a.safetensors is no intact safetensors file: get it"):
        header.read(tmp_path / "a.safetensors")
