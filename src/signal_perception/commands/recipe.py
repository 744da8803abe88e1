"""The recipe of one model on one data set, each value with its source."""

import json
from collections.abc import Sequence
from typing import Any

from signal_perception.commands import output
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
            # only who asks for rates waits for PyTorch
            from signal_perception.commands import rates

            content["groups"] = list(rates.groups(model, entry))
            content["rate by epoch"] = rates.by_epoch(entry.recipe)
        output.as_json(content)
        return
    title = f"{model} at size {size} on {dataset}: {params.MODELS / model}.yaml"
    # the names of files are long, and would push all other sources off the screen
    weights = [value for value in given if value.key.startswith("pretrained.")]
    others = [value for value in given if value not in weights]
    for heading, values_of in ((title, others), ("weights to start from", weights)):
        if values_of:
            output.table(heading, ("key", "value", "source"), _rows(values_of))
            print()
    output.table("what follows", ("", ""), [(name, _shown(fact)) for name, fact in facts.items()])
    print()
    own = [value for value in given if value.own]
    for value in own:
        print(f"of {dataset} alone: {value.key}, {_shown(value.instead_of)} elsewhere")
    if not own:
        print(f"of {dataset} alone: nothing")
    print()
    rows = [(name, _shown(default)) for name, default in defaults.items()]
    output.table("not in the file, at their defaults", ("key", "value"), rows)
    if with_groups:
        _print_rates(model, entry)


def _rows(given: Sequence[Value]) -> list[tuple[str, str, str]]:
    """Key, value and source of each, a source once for all values in a row that have it."""
    rows = []
    above: tuple[str, str] | None = None
    for value in given:
        source = value.source or "no source"
        whose = (value.key.partition(".")[0], source)
        rows.append((value.key, _shown(value.value), "" if whose == above else source))
        above = whose
    return rows


def _print_rates(model: str, entry: Any) -> None:
    """A line per group of parameters, and the rate at the beginning of each epoch."""
    from signal_perception.commands import rates

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
