"""Lets timm import where torchvision was built for another PyTorch; does nothing where it loads.

The published torchvision wheel links CUDA. Beside a CPU build of PyTorch its compiled library
cannot be loaded, and importing torchvision stops with "operator torchvision::nms does not exist"
while it describes operators that are not there. timm needs torchvision's Python half alone.
Importing this module declares the missing operators (by name and arguments, without any code that
could run) and imports torchvision again; calling such an operator is still an error.
"""

import re
import sys

from torch import library

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
# all that torchvision 0.21 to 0.28 describes without looking whether its library is there
_OPERATORS = ("nms", "qnms")
# a declaration lives as long as its Library object
_declared: list[library.Library] = []


def _import_torchvision() -> None:
    for _ in range(len(_OPERATORS) + 1):
        try:
            import torchvision  # noqa: F401
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None or missing[1] not in _OPERATORS:
                raise
            operators = library.Library("torchvision", "FRAGMENT")
            operators.define(missing[1] + _SCHEMA)
            _declared.append(operators)
            # the failed import leaves half-filled modules behind
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
        else:
            return


_import_torchvision()
