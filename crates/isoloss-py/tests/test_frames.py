"""Tables in memory come in and go out, every bit of them."""

from __future__ import annotations

import csv
import struct
from pathlib import Path
from typing import Any

import isoloss
import pytest

np = pytest.importorskip("numpy")
RUNS = 24
QUIET: dict[str, Any] = {"progress": False}


def columns() -> dict[str, Any]:
    """Runs of a law with a little noise, losses with all 52 bits in use."""
    seeds = np.random.default_rng(3)
    n = np.repeat(np.geomspace(1e7, 1e9, 6), 4)
    d = n * np.tile([5.0, 20.0, 80.0, 320.0], 6)
    loss = 1.7 + 400 / n**0.34 + 410 / d**0.28 + seeds.normal(0, 1e-3, RUNS)
    names = [f'run "{i}", of {RUNS}' for i in range(RUNS)]
    return {"run": names, "params": n, "tokens": d, "loss": loss, "good": np.arange(RUNS) != 5}


def frames() -> dict[str, Any]:
    """The same table in every form."""
    table = columns()
    found: dict[str, Any] = {"dict": table, "rows": [dict(zip(table, row)) for row in zip(*table.values())]}
    kinds = [("run", "U40"), ("params", "f8"), ("tokens", "f8"), ("loss", "f8"), ("good", "?")]
    array = np.empty(RUNS, dtype=kinds)
    for name in table:
        array[name] = table[name]
    found["structured"] = array
    try:
        import pandas as pd

        found["pandas"] = pd.DataFrame(table)
        found["pandas nullable"] = pd.DataFrame(table).convert_dtypes()
    except ImportError:
        pass
    try:
        import polars as pl

        found["polars"] = pl.DataFrame(table)
        found["polars lazy"] = pl.DataFrame(table).lazy()
    except ImportError:
        pass
    try:
        import pyarrow as pa

        found["pyarrow"] = pa.table({k: list(v) for k, v in table.items()})
        found["capsule"] = Capsule(found["pyarrow"])
        found["capsule of a batch"] = CapsuleOfBatch(found["pyarrow"].combine_chunks().to_batches()[0])
    except ImportError:
        pass
    return found


class Capsule:
    """Anything with the Arrow PyCapsule interface."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self.of.__arrow_c_stream__(requested_schema)


class CapsuleOfBatch:
    """The same of one batch."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def __arrow_c_array__(self, requested_schema: object = None) -> Any:
        return self.of.__arrow_c_array__(requested_schema)


@pytest.mark.parametrize("kind", list(frames()))
def test_every_bit_of_every_frame_arrives(kind: str) -> None:
    runs = isoloss.read_logs(frames()[kind], where="good == true", **QUIET)
    table = columns()
    kept = [i for i in range(RUNS) if i != 5]
    assert [run.run for run in runs.runs] == [table["run"][i] for i in kept]
    for field, name in (("n", "params"), ("d", "tokens"), ("loss_nats", "loss")):
        ours = [struct.pack("d", run[field]) for run in runs.runs]
        assert ours == [struct.pack("d", float(table[name][i])) for i in kept]


@pytest.mark.parametrize("kind", list(frames()))
def test_a_frame_fits_as_the_file_of_its_cells(kind: str, tmp_path: Path) -> None:
    table = columns()
    path = tmp_path / "runs.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows([*row[:1], *(repr(float(x)) for x in row[1:4]), *row[4:]] for row in zip(*table.values()))
    ours = isoloss.fit(frames()[kind], bootstrap=50, **QUIET).to_dict()
    theirs = isoloss.fit(path, bootstrap=50, **QUIET).to_dict()
    for of_the_source in ("files", "data_digest"):
        ours.pop(of_the_source), theirs.pop(of_the_source)
    assert ours == theirs


def test_empty_cells_are_empty_and_nan_of_polars_says_so() -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    table = {"params": [1e8, 2e8, 4e8], "tokens": [2e9, 4e9, 8e9], "loss": [3.1, float("nan"), 2.8]}
    for frame, what in ((pd.DataFrame(table), "empty"), (pl.DataFrame(table), "NaN")):
        with pytest.raises(isoloss.DataError, match=rf"<DataFrame>:3: `loss` is {what}") as raised:
            isoloss.fit(frame, **QUIET)
        assert raised.value.hint == "skip_bad=True leaves bad rows out"
        assert len(isoloss.read_logs(frame, skip_bad=True, **QUIET)) == 2


def test_maps_units_and_refusals_are_those_of_files() -> None:
    table = {"Model (M)": [100.0, 200.0], "D in B": [2.0, 4.0], "ce": [3.1, 2.9]}
    runs = isoloss.read_logs(table, map={"n": "Model (M)*1e6", "d": "D in B*1e9", "loss": "ce"}, **QUIET)
    assert [run.c for run in runs.runs] == [6 * 1e8 * 2e9, 6 * 2e8 * 4e9]
    with pytest.raises(isoloss.DataError, match="no column") as raised:
        isoloss.fit(table, **QUIET)
    assert 'map={"' in (raised.value.hint or "")
    units = isoloss.read_logs({"params_m": [100, 200], "tokens_b": [2, 4], "loss": [3.1, 2.9]}, **QUIET)
    assert units.runs[1].n == 2e8


def test_step_logs_in_memory_are_logs() -> None:
    steps = np.tile(np.arange(1, 201) * 10, 2)
    table = {
        "run": np.repeat(["a", "b"], 200), "step": steps, "loss": np.repeat([2.0, 1.9], 200) + 3 * steps**-0.3,
        "tokens": steps * 1e6, "n_params": np.repeat([1e7, 2e7], 200),
    }
    runs = isoloss.read_logs(table, given={"status": "finished"}, **QUIET)
    assert [(run.run, run.n, run.d) for run in runs.runs] == [("a", 1e7, 2e9), ("b", 2e7, 2e9)]


def test_points_and_curves_come_as_frames() -> None:
    pd = pytest.importorskip("pandas")
    fit = isoloss.fit(columns(), bootstrap=20, **QUIET)
    ahead = fit.predict(pd.DataFrame({"run": ["a"], "params": [2e9], "tokens": [4e10]}))
    assert ahead.rows[0].run == "a" and ahead.rows[0].loss < 2.5
    step = np.arange(10, 2001, 10)
    whole = pd.DataFrame({"step": step, "lr": 1e-3, "loss": 2 + 3 * step**-0.3})
    half = whole.assign(loss=whole.loss.where(whole.step <= 1000))
    assert isoloss.forecast(half, whole, bootstrap=0, warmup=0, **QUIET).to_dict()["loss"] > 2


def test_answers_go_out_as_frames() -> None:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    curve = isoloss.curve("besiroglu", quality_of="70B")
    frame = curve.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.params.tolist() == [point.params for point in curve.points]
    assert pl.DataFrame(curve)["params"].to_list() == frame.params.tolist()
    assert pa.table(curve).column("params").to_pylist() == frame.params.tolist()
    fit = isoloss.fit(columns(), bootstrap=50, **QUIET)
    by_name = fit.to_frame().set_index("coefficient")
    assert by_name.loc["E", "value"] == fit.coefficients["E"]
    assert by_name.loc["E", "interval_lo"] == fit.intervals["E"][0]
    for answer in (
        isoloss.plan("besiroglu", flops=1e24), isoloss.explain("LLaMA 7B"), isoloss.laws(), isoloss.models(),
        isoloss.serving("Mistral 7B", device="H100 SXM"), isoloss.recipe("7B", "2T"),
        isoloss.compare("besiroglu", quality_of="70B", ratios=[20, 100]), isoloss.read_logs(columns(), **QUIET),
    ):
        assert len(answer.to_frame()) == len(answer.to_rows()) > 0


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot read int"):
        isoloss.read_logs(7, **QUIET)
    with pytest.raises(isoloss.DataError, match="columns of one length"):
        isoloss.read_logs({"params": [1e8], "tokens": [1e9, 2e9]}, **QUIET)
