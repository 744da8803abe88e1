"""What several parts of the report ask of the same tables, computed once."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_MOST = 1024


class _Same:
    """A table as a key: equal to itself alone, whatever stands in another one."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which answers the same question about the same objects from memory.

    What is asked about and what is answered must not be changed in place.
    """

    @lru_cache(_MOST)
    def once(args: tuple[Any, ...], named: tuple[tuple[str, Any], ...]) -> R:
        given: Any = function
        return given(
            *(_value(each) for each in args), **{name: _value(each) for name, each in named}
        )

    @wraps(function)
    def asked(*args: P.args, **named: P.kwargs) -> R:
        return once(
            tuple(_key(each) for each in args),
            tuple((name, _key(each)) for name, each in named.items()),
        )

    return asked


def _key(value: Any) -> Any:
    """The value itself where it can be a key, else its identity: tables, and what holds them."""
    try:
        hash(value)
    except TypeError:
        return _Same(value)
    return value


def _value(key: Any) -> Any:
    return key.value if isinstance(key, _Same) else key
