"""What of a model can be disturbed: blocks that own a component of weights, or a kind of tap."""

from collections.abc import Iterable

from torch import nn

from signal_perception.models.core import registry
from signal_perception.models.core.taps import Tap
from signal_perception.noise.grid import Layers


def layers(name: str, model: nn.Module) -> Layers:
    """How many blocks own each component, and each kind of tap."""
    weights = registry.components(name, model)
    taps = tapped(registry.taps(name, model))
    return Layers(_blocks(weights), _blocks(taps))


def tapped(taps: Iterable[Tap]) -> dict[str, list[Tap]]:
    """Kind of tap → its taps in execution order: "mlp" of streams, "mlp.branch" of branches."""
    found: dict[str, list[Tap]] = {}
    for tap in taps:
        found.setdefault(tap.kind if tap.side == "stream" else f"{tap.kind}.branch", []).append(tap)
    return found


def _blocks(owned: dict) -> dict[str, int]:
    return {name: len({piece.block for piece in pieces}) for name, pieces in owned.items()}
