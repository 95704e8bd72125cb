"""Tables in memory, in and out, by the libraries that made them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._isoloss import Table


def sources(*given: Any) -> list[Any]:
    """Paths as text and tables, of what a user hands over: one of them, or lists of them."""
    return list(_sources(given))


def _sources(given: Iterable[Any]) -> Iterator[Any]:
    for one in given:
        if isinstance(one, (str, os.PathLike)):
            yield os.fspath(one)
        elif isinstance(one, Table):
            yield one
        elif (table := table_of(one)) is not None:
            yield table
        elif isinstance(one, Iterable):
            items = list(one)
            if items and all(isinstance(item, Mapping) for item in items):
                yield _of_rows(items)
            else:
                yield from _sources(items)
        else:
            raise TypeError(
                f"cannot read {type(one).__name__}: expected paths, frames of pandas or polars, dicts of "
                "columns, structured arrays, or anything with __arrow_c_stream__"
            )


def table_of(one: Any) -> Table | None:
    """A table of a frame, a dict of columns or a structured array; ``None`` for anything else."""
    module = type(one).__module__.partition(".")[0]
    if module == "pandas" and hasattr(one, "columns"):
        named = [(str(name), _of_pandas(one.iloc[:, at])) for at, name in enumerate(one.columns)]
        return Table(_called(one), named, True)
    if module == "polars" and hasattr(one, "collect"):
        one = one.collect()
    if module == "polars" and hasattr(one, "get_columns"):
        return Table(_called(one), [(c.name, _of_polars(c)) for c in one.get_columns()], False)
    if module == "pyarrow" and hasattr(one, "column_names"):
        named = [(name, _of_arrow(one.column(at))) for at, name in enumerate(one.column_names)]
        return Table(_called(one), named, False)
    if hasattr(one, "__arrow_c_stream__"):
        return table_of(_imported(one))
    if hasattr(one, "__arrow_c_array__"):
        return table_of(_imported(one, batch=True))
    if isinstance(one, Mapping):
        return Table("dict", [(str(name), _cells(column)) for name, column in one.items()], True)
    names = getattr(getattr(one, "dtype", None), "names", None)
    if names:
        return Table("array", [(name, _cells(one[name])) for name in names], True)
    return None


def _of_rows(rows: list[Mapping[str, Any]]) -> Table:
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    return Table("rows", [(name, [row.get(name) for row in rows]) for name in names], True)


def _called(one: Any) -> str:
    """What messages call it: the name a frame was given, else what it is."""
    attributes = getattr(one, "attrs", None)
    name = attributes.get("name") if isinstance(attributes, Mapping) else None
    return str(name) if name else type(one).__name__


def _numbers(array: Any) -> Any:
    """Bytes of 64-bit floats; of what is 64-bit floats already, without a conversion."""
    return array.astype("float64", copy=False).tobytes()


def _cells(column: Any) -> Any:
    dtype = getattr(column, "dtype", None)
    if getattr(dtype, "kind", None) in ("f", "i", "u") and hasattr(column, "astype"):
        return _numbers(column)
    if hasattr(column, "to_numpy") and not hasattr(column, "dtype"):
        return list(column)
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    """A value as Python has it, numbers of other libraries too."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", 0) == 0 else value


def _of_pandas(series: Any) -> Any:
    kind = getattr(series.dtype, "kind", "O")
    if kind in ("f", "i", "u"):
        # Of the nullable kinds, too: an empty cell becomes NaN, which says so here.
        return _numbers(series.to_numpy(dtype="float64", na_value=float("nan")))
    empty = series.isna().to_numpy()
    return [None if gone else _plain(value) for value, gone in zip(series.tolist(), empty)]


def _of_polars(series: Any) -> Any:
    if series.dtype.is_numeric() and not series.dtype.is_decimal() and series.null_count() == 0:
        return _numbers(series.to_numpy())
    return [_number(value) for value in series.to_list()]


def _of_arrow(column: Any) -> Any:
    import pyarrow.types as kinds

    if (kinds.is_integer(column.type) or kinds.is_floating(column.type)) and column.null_count == 0:
        return _numbers(column.to_numpy())
    return [_number(value) for value in column.to_pylist()]


def _number(value: Any) -> Any:
    """Decimals are numbers."""
    return float(value) if type(value).__name__ == "Decimal" else value


def _imported(one: Any, batch: bool = False) -> Any:
    """A table behind the Arrow PyCapsule interface, by whichever library is there; no buffer is copied."""
    try:
        import pyarrow

        return pyarrow.table(pyarrow.record_batch(one)) if batch else pyarrow.table(one)
    except ImportError:
        pass
    try:
        import polars

        return polars.DataFrame(one)
    except ImportError:
        raise ImportError(
            f"reading {type(one).__name__} needs pyarrow or polars: pip install 'isoloss[arrow]'"
        ) from None


def is_cell(value: Any) -> bool:
    """Whether a value fits in a cell, or two as an interval does."""
    return not isinstance(value, (dict, list)) or _is_interval(value)


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(x, (int, float)) for x in value)


#: Columns that come first, where a table has them: what a row is about, N, D and the loss.
FIRST = (
    "law", "name", "run", "model", "kind", "strategy", "coefficient", "value", "batch", "params", "n", "tokens", "d",
    "tokens_per_param", "loss", "loss_nats", "loss_lo", "loss_hi", "interval_lo", "interval_hi", "train_flops", "c",
)  # fmt: skip


def flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose groups are columns ``group_key`` and whose intervals are ``…_lo`` and ``…_hi``."""
    place = {name: at for at, name in enumerate(FIRST)}
    flats = (dict(_flat(row)) for row in rows)
    return [dict(sorted(one.items(), key=lambda item: place.get(item[0], len(FIRST)))) for one in flats]


def _flat(row: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}_")
        elif _is_interval(value):
            yield path + key + "_lo", value[0]
            yield path + key + "_hi", value[1]
        elif not isinstance(value, list):
            yield path + key, value


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def frame_of(rows: list[dict[str, Any]]) -> Any:
    """A frame of pandas where it is installed, else of polars."""
    for name in ("pandas", "polars"):
        try:
            library = sys.modules.get(name) or __import__(name)
        except ImportError:
            continue
        return library.DataFrame(_columns(rows))
    raise ImportError("to_frame() needs pandas or polars; to_rows() gives a list of dicts without them")


def arrow_of(rows: list[dict[str, Any]]) -> Any:
    """A table of pyarrow, or a frame of polars, which has the same interface."""
    try:
        import pyarrow

        return pyarrow.table(_columns(rows))
    except ImportError:
        pass
    try:
        import polars

        return polars.DataFrame(_columns(rows))
    except ImportError:
        raise ImportError("this needs pyarrow or polars: pip install 'isoloss[arrow]'") from None
