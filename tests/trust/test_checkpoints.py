"""Files of weights from strangers: each is refused with its sentence, and nothing of it runs."""

import math
import re
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from signal_perception.inference import described, networks
from signal_perception.models.core import checkpoints, header, pickles, registry
from signal_perception.models.core.settings import Pretrained
from signal_perception.pipeline.errors import UserError
from tests.support import attacks
from tests.support.attacks import entry

ONE = torch.ones(2)
DEEP = b"}" + b"(" * 5000 + b"t" * 5000 + b"K\x01s"
PYTORCH: dict[str, tuple[attacks.Write, str]] = {
    "a pickle that runs a command": (attacks.code, r"calls for '\w+\.system', which could run"),
    "the same in the old format": (attacks.old_code, r"calls for '\w+\.system', which could run"),
    "a bare pickle that runs one": (attacks.bare_code, "no intact PyTorch file"),
    "a class of its own": (
        attacks.pickled(b"ccollections\nUserDict\n)\x81}b"),
        r"calls for 'collections\.UserDict'",
    ),
    "eval by the protocol's other way": (
        attacks.pickled(b"\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R"),
        "calls for something other than tensors",
    ),
    "memory by a number": (
        attacks.pickled(b"cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85R"),
        "calls for 'bytearray'",
    ),
    "a dict inside itself": (attacks.inside_itself, "what it holds lies inside itself"),
    "tuples of tuples as a name": (attacks.pickled(attacks.LAUGHS), "refer to each other"),
    "a name nested 5,000 deep": (attacks.pickled(DEEP), "its parts are nested 201 deep"),
    "a zip bomb": (attacks.bomb, "it unpacks from [0-9]+ to [0-9]+ bytes"),
    "very many entries": (attacks.many_entries, "it has 501 entries, more than any model"),
    "an entry that is a path": (
        attacks.archive({"a/data.pkl": b".", "a/../../was_run": b"x"}),
        r"its entry 'a/\.\./\.\./was_run' is a path out of it",
    ),
    "two entries of one name": (
        attacks.archive({"a/data.pkl": b"\x80\x02}.", "a/DATA.pkl": b"\x80\x02}."}),
        "two entries of one name",
    ),
    "a TorchScript program": (
        attacks.archive({"a/data.pkl": b"\x80\x02}.", "a/constants.pkl": b"\x80\x02)."}),
        "it is a TorchScript program",
    ),
    "a size that is not there": (attacks.lying_size, "no intact PyTorch file"),
    "terabytes by a stride": (attacks.expanded, "would take 4000000000000 bytes, and it holds"),
    "a page of a server": (lambda path: path.write_bytes(b"<html>"), "no intact PyTorch file"),
    "a directory of 100 MB": (attacks.long_directory, "no intact PyTorch file"),
    "an old tar archive": (
        lambda path: path.write_bytes(b"storages".ljust(512, b"\0") * 4),
        "no intact PyTorch file",
    ),
    "complex numbers": (
        attacks.saved({"weight": torch.ones(2, dtype=torch.complex64)}),
        "weight is complex64; save them as float32",
    ),
    "float8": (
        attacks.saved({"weight": ONE.to(torch.float8_e4m3fn)}),
        "weight is float8_e4m3fn",
    ),
    "sparse": (attacks.saved({"weight": torch.eye(2).to_sparse()}), "weight is sparse"),
    "without values": (attacks.saved({"weight": ONE.to("meta")}), "weight has no values"),
    "a name that turns the terminal": (
        attacks.saved({"weight": ONE, "\x1b[31m\nred": 3}),
        r"these entries are none: \\x1b\[31m\\nred;",
    ),
}
TWO = {"a": entry([2], 0, 8), "b": entry([2], 8, 16)}
SAFETENSORS: dict[str, attacks.Write] = {
    "offsets outside": attacks.header({"a": entry([2], 0, 80)}, bytes(8)),
    "offsets that overlap": attacks.header({**TWO, "b": entry([2], 4, 12)}, bytes(12)),
    "a gap": attacks.header({**TWO, "b": entry([2], 12, 20)}, bytes(20)),
    "offsets that go back": attacks.header({"a": entry([], 8, 0)}, bytes(8)),
    "an absurd shape": attacks.header({"a": entry([1 << 60, 1 << 60], 0, 8)}, bytes(8)),
    "a shape of a thousand sides": attacks.header({"a": entry([1] * 1000, 0, 4)}, bytes(4)),
    "bytes that nothing describes": attacks.header(TWO, bytes(99)),
    "a header of 100 MB": attacks.header({}, length=100_000_000),
    "a name twice": attacks.header(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
    ),
    "metadata that are a list": attacks.header({"__metadata__": ["x"]}),
    "metadata of numbers": attacks.header({"__metadata__": {"x": 1}}),
    "lists in lists": attacks.header(b"[" * 100_000),
    "an unknown type": attacks.header({"a": entry([1], 0, 4, dtype="F31")}, bytes(4)),
}


def _refusal(path: Path) -> str:
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        checkpoints.read(path, None)
    said = str(caught.value)
    assert time.process_time() - start < 5
    assert said.endswith(".") and "\n" not in said and len(said) < 500
    assert "weights_only" not in said and "torch.load" not in said
    assert not (path.parent / attacks.MARKER).exists()
    return said


@pytest.mark.parametrize("attack", PYTORCH)
def test_a_hostile_pytorch_file_is_refused(
    attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so that the attack need not have fifty thousand
    monkeypatch.setattr(pickles, "_MOST_ENTRIES", 500)
    write, sentence = PYTORCH[attack]
    write(tmp_path / "weights.pth")
    assert re.search(sentence, _refusal(tmp_path / "weights.pth"))


@pytest.mark.parametrize("attack", SAFETENSORS)
def test_a_hostile_safetensors_file_is_refused(attack: str, tmp_path: Path) -> None:
    SAFETENSORS[attack](tmp_path / "weights.safetensors")
    assert "is no intact safetensors file" in _refusal(tmp_path / "weights.safetensors")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[1]", '{"classes": "\\u0000"}'])
def test_what_a_stranger_says_about_weights_is_checked(text: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": ONE}, path, metadata={header.ABOUT: text})
    with pytest.raises(UserError, match="says about itself is no"):
        described.read(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"network": {"depth": 10**9}}, "network.depth is larger than that of any model"),
        ({"network": {"depths": [1] * 1000}}, "network.depths is larger than that of any model"),
        ({"frames": 10**6}, "clips of 1000000 frames of 8 pixels are larger than any"),
        ({"classes": ["a", "\x1b]0;title\x07"]}, "a name of it has control characters"),
    ],
)
def test_a_file_does_not_ask_for_giant_networks(
    change: dict, sentence: str, tmp_path: Path
) -> None:
    path, change = tmp_path / "weights.safetensors", dict(change)
    input = {"frames": change.pop("frames", 4), "size": 8, "stride": 1}
    about = {
        "model": "swin",
        "network": {},
        "input": {**input, "sampling": "dense", "fusion": "logits"},
        "classes": ["a"],
        "dataset": "shapes",
        "seed": 0,
        "trained": True,
        **change,
    }
    save_file({"a": ONE}, path, metadata=header.metadata(about))
    with pytest.raises(UserError, match=sentence):
        described.read(path)


class Head(nn.Module):
    """A model of one layer and a counter."""

    classifier = "head"

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.register_buffer("num_batches_tracked", torch.tensor(0))


def _state(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    values = {key: value.to(dtype) for key, value in Head().state_dict().items()}
    return {**values, "num_batches_tracked": torch.tensor(3)}


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8, torch.bool])
def test_whole_numbers_are_no_weights(dtype: torch.dtype) -> None:
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(UserError, match=rf"head\.weight is {name}, the model's float32"):
        checkpoints.load(Head(), _state(dtype), "it")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32_and_counters_stay(dtype: torch.dtype) -> None:
    model, state = Head(), _state(dtype)
    checkpoints.load(model, state, "it")
    assert model.head.weight.dtype == torch.float32
    assert torch.equal(model.head.weight, state["head.weight"].float())
    assert model.state_dict()["num_batches_tracked"] == 3


def test_a_counter_that_is_no_whole_number_is_refused() -> None:
    state = {**_state(torch.float32), "num_batches_tracked": torch.tensor(math.nan)}
    with pytest.raises(UserError, match=r"num_batches_tracked is float32, the model's int64"):
        checkpoints.load(Head(), state, "it")


def _fresh(monkeypatch: pytest.MonkeyPatch, root: Path, value: torch.Tensor) -> None:
    """A model from weights whose head has one other value."""
    folder = root / networks.PRETRAINED
    folder.mkdir(parents=True)
    state = _state(value.dtype)
    state["head.bias"][0] = value
    torch.save(state, folder / "start.pth")
    monkeypatch.chdir(root)
    monkeypatch.setattr(registry, "build", lambda *_: Head())
    monkeypatch.setattr(
        registry,
        "load",
        lambda _, model, path, sha256: checkpoints.load(
            model, checkpoints.read(path, sha256), "it"
        ),
    )
    entry = Pretrained(
        file="start.pth",
        sha256=checkpoints.weights_hash(folder / "start.pth")[:8],
        source="its authors",
    )
    networks.fresh("it", {}, classes=2, pretrained=entry, seed=0, dataset="shapes", threads=None)


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor(math.nan),
        torch.tensor(math.inf),
        # finite, and infinite as float32
        torch.tensor(1e300, dtype=torch.float64),
    ],
)
def test_start_weights_without_a_number_are_refused_by_name(
    value: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"are no numbers \(NaN or infinite\) in head\.bias; get"):
        _fresh(monkeypatch, tmp_path, value)


def test_start_weights_of_numbers_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fresh(monkeypatch, tmp_path, torch.tensor(2.0))


@pytest.mark.parametrize("file", ["../x.pth", "/etc/passwd", "a/../../x.pth", ".x", "a\\b", ""])
def test_start_weights_lie_in_their_folder(file: str) -> None:
    with pytest.raises(ValueError, match="should match pattern"):
        Pretrained(file=file, sha256="0" * 8, source="nobody")


def test_start_weights_are_no_link_to_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, cache = tmp_path / "home.pth", tmp_path / ".dvc/cache/files/md5/00/1"
    (tmp_path / networks.PRETRAINED).mkdir(parents=True)
    cache.parent.mkdir(parents=True)
    for each in (home, cache):
        each.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    Path("data/pretrained/a.pth").symlink_to(home)
    Path("data/pretrained/b.pth").symlink_to(cache)
    entry = Pretrained(file="a.pth", sha256="0" * 8, source="nobody")
    with pytest.raises(UserError, match="are a link out of data/pretrained"):
        networks.pretrained_file(entry)
    # as DVC checks a file out
    assert networks.pretrained_file(entry.model_copy(update={"file": "b.pth"})).name == "b.pth"
