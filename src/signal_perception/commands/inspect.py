"""A product of the study on the screen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signal_perception.commands import output, products
from signal_perception.commands.products import Product

# More arrays than this are counted, and listed as JSON alone.
_LISTED = 40
_UNITS = ("B", "kB", "MB", "GB", "TB")


def inspect(path: Path, as_json: bool) -> None:
    """Print what lies at a path: kind, facts, arrays, attributes, and what opens it."""
    product = products.look(path)
    if as_json:
        output.as_json(product)
        return
    print(f"{product.path}: {product.kind}, {_size(product.size)}")
    facts = {**product.facts, **product.attributes, "opened by": product.opens}
    output.table("", ("", ""), [(name, _said(value)) for name, value in facts.items()])
    print()
    _print_arrays(product)


def _print_arrays(product: Product) -> None:
    shown = product.arrays[:_LISTED]
    output.table(
        "",
        ("array", "shape", "type", "on disk"),
        [
            (
                each.name,
                " × ".join(map(str, each.shape)) or "one value",
                each.dtype,
                "" if each.size is None else _size(each.size),
            )
            for each in shown
        ],
        right=("on disk",),
    )
    if left := len(product.arrays) - len(shown):
        print(f"and {left} more arrays; --json lists them all")


def _said(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _size(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"
