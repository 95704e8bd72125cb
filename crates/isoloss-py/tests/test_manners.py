"""Errors, warnings, pages, Ctrl-C and other threads."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import isoloss
import pytest

RUNS = "data/first-light/runs.jsonl"
QUIET: dict[str, Any] = {"progress": False}


def test_errors_carry_the_message_and_a_hint_in_python() -> None:
    with pytest.raises(isoloss.LawError, match="besiroglu") as raised:
        isoloss.plan("besirogl", flops=1e24)
    assert isinstance(raised.value, ValueError) and "isoloss.laws()" in raised.value.hint
    with pytest.raises(isoloss.StudyError) as raised:
        isoloss.plan("besiroglu")
    assert "flops=" in raised.value.hint and "--" not in str(raised.value)
    with pytest.raises(isoloss.DataError, match="no-such-file"):
        isoloss.read_logs("no-such-file.csv", **QUIET)
    with pytest.raises(isoloss.CostError):
        isoloss.serving("Mistral 7B", device="H1000")
    with pytest.raises(isoloss.PlanError):
        isoloss.curve("besiroglu", loss=0.5)
    with pytest.raises(isoloss.Error, match="flops"):
        isoloss.plan("besiroglu", flops="many")
    with pytest.raises(isoloss.Error, match="expected one of"):
        isoloss.fit(RUNS, objective="best", **QUIET)


def test_unknown_keywords_name_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"plan\(\) has no keyword 'flop'; did you mean 'flops'\?"):
        isoloss.plan("besiroglu", flop=1e24)
    with pytest.raises(TypeError, match="did you mean 'bootstrap'"):
        isoloss.fit(RUNS, bootstraps=10)


def test_only_what_puts_the_answer_in_doubt_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = isoloss.fit(RUNS, bootstrap=50, **QUIET)
        plan = isoloss.plan("besiroglu", flops=1e24)
    assert [w.code for w in plan.warnings] == ["extrapolation"] and plan.warnings[0].severity == "doubtful"
    assert "few-runs" in [w.code for w in fit.warnings]
    with pytest.warns(isoloss.IsolossWarning, match=r"\[near-wall\]"):
        isoloss.compare("besiroglu", quality_of="70B", sizes=["10.3B"])


def test_pages_and_pictures(tmp_path: Path) -> None:
    fit = isoloss.fit(RUNS, bootstrap=50, **QUIET)
    page = fit._repr_html_()
    assert page.startswith("<div") and "chinchilla on 25 runs" in page and "<table" in page
    assert "few-runs" in page and "<script" not in page
    for answer in (
        fit, isoloss.read_logs(RUNS, **QUIET), isoloss.plan("besiroglu", flops=1e24),
        isoloss.curve("besiroglu", quality_of="70B"), isoloss.compare("besiroglu", quality_of="70B", ratios=[20, 50]),
        isoloss.serving("Mistral 7B", device="H100 SXM"),
    ):
        picture = answer.plot()
        assert picture._repr_svg_().startswith("<svg")
        assert "<table" in answer._repr_html_()
    for name in ("frontier", "valleys", "plane", "design"):
        fit.plot(name).save(tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.svg").read_text().startswith("<svg")
    fit.plot().save(tmp_path / "fit.png")
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(isoloss.Error):
        fit.plot().save(tmp_path / "fit.bmp")
    with pytest.raises(ValueError, match="has no chart"):
        isoloss.explain("LLaMA 7B").plot()


def test_names_in_tables_are_no_html() -> None:
    runs = isoloss.read_logs(
        {"run": ["<script>x</script>", "b"], "params": [1e8, 2e8], "tokens": [2e9, 4e9], "loss": [3.1, 2.9]}, **QUIET
    )
    assert "<script" not in runs._repr_html_()


def test_fields_are_attributes() -> None:
    plan = isoloss.plan("besiroglu", flops=1e24)
    assert plan.plans[1].strategy == plan["plans"][1]["strategy"] == "chinchilla"
    assert "recommended" in dir(plan)
    with pytest.raises(AttributeError, match="recommended"):
        _ = plan.nothing


def test_progress_is_told_and_can_stop() -> None:
    told: list[tuple[int, int]] = []
    isoloss.fit(RUNS, bootstrap=20000, progress=lambda done, total: told.append((done, total)))
    assert told and told[-1][0] <= told[-1][1]

    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Enough

    begun = time.monotonic()
    with pytest.raises(Enough):
        isoloss.fit(RUNS, bootstrap=1_000_000, progress=stop)
    assert time.monotonic() - begun < 5


def test_other_threads_run_while_a_fit_runs() -> None:
    ticks, going = 0, True

    def count() -> None:
        nonlocal ticks
        while going:
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begun = time.monotonic()
    isoloss.fit(RUNS, bootstrap=20000, **QUIET)
    took = time.monotonic() - begun
    going = False
    thread.join()
    # Under the lock there would be none but at its ends.
    assert took > 0.2 and ticks > 20 * took


@pytest.mark.skipif(os.name != "posix", reason="signals of other systems differ")
def test_ctrl_c_stops_a_fit() -> None:
    code = (
        "import isoloss, sys\n"
        "print('begun', flush=True)\n"
        "try:\n"
        f"    isoloss.fit({RUNS!r}, bootstrap=1_000_000, progress=False)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped', flush=True)\n"
        "    raise\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout and child.stdout.readline() == "begun\n"
    time.sleep(1)
    assert child.poll() is None
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert time.monotonic() - begun < 2.5
    assert out == "stopped\n" and "KeyboardInterrupt" in err and child.returncode != 0


def test_everything_public_is_described() -> None:
    for name in isoloss.__all__:
        one = getattr(isoloss, name)
        if callable(one):
            assert inspect.getdoc(one), name
    for name, one in vars(isoloss._isoloss).items():
        if callable(one) and not name.startswith("__"):
            assert inspect.getdoc(one), name


def test_stubs_name_what_is_there() -> None:
    import ast

    text = (Path(isoloss.__file__).parent / "_isoloss.pyi").read_text()
    names = {node.name for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    there = {name for name in vars(isoloss._isoloss) if not name.startswith("_")}
    assert names == there
    for kind in (isoloss._isoloss.Answer, isoloss._isoloss.Table):
        [stub] = [n for n in ast.parse(text).body if isinstance(n, ast.ClassDef) and n.name == kind.__name__]
        methods = {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}
        assert {name for name in vars(kind) if not name.startswith("__")} == {m for m in methods if not m.startswith("__")}


def test_examples_in_the_descriptions() -> None:
    import doctest

    import isoloss._verbs

    for module in (isoloss, isoloss._verbs):
        failed, tried = doctest.testmod(module)
        assert tried > 0 and failed == 0
