"""A new model is one file and one params entry: a toy of thirty lines goes through everything that a model goes through."""

import textwrap
from pathlib import Path

import pytest
import torch
from project import ROOT, change, copy, dvc, environment, run

from signal_perception import assembly, checks, grid, models, params
from signal_perception.models import checkpoints
from signal_perception.models.blocks import fold
from signal_perception.models.taps import capture
from signal_perception.training import Trainer

TOY = textwrap.dedent('''
    """A mean over patches of each frame, three mixings of frames, a head."""

    import torch
    from torch import nn

    from signal_perception.models.blocks import Segment, fold
    from signal_perception.models.taps import Tap, sublayer_taps, weight

    def build(num_classes: int, *, dim: int = 8):
        return Toy(num_classes, dim)

    def from_checkpoint(state): return state

    def taps(model): return [tap for i in range(3) for tap in sublayer_taps(i, "conv", f"blocks.{i}", "b c t h w", 0, "conv")]

    def segments(model):
        blocks = [Segment(f"block.{i}", i, block) for i, block in enumerate(model.blocks)]
        return [Segment("embed", None, model.embed), *blocks, Segment("head", None, lambda x: model.head(x.mean((2, 3, 4))))]

    def weights(model): return [weight(model, "conv", i, f"blocks.{i}.conv.weight") for i in range(3)]

    class Block(nn.Module):
        def __init__(self, dim): super().__init__(); self.conv = nn.Conv3d(dim, dim, 3, padding=1)
        def forward(self, x): return x + torch.relu(self.conv(x))

    class Toy(nn.Module):
        classifier = "head"
        def __init__(self, num_classes, dim):
            super().__init__()
            self.embed, self.head = nn.Conv3d(3, dim, (1, 8, 8), (1, 8, 8)), nn.Linear(dim, num_classes)
            self.blocks = nn.ModuleList(Block(dim) for _ in range(3))
        def forward(self, clip): return fold(segments(self), clip)
''')
ENTRY = {"network": {"dim": 8}, "disturb": "conv", "pretrained": None}


def with_toy(path: Path) -> None:
    """Add the toy's entry to a params.yaml: that of timesformer_divided with another network."""
    entry = params.plain(params.load(path).models["timesformer_divided"]["tiny"]) | ENTRY
    change(path, {"models.toy": {"tiny": entry}, "study.models": ["toy"], "study.size": "tiny"})


def test_a_file_and_an_entry_make_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(TOY.strip().splitlines()) <= 35
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    with_toy(tmp_path / "params.yaml")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    models.names.cache_clear()
    try:
        assert "toy" in models.names()
        study = params.load(tmp_path / "params.yaml")
        assert list(checks.problems(study)) == []
        model = assembly.fresh_model(study, "toy", 8, "shapes")
        clip = torch.rand(2, 3, 8, 32, 32)
        with capture(model, models.taps("toy", model)) as found:
            logits = model(clip)
        assert list(found) == [f"{i:02d}.conv{side}" for i in range(3) for side in (".branch", "")]
        assert torch.equal(fold(models.segments("toy", model), clip), logits)
        cells, _ = grid.plan(study.noise.grids, "conv", list(models.components("toy", model)))
        assert cells
        trainer = Trainer(model, study.model("toy"), classes=8, steps=2, precision="float32", seed=0, run="shapes/toy")
        before = {key: value.clone() for key, value in model.state_dict().items()}
        batch = (torch.randint(0, 255, (4, 8, 32, 32, 3), dtype=torch.uint8), torch.arange(4))
        trainer.epoch(0, [batch, batch])  # the rate rises from 0: the first step changes nothing
        assert any(not torch.equal(value, before[key]) for key, value in model.state_dict().items())
        checkpoints.save(model, tmp_path / "toy.safetensors")
        assert (
            models.load("toy", assembly.outline(study, "toy", 8).to_empty(device="cpu"), tmp_path / "toy.safetensors")
            == []
        )
    finally:
        models.names.cache_clear()


@pytest.mark.slow
def test_the_whole_pipeline_takes_the_new_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy(tmp_path / "study")
    (folder / "src/signal_perception/models/toy.py").write_text(TOY, encoding="utf-8")
    with_toy(folder / "params.yaml")
    change(folder / "params.yaml", {"models.toy.tiny.recipe.epochs": 2})
    monkeypatch.setenv("PYTHONPATH", str(folder / "src"))
    assert environment()["PYTHONPATH"] == str(folder / "src")
    done = dvc(folder, "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "reports/index.html").is_file()
    assert "toy" in (folder / "reports/tables/spectra/shapes-toy.csv").read_text(encoding="utf-8")
    assert run(folder, "git", "status", "--short").returncode == 0
    assert dvc(folder, "repro").stdout.count("Running stage") == 0
