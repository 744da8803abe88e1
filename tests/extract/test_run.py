"""What extract stores is what a plain forward pass gives, however the work was cut up."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from signal_perception.clips.datasets import test_clips as clips_of
from signal_perception.clips.store import ClipStore
from signal_perception.clips.transforms import normalise
from signal_perception.extract import calibration, run, sinks
from signal_perception.extract.job import Job
from signal_perception.extract.settings import Settings
from signal_perception.extract.store import ActivationStore, TapFacts
from signal_perception.fourier import sums
from signal_perception.fourier.sums import Epsilons
from signal_perception.inference import blocks, networks
from signal_perception.models.core import checkpoints, registry
from signal_perception.models.core.taps import capture
from signal_perception.pipeline.errors import UserError
from signal_perception.vocabulary import INPUT
from tests.support import tiny_model
from tests.support.clips import make_store

VIDEOS = 7
EXTRACT: dict[str, Any] = {
    "keep": "both",
    "per_class": 2,
    "clips": 2,
    "dtype": "float32",
    "pool": "none",
    "kinds": ["spatial_attn", "mlp"],
    "taps": [],
    "sides": ["stream"],
    "controls": ["static", "shuffled"],
    "epsilon": "relative",
    "calibration_videos": 4,
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_VIDEOS", 2)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return make_store(tmp_path_factory.mktemp("extract") / "test.zarr", range(VIDEOS))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write_weights(tmp_path_factory.mktemp("weights") / "model.safetensors")


@pytest.fixture
def job(clips: ClipStore, weights: Path, tmp_path: Path):
    """Makes a job with some settings of its own, in a folder of its own."""

    def make(folder: str = "job", **extract: object) -> Job:
        (tmp_path / folder).mkdir(exist_ok=True)
        return Job(
            _settings(**extract), tiny_model.MODEL, clips.path, weights, tmp_path / folder, own=True
        )

    return make


def _settings(**extract: object) -> Settings:
    return Settings.model_validate(
        {
            "seed": 0,
            "cpu_threads": 1,
            "finetune": {"precision": "float32"},
            "extract": EXTRACT | extract,
            "model": {"network": tiny_model.NETWORK, "input": tiny_model.INPUT},
        }
    )


def _extracted(job: Job) -> ActivationStore:
    run.extract(job, "extract")
    return ActivationStore(job.store)


def _plain(job: Job, names: Sequence[str]) -> dict[tuple[str, int], dict[str, torch.Tensor]]:
    """(input, video) → tap → activations of its clips by a plain forward pass."""
    scorer = job.load()
    taps = job.all_taps(scorer)
    shown = clips_of(job.clips, job.settings.model.input, seed=0, clips=job.extract.clips)
    found = {}
    for video in range(VIDEOS):
        for name, views in shown.inputs(video, names).items():
            pixels = normalise(views, scorer.input.mean, scorer.input.std)
            with torch.inference_mode(), capture(scorer.model, taps) as record:
                scorer.model(pixels)
            found[name, video] = {INPUT: pixels.movedim(1, -1), **record}
    return found


def _files(store: Path) -> dict[str, bytes]:
    files = (file for file in store.rglob("*") if file.is_file())
    return {str(file.relative_to(store)): file.read_bytes() for file in files}


def test_activations_of_chosen_videos_are_those_of_a_plain_pass(job) -> None:
    each = job()
    store = _extracted(each)
    assert store.inputs == ("clip", "static", "shuffled")
    assert len(each.kept) == 6
    ids = each.shown.store.ids
    assert store.activations_part is not None and store.means_part is not None
    assert store.activations_part.ids == tuple(ids[video] for video in each.kept)
    assert store.means_part.ids == tuple(ids)
    expected = _plain(each, store.inputs)
    taps = [tap.name for tap in each.all_taps(each.load())]
    assert [tap.tap for tap in store.taps()] == [INPUT, *taps]
    for tap in store.taps():
        values = np.asarray(store.activation(tap.tap)[...])
        for number, name in enumerate(store.inputs):
            for place, video in enumerate(each.kept):
                found = values[number, 2 * place : 2 * place + 2]
                assert np.abs(found - expected[name, video][tap.tap].numpy()).max() < 1e-5


def test_means_of_all_videos_are_those_of_their_activations(job) -> None:
    store = _extracted(job(per_class=None))
    assert store.means_part == store.activations_part
    for tap in store.taps():
        epsilons = Epsilons(tap.epsilon_temporal, tap.epsilon_spatial, tap.epsilon_spatiotemporal)
        found = store.means(tap.tap)
        values = torch.from_numpy(np.asarray(store.activation(tap.tap)[...]))
        for number in range(len(store.inputs)):
            expected = sums.means(values[number], epsilons)
            for transform, numbers in expected.items():
                np.testing.assert_allclose(
                    found[transform][number], numbers.numpy(), rtol=1e-5, atol=1e-9
                )


def test_epsilon_is_a_share_of_the_amplitude_of_the_calibration_clips(job) -> None:
    each = job(calibration_videos=100)
    tap = _extracted(each).taps()[3]
    expected = _plain(each, ["clip"])
    clips = torch.cat([expected["clip", video][tap.tap] for video in range(VIDEOS)])
    amplitude = np.abs(np.fft.rfft(clips.double().numpy(), axis=1))
    rms = np.sqrt(np.square(amplitude).mean())
    assert tap.epsilon_temporal == pytest.approx(1e-6 * rms, rel=1e-5)
    assert {tap.epsilon_temporal for tap in _extracted(job("b", epsilon="absolute")).taps()} == {
        1e-6
    }


def test_videos_that_are_not_kept_do_not_run_for_activations_alone(job) -> None:
    each = job(keep="activations", per_class=1)
    assert [number for unit in run.units(each) for number in unit.item.numbers] == each.kept
    assert len(each.kept) == 3


def test_means_alone_and_activations_alone(job) -> None:
    means, activations = (
        _extracted(job("a", keep="means")),
        _extracted(job("b", keep="activations")),
    )
    both = _extracted(job("c"))
    assert means.activations_part is None and activations.means_part is None
    for tap in both.taps():
        for transform, numbers in both.means(tap.tap).items():
            assert np.array_equal(means.means(tap.tap)[transform], numbers)
        found = np.asarray(activations.activation(tap.tap)[...])
        assert np.array_equal(found, np.asarray(both.activation(tap.tap)[...]))


def test_bytes_do_not_depend_on_workers_or_batch(job, monkeypatch: pytest.MonkeyPatch) -> None:
    _extracted(job("a"))
    for workers, batch in (("1", "1"), ("3", "64")):
        monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", workers)
        monkeypatch.setenv("SIGNAL_PERCEPTION_BATCH", batch)
        shutil.rmtree(job("b").folder)
        _extracted(job("b"))
        assert _files(job("a").store) == _files(job("b").store)


def test_a_cut_run_goes_on_to_the_same_bytes(job, monkeypatch: pytest.MonkeyPatch) -> None:
    _extracted(job("a"))
    cut = job("b")
    write, count = sinks.shards.write, 0

    def cut_at(number: int):
        def write_or_fail(*arguments: object) -> None:
            nonlocal count
            count += 1
            if count == number:
                raise KeyboardInterrupt
            write(*arguments)  # type: ignore[arg-type]

        return write_or_fail

    finished = []
    for number in (20, 12, 3):
        count = 0
        monkeypatch.setattr(sinks.shards, "write", cut_at(number))
        with pytest.raises(KeyboardInterrupt):
            run.extract(cut, "extract")
        finished.append(sum(unit.finished for unit in run.units(cut)))
    assert finished == sorted(finished) and finished[-1] > 0
    monkeypatch.setattr(sinks.shards, "write", write)
    _extracted(cut)
    assert _files(job("a").store) == _files(cut.store)


def test_a_tap_beyond_float16_is_stored_as_float32(job, monkeypatch: pytest.MonkeyPatch) -> None:
    peak = sums.peak
    # the calibration sees nothing; the pass over all clips does
    large = _extracted(job("a")).taps()[2].tap
    real = sinks.Activations.hear

    def hear(self: sinks.Activations, name: str, values: torch.Tensor) -> None:
        real(self, name, 1e6 * values if name == large else values)

    monkeypatch.setattr(sinks.Activations, "hear", hear)
    store = _extracted(job("b", dtype="float16"))
    assert peak is sums.peak
    types = {tap.tap: tap.dtype for tap in store.taps()}
    assert types.pop(large) == "float32"
    assert set(types.values()) == {"float16"}
    assert store.activation(large).dtype == np.float32
    assert np.isfinite(np.asarray(store.activation(large)[...])).all()


def test_calibration_foresees_what_float16_cannot_hold(
    job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "_NEAR", 0.0)
    assert {tap.dtype for tap in _extracted(job(dtype="float16")).taps()} == {"float32"}


def test_pooled_activations_are_averages_over_places(job, capsys: pytest.CaptureFixture) -> None:
    plain, pooled = _extracted(job("a")), _extracted(job("b", pool="space"))
    assert "averages" in capsys.readouterr().out
    assert pooled.facts.pool == "space"
    for tap in plain.taps():
        whole = np.asarray(plain.activation(tap.tap)[...]).mean((3, 4), keepdims=True)
        np.testing.assert_allclose(
            np.asarray(pooled.activation(tap.tap)[...]), whole, rtol=1e-5, atol=1e-6
        )


def test_taps_by_name(job) -> None:
    names = ["01.mlp", "00.spatial_attn"]
    assert [tap.tap for tap in _extracted(job(taps=names)).taps()] == [INPUT, *names[::-1]]
    with pytest.raises(UserError, match=r"extract\.taps names 09\.mlp, .* it has .*01\.mlp"):
        _extracted(job("b", taps=["09.mlp"]))
    with pytest.raises(UserError, match="leave no tap"):
        _extracted(job("c", kinds=["conv"]))


def test_a_full_disk_is_refused_before_work_starts(
    job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(UserError, match=r"extract needs .* and 1 kB are free; keep fewer videos"):
        run.extract(job(), "extract")
    assert "of activations (6 videos) and" in capsys.readouterr().out
    assert not job().store.exists()


def test_weights_for_other_classes_are_listened_to(job, clips: ClipStore, tmp_path: Path) -> None:
    assert len(clips.classes) == 3
    other = networks.fresh(
        tiny_model.MODEL,
        tiny_model.NETWORK,
        classes=9,
        pretrained=None,
        seed=0,
        dataset="other",
        threads=1,
    )
    checkpoints.save(other, tmp_path / "other.safetensors")
    each = job()
    changed = replace(each, weights=tmp_path / "other.safetensors", own=False)
    # of both, other weights keep the means alone
    assert _extracted(changed).activations_part is None
    settings = _settings(keep="activations")
    store = _extracted(replace(changed, settings=settings, folder=job("b").folder))
    taps = registry.taps(tiny_model.MODEL, other)
    chosen = [tap for tap in taps if tap.name == "01.mlp"]
    pixels = normalise(each.shown[each.kept[0]][0], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.inference_mode(), capture(other.eval(), chosen) as record:
        other(pixels)
    found = np.asarray(store.activation("01.mlp")[0, :2])
    assert np.abs(found - record["01.mlp"].numpy()).max() < 1e-5


def test_what_is_known_of_taps_survives_a_cut_exactly(job) -> None:
    each = job()
    store = _extracted(each)
    kept = json.loads((each.folder / "taps.json").read_text())
    assert [TapFacts(**{**tap, "shape": tuple(tap["shape"])}) for tap in kept] == store.taps()
