"""Cells scored from clean states are, bit for bit, cells scored by the whole model."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from signal_perception.clips.settings import Input
from signal_perception.inference.fusion import fuse
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.noise import definitions
from signal_perception.noise.corruption import loss_gradient
from signal_perception.noise.definitions import POOLS
from signal_perception.noise.engine import Disturbers, Engine, Scored
from signal_perception.noise.layers import layers
from signal_perception.noise.steps import steps
from signal_perception.vocabulary import CLIP
from tests.models import contract
from tests.support.grids import noise

# A batch and a bit of two views each, and a part that fills no batch.
PARTS = [(0, 1, 2, 3, 4, 5, 6, 7, 8), (10, 9, 11)]
VIEWS = 2
NOISE = noise({}, scale="rel_fro", gamma=[1.0])
# σ, γ, ρ
SHARES = ((0.2, 0.3, 0.5), (0.8, 1.0, 1.0))


class Result(NamedTuple):
    scores: bytes
    sha256: str
    kappa: float


class Noises:
    """Videos of noise as clips; `shown` counts how often one was asked for."""

    def __init__(self, shape: tuple[int, int, int]):
        source = torch.Generator().manual_seed(2)
        size = (1 + max(map(max, PARTS)), VIEWS, *shape, 3)
        self.pixels = torch.randint(0, 256, size, dtype=torch.uint8, generator=source)
        self.shown = 0

    def inputs(self, video: int, names: Sequence[str]) -> dict[str, torch.Tensor]:
        assert tuple(names) == (CLIP,)
        self.shown += 1
        return {CLIP: self.pixels[video]}


class Bench:
    """A small model, its clips, the engine and the plain loop."""

    def __init__(self, name: str, folder: Path, fusion: str = "probabilities"):
        frames, size, _ = contract.described(name)[1]
        taken = Input.model_validate(
            {"frames": frames, "stride": 1, "size": size, "sampling": "dense", "fusion": fusion}
        )
        self.name, self.folder = name, folder
        self.scorer = Scorer(contract.build(name), taken, "float32", torch.device("cpu"))
        self.clips = Noises(contract.described(name)[1])

    def engine(self) -> Engine:
        return Engine(
            self.scorer,
            self.name,
            NOISE,
            0,
            self.clips,
            PARTS,
            gradient=self.gradient,
            folder=self.folder,
        )

    def gradient(self) -> dict[str, torch.Tensor]:
        names = {piece.parameter for piece in registry.weights(self.name, self.scorer.model)}
        images = contract.clips(self.name, batch=4)
        return loss_gradient(self.scorer.model, sorted(names), [(images, torch.arange(4))])

    def items(self, parts: Sequence[int] = (0,), repeats: int = 1) -> list[Scored]:
        """All components, pools, shares and kinds, numbered."""
        having = layers(self.name, self.scorer.model)
        cells = [
            definitions.cell(
                component, size, pool=pool, sigma=sigma, gamma=gamma, rho=rho, kind=kind
            )
            for kind in definitions.KINDS
            for component, size in having.having(kind).items()
            for place, pool in enumerate(POOLS if size >= 3 else POOLS[:1])
            for sigma, gamma, rho in (
                SHARES if (kind, pool) == ("weights", "all") else SHARES[place % 2 :][:1]
            )
        ]
        return [
            Scored(number, cell, (number + repeat) % 3, part)
            for part in parts
            for repeat in range(repeats)
            for number, cell in enumerate(cells)
        ]

    def score(self, engine: Engine, items: Sequence[Scored]) -> dict[Scored, Result]:
        found = {}

        def done(item: Scored, write) -> None:
            path = self.folder / "result.npz"
            write(path)
            with np.load(path) as file:
                assert file["scores"].dtype == np.float32
                sha256, kappa = str(file["sha256"]), float(file["kappa"])
                found[item] = Result(file["scores"].tobytes(), sha256, kappa)

        engine.score(items, done)
        return found

    def plain(self, items: Sequence[Scored]) -> Iterator[tuple[Scored, Result]]:
        """Disturb, run the whole model on all clips, restore."""
        disturbers = Disturbers(self.scorer, self.name, NOISE, 0, self.gradient)
        for item in items:
            videos = list(PARTS[item.part])
            with disturbers.disturbed(item.cell, item.repeat) as disturbance:
                logits = self.scorer.logits(self.clips.pixels[videos].flatten(0, 1))
            scores = fuse(logits.reshape(len(videos), VIEWS, -1), self.scorer.input.fusion)
            sha256 = disturbance.sha256 if item.part == 0 else ""
            kappa = disturbers.relative_amplitude(item.cell)
            yield item, Result(scores.tobytes(), sha256, kappa)

    def weights(self) -> dict[str, bytes]:
        return {k: v.numpy().tobytes() for k, v in self.scorer.model.state_dict().items()}


@contract.each_model
def test_scores_are_those_of_the_whole_model_bit_for_bit(name: str, tmp_path: Path) -> None:
    bench = Bench(name, tmp_path)
    clean, items = bench.weights(), bench.items()
    found = bench.score(bench.engine(), items)
    assert bench.weights() == clean
    assert list(found) != items, "the items came in the order of states all along"
    for item, expected in bench.plain(items):
        assert found[item].scores == expected.scores, item
        assert found[item].sha256 == expected.sha256 != "", item
        np.testing.assert_equal(found[item].kappa, expected.kappa)
    assert len({result.scores for result in found.values()}) > len(items) / 2


@contract.each_model
def test_states_in_a_file_other_orders_and_single_calls_give_the_same_bytes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(name, tmp_path)
    items = bench.items(parts=(0, 1))[::7]
    expected = bench.score(bench.engine(), items)
    for item, plain in bench.plain(items[::5]):
        assert expected[item] == plain
    # killed half-way: another engine does the rest
    half = bench.score(bench.engine(), items[::2]) | bench.score(bench.engine(), items[1::2])
    monkeypatch.setenv("SIGNAL_PERCEPTION_MEMORY", "0")
    in_file, backwards = bench.engine(), {}
    for item in reversed(items):
        backwards |= bench.score(in_file, [item])
    for found in (half, backwards, bench.score(bench.engine(), items)):
        assert found.keys() == expected.keys()
        for item, result in found.items():
            assert result[:2] == expected[item][:2], item
    assert list(tmp_path.iterdir()) == [tmp_path / "result.npz"]


def test_a_clip_is_read_once_per_part(tmp_path: Path) -> None:
    bench = Bench("timesformer_divided", tmp_path)
    engine, embedded = bench.engine(), []
    bench.scorer.model.get_submodule("patch_embed").register_forward_hook(
        lambda *_: embedded.append(1)
    )
    components = ("temporal_attn", "spatial_attn.v", "mlp", "k")
    items = [
        each
        for each in bench.items((0, 1), repeats=3)
        if each.cell.kind == "weights" and each.cell.component in components
    ]
    # three sub-layers of three blocks
    assert {engine.start(item) for item in items} == set(range(1, 10))
    # forwards and backwards
    bench.score(engine, items[::-1])
    assert bench.clips.shown == sum(map(len, PARTS))
    # 18 and 6 clips
    assert len(embedded) == 2 + 1
    # a call of its own that goes on where the states are
    again = {engine.start(item): item for item in items if item.part == 1}
    bench.score(engine, [again[9], again[9]])
    assert len(embedded) == 3
    bench.score(engine, [again[8]])
    assert len(embedded) == 4


@contract.each_model
def test_a_cell_begins_with_the_first_step_that_it_changes(name: str, tmp_path: Path) -> None:
    bench = Bench(name, tmp_path)
    engine, model, clean = bench.engine(), bench.scorer.model, bench.weights()
    disturbers = Disturbers(bench.scorer, name, NOISE, 0)
    for item in bench.items(repeats=3):
        if item.cell.kind != "weights":
            continue
        with disturbers.disturbed(item.cell, item.repeat):
            changed = [key for key, value in bench.weights().items() if value != clean[key]]
        parameters, start = [model.get_parameter(key) for key in changed], engine.start(item)
        assert not any(step.holds(p) for step in engine.steps[:start] for p in parameters)
        step = engine.steps[start]
        # what is no module stays whole, and one part of it is what changes
        assert any(map(step.holds, parameters)) or not isinstance(step.run, torch.nn.Module)
        assert step.block == disturbers.blocks(item.cell, item.repeat)[0]


def test_blocks_are_as_many_steps_as_they_have_parts_unless_listened_to_as_a_whole() -> None:
    model = contract.build("uniformer_v2")
    segments = registry.segments("uniformer_v2", model)
    found = steps(segments, [])
    # local, spatial, local and MLP; in two blocks the decoder's block, which is no sequence
    assert [step.block for step in found] == [None, *[0] * 4, *[1] * 5, *[2] * 5, None]
    block = model.get_submodule("blocks.1")
    found = steps(segments, [block])
    assert [step.block for step in found] == [None, *[0] * 4, *[1] * 2, *[2] * 5, None]
    assert found[5].run is block


def test_a_failing_writer_leaves_a_clean_model_and_an_engine_that_goes_on(tmp_path: Path) -> None:
    bench = Bench("timesformer_joint", tmp_path)
    clean, engine, items = bench.weights(), bench.engine(), bench.items()[:9]

    def fail(item: Scored, write) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        engine.score(items, fail)
    assert bench.weights() == clean
    assert bench.score(engine, items) == bench.score(bench.engine(), items)


@pytest.mark.parametrize("block", [0, 2])
def test_a_batch_that_does_not_fit_goes_on_in_halves(block: int, tmp_path: Path) -> None:
    bench = Bench("timesformer_joint", tmp_path)
    items = bench.items()[::5]
    expected = bench.score(bench.engine(), items)

    def refuse(_module, args) -> None:
        if len(args[0].x) > 4:
            raise torch.cuda.OutOfMemoryError("out of memory")

    bench.scorer.model.get_submodule(f"blocks.{block}.mlp").register_forward_pre_hook(refuse)
    found = bench.score(bench.engine(), items)
    assert bench.scorer.batch.size == 4
    for item, result in found.items():
        assert result.sha256 == expected[item].sha256
        ours, theirs = (np.frombuffer(each.scores, np.float32) for each in (result, expected[item]))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_logits_that_are_no_numbers_give_scores_that_are_none(tmp_path: Path) -> None:
    bench = Bench("timesformer_joint", tmp_path)
    size = layers(bench.name, bench.scorer.model).of("mlp", "weights")
    cell = definitions.cell("mlp", size, sigma=3e38, gamma=1.0, rho=1.0)
    result = bench.score(bench.engine(), [Scored(0, cell, 0, 1)])
    scores = np.frombuffer(next(iter(result.values())).scores, np.float32)
    assert not np.isfinite(scores).any()


def test_under_autocast_scores_are_those_of_the_whole_model(tmp_path: Path) -> None:
    bench = Bench("timesformer_divided", tmp_path, fusion="logits")
    bench.scorer = Scorer(bench.scorer.model, bench.scorer.input, "bfloat16", torch.device("cpu"))
    items = [item for item in bench.items() if item.cell.kind == "weights"][::4]
    found = bench.score(bench.engine(), items)
    for item, expected in bench.plain(items):
        assert found[item] == expected
