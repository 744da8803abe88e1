"""Forward passes at base size, float32, two threads.

Ours beside other libraries' in one run, and against the machine's matrix products. Other libraries'
models are taken as they are made by default, with the same weights as ours; both must give the same
logits.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from signal_perception.models.core import registry
from signal_perception.pipeline import (
    params,
    torchvision_shim,  # noqa: F401 — before torchvision and transformers
)

_CLASSES = 400
# The counter knows the attention kernels of GPUs, not the CPU's.
_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v)
    )
}
_LABELS = {label: str(label) for label in range(_CLASSES)}
_THREADS = 2
Peer = tuple[str, Callable[[], nn.Module], Callable[[nn.Module, torch.Tensor], torch.Tensor]]


def peers(batches: tuple[int, ...] = (1, 4), rounds: int = 3) -> Iterator[str]:
    """A line per model and batch: the time of ours over theirs.

    It is the median over rounds, in which both take turns.
    """
    for name, (peer, build, call) in _peers().items():
        theirs = build().eval()
        network, clip = _base(name)
        ours = registry.build(name, _CLASSES, network).eval()
        registry.load_state(name, ours, theirs.state_dict())
        for batch in batches:
            clips = torch.randn(batch, *clip)
            with torch.inference_mode(), _threads():
                # warms both up, too
                difference = float((ours(clips) - call(theirs, clips)).abs().max())
                pairs = [
                    (_seconds(partial(ours, clips)), _seconds(partial(call, theirs, clips)))
                    for _ in range(rounds)
                ]
            own, other = (statistics.median(column) for column in zip(*pairs))
            ratio = statistics.median(a / b for a, b in pairs)
            yield (
                f"{name:20} batch {batch}: {own:6.2f} s, {peer} {other:6.2f} s, ratio {ratio:.2f} "
                f"({min(a / b for a, b in pairs):.2f}–{max(a / b for a, b in pairs):.2f}), "
                f"logits differ by {difference:.0e}"
            )


def rates(rounds: int = 3) -> Iterator[str]:
    """A line per model: floating point operations of one clip, and the achieved rate.

    Also the share of that in the rate of large matrix products.
    """
    with torch.inference_mode(), _threads():
        square = torch.randn(2048, 2048)
        product = 2 * 2048**3 / min(_seconds(lambda: square @ square) for _ in range(10)) / 1e9
        yield f"matrix products (2048³): {product:.0f} GFLOP/s"
        for name in registry.names():
            network, clip = _base(name)
            # the counter follows gradients where parameters ask for them, even in inference mode
            model = registry.build(name, _CLASSES, network).eval().requires_grad_(False)
            clips = torch.randn(1, *clip)
            with FlopCounterMode(display=False, custom_mapping=_ATTENTION) as counter:
                model(clips)
            seconds = min(_seconds(partial(model, clips)) for _ in range(rounds))
            rate = counter.get_total_flops() / seconds / 1e9
            yield (
                f"{name:20} {counter.get_total_flops() / 1e9:6.0f} GFLOP, {seconds:5.2f} s, "
                f"{rate:4.0f} GFLOP/s, {rate / product:.2f} of matrix products"
            )


def _peers() -> dict[str, Peer]:
    from torchvision.models.video import swin3d_s
    from transformers import (
        TimesformerConfig,
        TimesformerForVideoClassification,
        VideoMAEConfig,
        VideoMAEForVideoClassification,
    )

    def timesformer(attention: str) -> Callable[[], nn.Module]:
        config = TimesformerConfig(attention_type=attention, id2label=_LABELS)
        return lambda: TimesformerForVideoClassification(config)

    def hugging_face(model: nn.Module, clips: torch.Tensor) -> torch.Tensor:
        return model(clips.transpose(1, 2)).logits

    return {
        "timesformer_divided": ("transformers", timesformer("divided_space_time"), hugging_face),
        "timesformer_joint": ("transformers", timesformer("joint_space_time"), hugging_face),
        "videomae_v1": (
            "transformers",
            lambda: VideoMAEForVideoClassification(VideoMAEConfig(id2label=_LABELS)),
            hugging_face,
        ),
        "swin": (
            "torchvision",
            lambda: swin3d_s(num_classes=_CLASSES),
            lambda model, clips: model(clips),
        ),
    }


def _base(name: str) -> tuple[dict, tuple[int, int, int, int]]:
    entry = params.load(Path(__file__).resolve().parents[1]).models[name]["base"]
    return dict(entry.network), (3, entry.input.frames, entry.input.size, entry.input.size)


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class _threads:
    """Two threads inside the context."""

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(_THREADS)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before)
