"""What training asks of all transformers alike: start values, and drop-path rates by depth."""

from torch import nn


def init_linear(module: nn.Module) -> None:
    """Start values for `model.apply` that suit any width: Glorot's uniform weights, biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def drop_path_rates(last: float, depth: int) -> list[float]:
    """Rates of `depth` blocks, rising linearly from 0 in the first to `last` in the last."""
    return [last * block / max(depth - 1, 1) for block in range(depth)]
