"""What every model promises of its forward pass, taps and segments: a new model file needs one line in NETWORKS."""

import ast
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from signal_perception import models, params
from signal_perception.errors import UserError
from signal_perception.models.blocks import State, Tokens, fold
from signal_perception.models.taps import Tap, canonical, capture

CLASSES = 5
_TIMESFORMER = {
    "img_size": 32,
    "patch_size": 8,
    "frames": 4,
    "embed_dim": 24,
    "depth": 3,
    "heads": 2,
    "zero_start": False,
}
_VIDEOMAE = {"img_size": 32, "patch_size": 8, "frames": 8, "embed_dim": 24, "depth": 3, "heads": 2}
Size = tuple[int, int, int]
NETWORKS: dict[str, tuple[dict[str, Any], Size]] = {  # smallest sensible network, clip (t, h, w)
    "i3d": ({"width": 0.125, "dropout": 0.2}, (32, 32, 32)),
    "i3d_inception": ({"width": 0.125, "head_pool": [1, 1, 1], "dropout": 0.2}, (16, 32, 32)),
    "swin": (
        {"embed_dim": 12, "depths": [2, 2], "heads": [2, 2], "window": [2, 4, 4], "head_dropout": 0.2},
        (9, 30, 34),
    ),
    "timesformer_divided": (_TIMESFORMER, (4, 32, 32)),
    "timesformer_joint": (_TIMESFORMER, (4, 32, 32)),
    "uniformer_v1": (
        {"depths": [1, 1, 2, 1], "embed_dims": [8, 12, 16, 24], "head_dim": 8, "split_attention": False},
        (8, 64, 64),
    ),
    "uniformer_v2": (
        {
            "img_size": 32,
            "patch_size": 8,
            "embed_dim": 24,
            "depth": 3,
            "heads": 2,
            "local_attention": 2,
            "global_blocks": [1, 2],
            "zero_start": False,
        },
        (4, 32, 32),
    ),
    "videomae_v1": (_VIDEOMAE, (8, 32, 32)),
    "videomae_v2": (_VIDEOMAE, (8, 32, 32)),
}
BASE_CLIPS: dict[str, Size] = {  # the base networks take clips smaller than in the study, where they can
    "i3d": (16, 64, 64),
    "i3d_inception": (9, 193, 193),
    "swin": (8, 64, 64),
    "timesformer_divided": (2, 64, 64),
    "timesformer_joint": (2, 64, 64),
    "uniformer_v1": (8, 96, 96),
    "uniformer_v2": (2, 224, 224),
    "videomae_v1": (16, 224, 224),
    "videomae_v2": (16, 224, 224),
}
KINDS = {"spatial_attn", "temporal_attn", "joint_attn", "mlp", "conv", "local_attn", "global_attn"}
WITHIN_A_FRAME = {"spatial_attn", "mlp"}
SOURCE = Path(models.__file__).parent


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for one another's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def study() -> params.Params:
    return params.load(Path(__file__).resolve().parents[1] / "params.yaml")


def described(name: str, size: str) -> tuple[dict[str, Any], Size]:
    """Network numbers and clip of a model: small (above), tiny or base (params.yaml)."""
    if size == "small":
        return NETWORKS[name]
    entry = study().models[name]["base" if size == "base" else "tiny"]
    taken = entry.input
    return dict(entry.network), BASE_CLIPS[name] if size == "base" else (taken.frames, taken.size, taken.size)


each_model = pytest.mark.parametrize("name", models.names())
each_size = pytest.mark.parametrize("size", ["small", "tiny", pytest.param("base", marks=pytest.mark.slow)])


def build(name: str, size: str = "small") -> nn.Module:
    """A model in which nothing is zero, so that every part has an effect."""
    torch.manual_seed(0)
    model = models.build(name, CLASSES, described(name, size)[0])
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return model.eval()


@lru_cache(maxsize=3)
def shared_model(name: str, size: str = "small") -> nn.Module:
    """One model for all tests that leave it as it is."""
    return build(name, size)


def clips(name: str, size: str = "small", batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, *described(name, size)[1], generator=torch.Generator().manual_seed(1))


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_every_model_file_is_tested() -> None:
    assert set(models.names()) == set(NETWORKS)
    assert set(models.names()) == {p.stem for p in SOURCE.glob("*.py") if hasattr(_module(p.stem), "build")} - {
        "__init__"
    }


def _module(stem: str) -> object:
    return models if stem == "__init__" else __import__(f"signal_perception.models.{stem}", fromlist=["_"])


def test_an_unknown_model_is_refused_with_a_list() -> None:
    with pytest.raises(UserError, match=rf"no model 'resnet'.*{', '.join(models.names())}"):
        models.build("resnet", CLASSES, {})


def test_model_files_depend_on_the_common_ones_and_not_on_one_another() -> None:
    package = "signal_perception.models"

    def imported(file: Path) -> set[str]:
        found = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        return {name.removeprefix(f"{package}.") for name in found if name.startswith(f"{package}.")}

    for name in models.names():
        parts = imported(SOURCE / f"{name}.py")
        assert {"blocks", "taps"} <= parts, name
        assert not parts & {"checkpoints", *models.names()}, name
    for common in {*SOURCE.rglob("*.py")} - {SOURCE / f"{name}.py" for name in models.names()}:
        assert not imported(common) & set(models.names()), common


@each_model
@each_size
def test_forward_and_backward_reach_every_parameter(name: str, size: str) -> None:
    torch.manual_seed(0)
    model = models.build(name, CLASSES, described(name, size)[0]).train()  # as built: some gradients may be exactly 0
    logits = model(clips(name, size))
    assert logits.shape == (2, CLASSES)
    assert logits.dtype == torch.float32
    nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
    head = [p.grad for key, p in model.named_parameters() if key.startswith(f"{model.classifier}.")]
    assert head
    assert all(bool(grad.any()) for grad in head if grad is not None)


@each_model
def test_every_parameter_matters(name: str) -> None:
    """With nothing at zero, every parameter gets a gradient: none is left out of the forward pass, none is cut off."""
    model = build(name)
    model(clips(name))[:, 0].sum().backward()
    for key, parameter in model.named_parameters():
        grad = parameter.grad
        assert grad is not None, key
        assert grad.any() or key.startswith(f"{model.classifier}."), key


@each_model
def test_a_fresh_model_learns_the_order_of_frames(name: str) -> None:
    """Clips that grow brighter against the same clips backwards: nothing but order tells them apart."""
    torch.manual_seed(0)
    network, (t, h, w) = NETWORKS[name]
    model = models.build(name, 2, network).train()
    brighter = 0.3 * torch.randn(6, 3, t, h, w) + torch.linspace(-1, 1, t).view(t, 1, 1)
    both, labels = torch.cat((brighter, brighter.flip(2))), torch.arange(2).repeat_interleave(6)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(25):
        loss = nn.functional.cross_entropy(model(both), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 0.4
    assert max(losses[-3:]) < 0.2


@each_model
@each_size
def test_evaluation_is_deterministic_and_clip_by_clip(name: str, size: str) -> None:
    model, clip = shared_model(name, size), clips(name, size)
    with torch.inference_mode():
        first = model(clip)
        assert torch.equal(model(clip), first)
        torch.testing.assert_close(model(clip[1:]), first[1:], rtol=1e-4, atol=1e-5)


@each_model
@each_size
def test_taps_are_ordered_unique_and_named_by_rule(name: str, size: str) -> None:
    taps = models.taps(name, shared_model(name, size))
    assert taps
    assert len({tap.name for tap in taps}) == len(taps)
    assert [tap.block for tap in taps] == sorted(tap.block for tap in taps)
    assert {tap.block for tap in taps} == set(range(taps[-1].block + 1))
    for tap in taps:
        assert tap.kind in KINDS
        number = "_2" if f"{tap.kind}_2" in tap.name else ""  # a second sub-layer of the same kind
        assert tap.name == f"{tap.block:02d}.{tap.kind}{number}" + {"stream": "", "branch": ".branch"}[tap.side]
        assert (tap.module == tap.sublayer) is (tap.side == "stream")


@each_model
@each_size
def test_taps_come_in_the_order_of_execution(name: str, size: str) -> None:
    model = shared_model(name, size)
    taps, order = models.taps(name, model), []
    handles = [
        model.get_submodule(tap.module).register_forward_hook(lambda *_, name=tap.name: order.append(name))
        for tap in taps
    ]
    with torch.inference_mode():
        model(clips(name, size))
    for handle in handles:
        handle.remove()
    assert order == [tap.name for tap in taps]


@each_model
@each_size
def test_captured_activations_are_canonical_and_hooks_do_not_stay(name: str, size: str) -> None:
    model = shared_model(name, size)
    taps = models.taps(name, model)
    with torch.inference_mode(), capture(model, taps) as found:
        assert hooks(model) > 0
        model(clips(name, size))
        first = dict(found)
        model(clips(name, size) + 1)
    assert hooks(model) == 0
    assert list(found) == [tap.name for tap in taps]
    for tap in taps:
        assert found[tap.name].dtype == torch.float32
        assert found[tap.name].ndim == 5
        assert found[tap.name].shape[0] == 2
        assert not torch.equal(first[tap.name], found[tap.name])  # each forward fills it anew
    sublayers: dict[str, set[torch.Size]] = {tap.sublayer: set() for tap in taps}
    for tap in taps:
        sublayers[tap.sublayer].add(found[tap.name].shape)
    assert all(len(shapes) == 1 for shapes in sublayers.values())  # branch and stream agree

    with pytest.raises(ZeroDivisionError), capture(model, taps):
        assert hooks(model) > 0
        _ = 1 / 0
    assert hooks(model) == 0


def test_a_tap_of_another_model_is_refused() -> None:
    model = shared_model("i3d_inception")
    with (
        pytest.raises(UserError, match=r"'blocks\.0'.*InceptionI3d"),
        capture(model, [Tap("00.mlp", "mlp", 0, "stream", "blocks.0", "")]),
    ):
        pass
    assert hooks(model) == 0


@each_model
@each_size
def test_locality_proves_every_label(name: str, size: str) -> None:
    """Change one frame of a sub-layer's input: spatial_attn and mlp answer in that frame alone, all other kinds elsewhere too.

    Of the bottlenecks of I3D-ResNet, only those with an inflated kernel reach beyond a frame.
    """
    model = shared_model(name, size)
    taps = models.taps(name, model)
    inputs = {tap.sublayer: tap for tap in taps if tap.side == "stream"}  # a stream has one layout before and after
    clean = _activations(model, taps, name, size)
    changed = 1
    if size == "base":  # a forward pass for each: the first and the last block will do
        inputs = {path: tap for path, tap in inputs.items() if tap.block in (0, taps[-1].block)}
    for sublayer, stream in inputs.items():

        def alter(_module: nn.Module, args: tuple[State, ...], stream: Tap = stream) -> tuple[State, ...]:
            state = args[0]
            x = (state.x if isinstance(state, Tokens) else state).clone()
            view = canonical(stream, x, state.grid if isinstance(state, Tokens) else tuple(x.shape[2:]))
            assert view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
            view[:, changed] += torch.randn_like(view[:, changed])
            return (state._replace(x=x) if isinstance(state, Tokens) else x,)

        with model.get_submodule(sublayer).register_forward_pre_hook(alter):
            disturbed = _activations(model, taps, name, size)
        for tap in taps:
            if tap.sublayer == sublayer:
                difference = (disturbed[tap.name] - clean[tap.name]).abs().amax((0, 2, 3, 4))
                elsewhere = torch.arange(len(difference)) != changed
                assert len(difference) > 1, f"{tap.name} has a single frame: give the small network more"
                assert difference[changed] > 1e-3, tap.name
                convolutions = [part for part in model.get_submodule(sublayer).modules() if isinstance(part, nn.Conv3d)]
                flat = tap.kind == "conv" and all(part.kernel_size[0] == 1 for part in convolutions)
                if flat or tap.kind in WITHIN_A_FRAME:
                    assert difference[elsewhere].max() == 0, tap.name
                else:
                    assert difference[elsewhere].max() > 1e-4, tap.name


def _activations(model: nn.Module, taps: list[Tap], name: str, size: str) -> dict[str, torch.Tensor]:
    with torch.inference_mode(), capture(model, taps) as found:
        model(clips(name, size))
    return found


def states(name: str, model: nn.Module, clip: torch.Tensor) -> Iterator[State]:
    """The state before each segment."""
    state: State = clip
    for segment in models.segments(name, model):
        yield state
        state = segment.run(state)


@each_model
@each_size
def test_segments_are_the_forward_pass_and_can_start_anywhere(name: str, size: str) -> None:
    model, clip = shared_model(name, size), clips(name, size)
    with torch.inference_mode():
        logits = model(clip)
        steps = models.segments(name, model)
        assert torch.equal(fold(steps, clip), logits)
        for cut, state in enumerate(states(name, model, clip)):
            if size == "base" and cut % 5:  # each goes through half of the network on average
                continue
            for _ in range(2):  # a kept state serves many times, so nothing may be changed in place
                assert torch.equal(fold(steps[cut:], state), logits), steps[cut].name
    assert len({step.name for step in steps}) == len(steps)
    blocks = [step.block for step in steps if step.block is not None]
    assert blocks == sorted(blocks)
    assert set(blocks) == {tap.block for tap in models.taps(name, model)}


def same(one: State, other: State) -> bool:
    """Whether two states are equal, bit for bit."""
    parts = [list(state) if isinstance(state, Tokens) else [state] for state in (one, other)]
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b
        for a, b in zip(*parts)
    )


@each_model
@each_size
def test_autocast_to_bfloat16_gives_the_logits_roughly(name: str, size: str) -> None:
    model, clip, taps = shared_model(name, size), clips(name, size), models.taps(name, shared_model(name, size))
    with torch.inference_mode():
        exact = model(clip)
        with torch.autocast("cpu", torch.bfloat16), capture(model, taps) as found:
            rough = model(clip).float()
    assert rough.isfinite().all()
    assert torch.nn.functional.cosine_similarity(rough, exact).min() > 0.97
    assert not torch.equal(rough, exact)
    assert all(x.dtype == torch.float32 for x in found.values())


@each_model
def test_a_forward_pass_compiles_without_a_graph_break(name: str) -> None:
    model, clip = build(name), clips(name)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.inference_mode():
        torch.testing.assert_close(compiled(clip), model(clip), rtol=1e-4, atol=1e-5)


@each_model
@pytest.mark.parametrize("size", ["tiny", "base"])
def test_the_networks_of_the_study_take_its_clips(name: str, size: str) -> None:
    """On the meta device, which computes shapes only; there are three layers at least to choose thirds from."""
    entry = study().models[name]["base" if size == "base" else "tiny"]
    with torch.device("meta"):
        model = models.build(name, CLASSES, entry.network).eval()
        taken = entry.input
        assert model(torch.empty(1, 3, taken.frames, taken.size, taken.size)).shape == (1, CLASSES)
    assert len({piece.block for piece in models.components(name, model)[entry.disturb]}) >= 6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, on the way to its compiler
@each_model
def test_a_compiled_forward_pass_gives_the_same_logits(name: str) -> None:
    model, clip = build(name), clips(name)
    with torch.inference_mode():
        torch.testing.assert_close(torch.compile(model)(clip), model(clip), rtol=1e-3, atol=1e-4)
