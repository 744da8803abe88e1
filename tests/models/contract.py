"""What the contract tests share: small networks of all models, and one model for many tests.

A new model needs an entry in NETWORKS, and one in BASE_CLIPS where it has the size `base`.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import pytest
import torch
from torch import nn

from signal_perception.models.core import registry
from signal_perception.models.core.state import State, Tokens
from signal_perception.pipeline import params
from tests.support.project import ROOT

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
_VIDEOMAE = {
    "img_size": 32,
    "patch_size": 8,
    "frames": 8,
    "embed_dim": 24,
    "depth": 3,
    "heads": 2,
}
Size = tuple[int, int, int]
# smallest sensible network, clip (t, h, w)
NETWORKS: dict[str, tuple[dict[str, Any], Size]] = {
    "i3d": ({"width": 0.125, "dropout": 0.2}, (32, 32, 32)),
    "i3d_inception": ({"width": 0.125, "head_pool": [1, 1, 1], "dropout": 0.2}, (16, 32, 32)),
    "swin": (
        {
            "embed_dim": 12,
            "depths": [2, 2],
            "heads": [2, 2],
            "window": [2, 4, 4],
            "head_dropout": 0.2,
        },
        (9, 30, 34),
    ),
    "timesformer_divided": (_TIMESFORMER, (4, 32, 32)),
    "timesformer_joint": (_TIMESFORMER, (4, 32, 32)),
    "uniformer_v1": (
        {
            "depths": [1, 1, 2, 1],
            "embed_dims": [8, 12, 16, 24],
            "head_dim": 8,
            "split_attention": False,
        },
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
# the base networks take clips smaller than in the study, where they can
BASE_CLIPS: dict[str, Size] = {
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

# The models with which the project comes; of these, more is promised than of a new one.
SHIPPED = (
    "i3d",
    "i3d_inception",
    "swin",
    "timesformer_divided",
    "timesformer_joint",
    "uniformer_v1",
    "uniformer_v2",
    "videomae_v1",
    "videomae_v2",
)


def sizes(name: str) -> list[str]:
    """The sizes in a model's params file; none where there is no file."""
    file = ROOT / params.MODELS / f"{name}.yaml"
    return list(params.read_yaml(file) or {}) if file.is_file() else []


each_model = pytest.mark.parametrize("name", registry.names())
each_size_of_params = pytest.mark.parametrize(
    ("name", "size"), [(name, size) for name in registry.names() for size in sizes(name)]
)
# small (below), and tiny and base where the model has them
each_size = pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param(name, size, marks=[pytest.mark.slow] if size == "base" else [])
        for size in ("small", "tiny", "base")
        for name in registry.names()
        if size == "small" or size in sizes(name)
    ],
)


@cache
def study() -> params.Params:
    """The parameters of the project."""
    return params.load(ROOT)


def described(name: str, size: str = "small") -> tuple[dict[str, Any], Size]:
    """Network numbers and clip of a model: small (above), tiny or base (params/models)."""
    if size == "small":
        return _listed(NETWORKS, "NETWORKS", name, "({numbers of its smallest network}, (t, h, w))")
    entry = study().models[name][size]
    taken = entry.input
    if size == "base":
        return dict(entry.network), _listed(BASE_CLIPS, "BASE_CLIPS", name, "(t, h, w)")
    return dict(entry.network), (taken.frames, taken.size, taken.size)


def _listed(table: dict[str, Any], title: str, name: str, entry: str) -> Any:
    """The entry of a model; where there is none, the test fails and says what to add."""
    if name not in table:
        pytest.fail(
            f"Model {name} has no entry in {title} of tests/models/contract.py; "
            f'add "{name}": {entry} there.',
            pytrace=False,
        )
    return table[name]


def build(name: str, size: str = "small") -> nn.Module:
    """A model in which nothing is zero, so that every part has an effect."""
    torch.manual_seed(0)
    model = registry.build(name, CLASSES, described(name, size)[0])
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
    """Clips of noise, (b 3 t h w)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, 3, *described(name, size)[1], generator=generator)


def states(name: str, model: nn.Module, clip: torch.Tensor) -> Iterator[State]:
    """The state before each segment."""
    state: State = clip
    for segment in registry.segments(name, model):
        yield state
        state = segment.run(state)


def same(one: State, other: State) -> bool:
    """Whether two states are equal, bit for bit."""
    parts = [list(state) if isinstance(state, Tokens) else [state] for state in (one, other)]
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b
        for a, b in zip(*parts)
    )
