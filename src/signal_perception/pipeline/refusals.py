"""A part of a file against its schema; a mistake is one sentence with the full name of its key."""

import difflib
from collections.abc import Iterable
from typing import TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.text import on_one_line

# Of a key or value that is quoted.
_LETTERS = 200

Checked = TypeVar("Checked", bound=BaseModel)


def check(
    schema: type[Checked], content: object, file: str, prefix: tuple[str, ...] = ()
) -> Checked:
    """Content as an object; UserError, with file and full key, where it does not fit the schema."""
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        sentence = _sentence(error, content, schema, prefix)
        raise UserError(f"{file}: {sentence}{'' if sentence.endswith('?') else '.'}") from None


def _sentence(
    error: ValidationError, content: object, schema: type[BaseModel], prefix: tuple[str, ...]
) -> str:
    """The first mistake as one sentence; a misspelt key comes before the gap it leaves."""
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    fault = faults[0]
    keys = _key(fault["loc"], content)
    name = _dotted([*prefix, *keys])
    more = f" ({len(faults) - 1} more mistakes)" if len(faults) > 1 else ""
    match fault["type"]:
        case "extra_forbidden":
            siblings = _known(schema, keys[:-1])
            near = difflib.get_close_matches(str(keys[-1]), siblings, n=1)
            hint = (
                f"did you mean {_dotted([*prefix, *keys[:-1], near[0]])}?"
                if near
                else f"known keys there: {names(siblings)}"
            )
            return f"{name} is no known key; {hint}"
        case "missing":
            return f"{name} is missing{more}"
        case "value_error":
            return f"{name}.".removeprefix(".") + str(fault["msg"]).removeprefix("Value error, ")
    text = str(fault["msg"])
    return f"{name} is {_short(repr(fault['input']))}, but {text[0].lower()}{text[1:]}{more}"


def _key(location: tuple[int | str, ...], content: object) -> list[int | str]:
    """The keys of the file that pydantic's location stands for.

    Pydantic also names the variant of a union there, which no file has.
    """
    keys: list[int | str] = []
    here = content
    for index, step in enumerate(location):
        last = index == len(location) - 1
        if step == "[key]":
            continue
        if isinstance(here, dict) and (step in here or last):
            keys.append(step)
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            keys.append(step)
            here = here[step]
    return keys


def _known(annotation: object, keys: list[int | str]) -> list[str]:
    """Keys that the schema knows below `keys`, looking through mappings and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        return _known(fields[str(keys[0])].annotation, keys[1:]) if keys else list(fields)
    parts = get_args(annotation)
    if get_origin(annotation) is dict:
        return _known(parts[1], keys[1:])
    return list(dict.fromkeys(name for part in parts for name in _known(part, keys)))


def _dotted(keys: Iterable[int | str]) -> str:
    parts = (f"[{key}]" if isinstance(key, int) else f".{_short(key)}" for key in keys)
    return "".join(parts).removeprefix(".")


def _short(text: str) -> str:
    """What a file holds, in a sentence: its beginning, without control characters."""
    return on_one_line(text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…")


def names(found: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(sorted(found))
