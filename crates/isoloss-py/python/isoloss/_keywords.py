"""Keywords that a function does not have."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with a ``TypeError`` for an unknown keyword that names the nearest one."""
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                meant = f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(known)}"
                raise TypeError(f"{function.__name__}() has no keyword {name!r}{meant}")
        return function(*args, **kwargs)

    return call


def given(names: dict[str, Any], *but: str) -> dict[str, Any]:
    """The keywords that were given, of ``locals()``."""
    return {name: value for name, value in names.items() if value is not None and name not in but}
