"""What all cells of a study share."""

from dataclasses import dataclass

from signal_perception.noise.definitions import MASKS, ORDERS, SCALES, check_known


@dataclass(frozen=True)
class Options:
    """How noise is drawn and masked, what σ is measured in, and which layers come first.

    seed: of all draws. scale: one of SCALES. mask: one of MASKS. order: one of ORDERS. UserError
    where a name is none of these.
    """

    seed: int
    scale: str = "absolute"
    mask: str = "exact"
    order: str = "random"

    def __post_init__(self) -> None:
        check_known("scale of the noise", self.scale, SCALES)
        check_known("order of layers", self.order, ORDERS)
        check_known("mask", self.mask, MASKS)
