"""Clean states come back as they were, values and strides, from wherever they were held."""

import errno
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from signal_perception.clips.settings import Input
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.models.core.state import State, Tokens
from signal_perception.noise.prefix import Prefix
from signal_perception.noise.states import States
from signal_perception.noise.steps import steps
from signal_perception.pipeline.errors import UserError
from tests.models import contract

CPU = torch.device("cpu")
AMPLE = 1 << 30


def tensors() -> dict[str, torch.Tensor]:
    """Tensors that lie in memory in every way that a model may leave them."""
    source = torch.Generator().manual_seed(0)
    x = torch.randn(4, 6, 3, 5, 7, generator=source)
    return {
        "contiguous": x,
        "channels last": x.contiguous(memory_format=torch.channels_last_3d),
        "every other frame": x[:, :, ::2],
        "without the first": x[1:, 1:],
        "transposed": x.transpose(1, 2),
        "repeated": x[:1].expand(9, -1, -1, -1, -1),
        "bfloat16": x.bfloat16()[1:],
        "one number": x[0, 0, 0, 0, 1:2],
    }


def same(one: State, other: State) -> bool:
    """Whether two states are one in all that decides what a model makes of them."""
    return all(
        torch.equal(a, b)
        and (a.dtype, a.stride(), a.data_ptr() % 64) == (b.dtype, b.stride(), b.data_ptr() % 64)
        if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)
        else a == b
        for a, b in zip(
            *([*each] if isinstance(each, Tokens) else [each] for each in (one, other)),
            strict=True,
        )
    )


@pytest.mark.parametrize("memory", [AMPLE, 0])
def test_states_come_back_as_they_were(memory: int, tmp_path: Path) -> None:
    states, every = States(CPU, tmp_path, device=0, memory=memory), tensors()
    for number, tensor in enumerate(every.values()):
        states.put(number, tensor)
    for number, tensor in enumerate(every.values(), len(every)):
        states.put(number, Tokens(tensor, (1, 2, 3), tensor[:1]))
    for number, (name, tensor) in enumerate(every.items()):
        assert same(states.get(number), tensor), name
        assert same(states.get(number + len(every)), Tokens(tensor, (1, 2, 3), tensor[:1])), name
    states.put(0, Tokens(every["contiguous"], (1, 2, 3)))
    assert same(states.get(0), Tokens(every["contiguous"], (1, 2, 3)))
    assert list(tmp_path.iterdir()) == []


def test_a_state_may_be_made_of_the_one_before(tmp_path: Path) -> None:
    states = States(CPU, tmp_path, device=0, memory=0)
    x = torch.arange(4000.0).view(2, 2000)
    states.put(0, Tokens(x, (1, 1, 1), x[:1]))
    before = states.get(0)
    assert isinstance(before, Tokens)
    # other tokens, and the same video, which lies in the file that is written to
    states.put(0, before._replace(x=torch.zeros(2, 3000)))
    assert same(states.get(0), Tokens(torch.zeros(2, 3000), (1, 1, 1), x[:1]))
    states.put(1, x)
    states.put(0, x[1])
    assert same(states.get(1), x)
    assert torch.equal(states.get(0), x[1])  # type: ignore[arg-type]


def test_memory_is_used_while_it_lasts_and_again_when_it_is_free(tmp_path: Path) -> None:
    x = torch.ones(1000)
    states = States(CPU, tmp_path, device=0, memory=2 * 4000 + 100)

    def in_file(number: int) -> bool:
        # what is in the file is mapped anew each time
        one, other = states.get(number), states.get(number)
        assert isinstance(one, torch.Tensor)
        assert isinstance(other, torch.Tensor)
        return one.data_ptr() != other.data_ptr()

    for number in range(4):
        states.put(number, x)
    assert [in_file(number) for number in range(4)] == [False, False, True, True]
    states.put(0, x[:500])
    states.put(2, x[:500])
    assert [in_file(number) for number in range(4)] == [False, False, False, True]
    # a state that has grown
    states.put(1, torch.ones(3000))
    assert in_file(1)
    assert all(torch.as_tensor(states.get(number)).eq(1).all() for number in range(4))


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def seek(self, _start: int) -> None:
            pass

        def write(self, _values: memoryview) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(UserError, match=r"The disk of .* is full"):
        States(CPU, tmp_path, device=0, memory=0).put(0, torch.ones(3))


class Clips:
    """A clip of noise for each video."""

    def __init__(self, shape: tuple[int, int, int]):
        source = torch.Generator().manual_seed(3)
        self.pixels = torch.randint(0, 256, (20, 1, *shape, 3), generator=source).byte()

    def inputs(self, video: int, names: Sequence[str]) -> dict[str, torch.Tensor]:
        return dict.fromkeys(names, self.pixels[video])


def made(name: str, folder: Path) -> tuple[Prefix, Clips]:
    frames, size, _ = contract.described(name)[1]
    taken = Input.model_validate(
        {"frames": frames, "stride": 1, "size": size, "sampling": "dense", "fusion": "logits"}
    )
    scorer = Scorer(contract.build(name), taken, "float32", CPU)
    clips = Clips(contract.described(name)[1])
    found = steps(registry.segments(name, scorer.model), [])
    return Prefix(scorer, found, clips, folder), clips


@contract.each_model
@pytest.mark.parametrize("mebibytes", ["1000", "0"])
def test_states_are_those_of_a_plain_pass_at_every_boundary(
    name: str, mebibytes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_MEMORY", mebibytes)
    prefix, clips = made(name, tmp_path)
    videos = [17, *range(16)]
    first, last = clips.pixels[videos[:16]].flatten(0, 1), clips.pixels[videos[16:]].flatten(0, 1)
    images = [prefix.images(first), prefix.images(last)]
    boundaries = range(1, len(steps(registry.segments(name, prefix.scorer.model), [])))
    plain: list[State] = [*images]
    for boundary in boundaries:
        plain = [prefix.run(state, boundary - 1, boundary) for state in plain]
        prefix.move(videos, boundary)
        found = list(prefix.batches())
        assert [count for _, count in found] == [16, 1]
        logits = []
        for (state, _), expected in zip(found, plain, strict=True):
            assert same(state, expected), boundary
            logits.append(prefix.run(state, boundary))
            # what comes after leaves the states alone
            assert same(state, expected), boundary
        with torch.inference_mode():
            whole = [prefix.scorer.model(each) for each in images]
        assert all(torch.equal(a, b) for a, b in zip(logits, whole, strict=True))  # type: ignore[arg-type]


def test_an_error_half_way_leaves_no_states_of_two_boundaries(tmp_path: Path) -> None:
    prefix, _ = made("timesformer_joint", tmp_path)
    videos = list(range(18))
    prefix.move(videos, 3)
    expected = [state for state, _ in prefix.batches()]
    prefix.move(videos, 1)
    calls = []

    def second(*_: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    hook = prefix.scorer.model.get_submodule("blocks.0.mlp").register_forward_pre_hook(second)
    with pytest.raises(KeyboardInterrupt):
        prefix.move(videos, 3)
    hook.remove()
    prefix.move(videos, 3)
    for (state, _), other in zip(prefix.batches(), expected, strict=True):
        assert same(state, other)
