"""A new model is one file and one params file: a toy goes through everything that models do."""

import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML

from signal_perception import models
from signal_perception.clips import order
from signal_perception.clips.order import Step
from signal_perception.commands import checks
from signal_perception.finetune.trainer import Trainer
from signal_perception.inference import networks
from signal_perception.models.core import checkpoints, registry
from signal_perception.models.core.state import fold
from signal_perception.models.core.taps import capture
from signal_perception.noise import grid
from signal_perception.noise.layers import layers
from signal_perception.pipeline import params
from tests.support.project import ROOT, change, copy, dvc, run

TOY = textwrap.dedent('''
    """A mean over patches of each frame, three mixings of frames, a head."""

    from dataclasses import dataclass

    import torch
    from torch import nn

    from signal_perception.models.core.state import Segment, fold
    from signal_perception.models.core.taps import Tap, sublayer_taps, weight

    @dataclass(frozen=True)
    class Network:
        dim: int = 8

    def build(num_classes: int, network: Network): return Toy(num_classes, network.dim)

    def from_checkpoint(state): return state

    def taps(model):
        names = [(i, "conv", f"blocks.{i}", "b c t h w", 0, "conv") for i in range(3)]
        return [tap for each in names for tap in sublayer_taps(*each)]

    def segments(model):
        blocks = [Segment(f"block.{i}", i, block) for i, block in enumerate(model.blocks)]
        head = Segment("head", None, lambda x: model.head(x.mean((2, 3, 4))))
        return [Segment("embed", None, model.embed), *blocks, head]

    def weights(model):
        return [weight(model, "conv", i, f"blocks.{i}.conv.weight") for i in range(3)]

    class Block(nn.Module):
        def __init__(self, dim): super().__init__(); self.conv = nn.Conv3d(dim, dim, 3, padding=1)
        def forward(self, x): return x + torch.relu(self.conv(x))

    class Toy(nn.Module):
        classifier = "head"
        def __init__(self, num_classes, dim):
            super().__init__()
            self.embed = nn.Conv3d(3, dim, (1, 8, 8), (1, 8, 8))
            self.head = nn.Linear(dim, num_classes)
            self.blocks = nn.ModuleList(Block(dim) for _ in range(3))
        def forward(self, clip): return fold(segments(self), clip)
''')
ENTRY = {"network": {"dim": 8}, "disturb": "conv", "pretrained": None}


def with_toy(folder: Path) -> None:
    """Add the toy's file to params/models, timesformer_divided's with another network."""
    known = params.load(folder).models["timesformer_divided"]["tiny"]
    with (folder / "params/models/toy.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"tiny": params.plain(known) | ENTRY}, file)
    change(folder, {"study.models": ["toy"], "study.size": "tiny"})


def test_two_files_make_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(TOY.strip().splitlines()) <= 45
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copytree(ROOT / "params", tmp_path / "params")
    with_toy(tmp_path)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    registry.names.cache_clear()
    try:
        study = params.load(tmp_path)
        entry = study.model("toy")
        checks.check_model(study, "toy")
        model = networks.fresh(
            "toy",
            entry.network,
            classes=8,
            pretrained=None,
            seed=study.seed,
            dataset="shapes",
            threads=study.cpu_threads,
        )
        clip = torch.rand(2, 3, 8, 32, 32)
        with capture(model, registry.taps("toy", model)) as found:
            logits = model(clip)
        assert list(found) == [f"{i:02d}.conv{side}" for i in range(3) for side in (".branch", "")]
        assert torch.equal(fold(registry.segments("toy", model), clip), logits)
        assert grid.plan(study.noise, "conv", layers("toy", model)).cells
        _train(model, entry)
        file = tmp_path / "toy.safetensors"
        checkpoints.save(model, file)
        empty = networks.outline("toy", entry.network, 8).to_empty(device="cpu")
        assert registry.load("toy", empty, file) == []
    finally:
        registry.names.cache_clear()


def _train(model: torch.nn.Module, entry: Any) -> None:
    """One epoch changes the weights; the rate rises from 0, so its first step changes nothing."""
    trainer = Trainer(
        model,
        entry.recipe,
        input=entry.input,
        classes=8,
        steps=2,
        precision="float32",
        seed=0,
        run="shapes/toy",
    )
    before = {key: value.clone() for key, value in model.state_dict().items()}
    clips = torch.randint(0, 255, (4, 8, 32, 32, 3), dtype=torch.uint8)
    (piece,) = order.pieces(range(4), order.units(4, trainer.together))
    for number in range(2):
        trainer.step(Step(number, 4, (piece,)), iter([(clips, torch.arange(4))]))
    assert any(not torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.slow
def test_the_pipeline_takes_the_new_model(tmp_path: Path) -> None:
    folder = copy(tmp_path / "study")
    (folder / "src/signal_perception/models/toy.py").write_text(TOY, encoding="utf-8")
    with_toy(folder)
    change(folder, {"models.toy.tiny.recipe.epochs": 2, "models.toy.tiny.recipe.warmup_epochs": 1})
    done = dvc(folder, "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "reports/default/index.html").is_file()
    assert "toy" in (folder / "reports/tables/spectra/shapes-toy-shapes-0.csv").read_text(
        encoding="utf-8"
    )
    assert run(folder, "git", "status", "--short").returncode == 0
    assert dvc(folder, "repro").stdout.count("Running stage") == 0
