"""The way up the loss: what the worst change of the weights is made of, to first order."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


def loss_gradient(
    model: nn.Module, parameters: Iterable[str], batches: Iterable[tuple[Tensor, Tensor]]
) -> dict[str, Tensor]:
    """Gradient of the mean cross-entropy of all clips: parameter's name → float32, on its device.

    In evaluation mode and without autocast, summed batch after batch; the model is left as it was.
    Zero where the loss does not depend on a parameter. On a GPU last bits may change from run to
    run, as those of its attention's and convolutions' gradients do.

    Parameters
    ----------
    parameters: names. batches: (images float (b 3 t h w), labels (b,) int64) on the model's device.
    """
    found = {name: model.get_parameter(name) for name in parameters}
    with _differentiable(model, list(found.values())):
        total = {name: torch.zeros_like(each, dtype=torch.float32) for name, each in found.items()}
        clips = 0
        for images, labels in batches:
            # a backward pass under autocast rounds too
            with torch.autocast(images.device.type, enabled=False):
                loss = cross_entropy(model(images).float(), labels, reduction="sum")
                parts = torch.autograd.grad(
                    loss, list(found.values()), allow_unused=True, materialize_grads=True
                )
            for name, part in zip(total, parts):
                total[name] += part
            clips += len(labels)
    if not clips:
        raise ValueError("A gradient needs clips, and there was none.")
    return {name: each / clips for name, each in total.items()}


@contextmanager
def _differentiable(model: nn.Module, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """The model in evaluation mode, with gradients of these parameters; afterwards as before."""
    training = {module: module.training for module in model.modules()}
    required = [parameter.requires_grad for parameter in parameters]
    with ExitStack() as context:
        context.enter_context(torch.inference_mode(False))
        context.enter_context(torch.enable_grad())
        try:
            model.eval()
            for parameter in parameters:
                parameter.requires_grad_(True)
            yield
        finally:
            for parameter, before in zip(parameters, required):
                parameter.requires_grad_(before)
            for module, before in training.items():
                module.training = before
