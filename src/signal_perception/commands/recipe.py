"""The recipe of one model on one data set, each value with its source."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from signal_perception.commands import rates
from signal_perception.pipeline import params
from signal_perception.pipeline.sources import Value, values


def recipe(model: str, dataset: str, size: str, with_groups: bool, as_json: bool) -> None:
    """Print what a model's file gives for a data set, with sources and what follows from it.

    with_groups: at which rate each parameter learns, too, and how that changes by epoch.
    """
    entry = params.load().entry(model, size, dataset)
    given, facts, defaults = (
        values(model, size, dataset),
        _facts(entry),
        _defaults(model, size, entry),
    )
    if as_json:
        content = {
            "model": model,
            "dataset": dataset,
            "size": size,
            "values": [_plain(value) for value in given],
            "facts": facts,
            "defaults": defaults,
        }
        if with_groups:
            content["groups"] = list(rates.groups(model, entry))
            content["rate by epoch"] = rates.by_epoch(entry.recipe)
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return
    print(f"{model} at size {size} on {dataset}: {params.MODELS / model}.yaml")
    _print_values(given)
    print("\nwhat follows")
    for name, fact in facts.items():
        print(f"  {name}: {_shown(fact)}")
    for value in given:
        if value.own:
            print(f"  of {dataset} alone: {value.key}, {_shown(value.instead_of)} elsewhere")
    if not any(value.own for value in given):
        print(f"  of {dataset} alone: nothing")
    print("\nnot in the file, at their defaults")
    for name, default in defaults.items():
        print(f"  {name}: {_shown(default)}")
    if with_groups:
        _print_rates(model, entry)


def _print_values(given: Sequence[Value]) -> None:
    """Values below their sources, a source once for all values in a row that have it."""
    for part, of_part in groupby(given, lambda value: value.key.partition(".")[0]):
        print(f"\n{part}")
        for source, group in groupby(of_part, lambda value: value.source):
            print(f"  # {source or 'no source'}")
            for value in group:
                print(f"  {value.key.partition('.')[2]}: {_shown(value.value)}")


def _print_rates(model: str, entry: Any) -> None:
    """A line per group of parameters, and the rate at the beginning of each epoch."""
    print("\nwho learns how fast")
    for group in rates.groups(model, entry):
        layer = "" if group["layer"] is None else f"layer {group['layer']:2}, "
        print(
            f"  {layer}rate × {group['scale']:.4g} = {group['rate']:.4g}, weight decay "
            f"{group['weight_decay']:g}: {group['tensors']} tensors, {group['values']:,} values"
        )
        print(f"    {', '.join(group['names'])}")
    print("\nrate at the beginning of each epoch")
    print("  " + " ".join(f"{rate:.3g}" for rate in rates.by_epoch(entry.recipe)))


def _facts(entry: Any) -> dict[str, Any]:
    """What the numbers come to at the recipe's batch."""
    asked = entry.recipe
    facts = {
        "videos per step": asked.batch // asked.samples,
        "highest rate": asked.lr * asked.rate,
        "highest rate of the head": asked.lr * asked.rate * asked.head_factor,
        "first rate": (asked.warmup_lr if asked.warmup_epochs else asked.lr) * asked.rate,
        "last rate": _last(asked) * asked.rate,
        "views of a test video": entry.protocol.clips * entry.protocol.crops,
    }
    # products of decimal numbers, without the rounding of their binary ones
    return {
        name: float(f"{fact:.6g}") if isinstance(fact, float) else fact
        for name, fact in facts.items()
    }


def _last(asked: Any) -> float:
    return asked.lr * 0.1 ** len(asked.steps) if asked.schedule == "steps" else asked.min_lr


def _defaults(model: str, size: str, entry: Any) -> dict[str, Any]:
    """Keys of input and recipe that the file leaves out, with their values."""
    given = {value.key for value in values(model, size, None)}
    found = {}
    for part in ("input", "recipe"):
        for key, value in params.plain(getattr(entry, part)).items():
            name = f"{part}.{key}"
            if name not in given:
                found[name] = value
    return found


def _plain(value: Value) -> dict[str, Any]:
    found = {"key": value.key, "value": value.value, "source": value.source}
    return found | ({"elsewhere": value.instead_of} if value.own else {})


def _shown(value: object) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False).strip('"')
