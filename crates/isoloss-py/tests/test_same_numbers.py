"""Every function gives the object that the command line prints, to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import isoloss
import pytest

RUNS = "data/first-light/runs.jsonl"
QUIET: dict[str, Any] = {"progress": False}


def same(ours: isoloss.Result, theirs: Any) -> None:
    """Floats compare by their bits: JSON writes the digits that give them back."""
    assert json.loads(json.dumps(ours.to_dict())) == theirs


@pytest.fixture(scope="module")
def fitted() -> isoloss.Fit:
    return isoloss.fit(RUNS, bootstrap=200, **QUIET)


def test_read_logs(cli: Any) -> None:
    same(isoloss.read_logs(RUNS, **QUIET), cli("logs", RUNS))


def test_read_logs_with_every_flag(cli: Any) -> None:
    ours = isoloss.read_logs(
        RUNS, map={"loss": "train_loss"}, exclude=[0, 1, 2, 7], where="lr <= 1e-2", best_per="cell",
        params="non-embedding", **QUIET,
    )
    theirs = cli(
        "logs", RUNS, "--map", "loss=train_loss", "--exclude", "0-2,7", "--where", "lr <= 1e-2", "--best-per", "cell",
        "--params", "non-embedding",
    )
    same(ours, theirs)


def test_fit(cli: Any, fitted: isoloss.Fit) -> None:
    same(fitted, cli("fit", RUNS, "--bootstrap", "200"))


def test_fit_with_many_flags(cli: Any) -> None:
    ours = isoloss.fit(
        RUNS, "chinchilla", objective="huber-log", delta=2e-3, bound={"alpha": (0.2, 0.9)},
        prior={"beta": (0.7, 0.1)}, bootstrap=100, resample="size", profile="none", seed=7, level=0.9,
        hold_out="C>=9e12", at=["1e14", 1e15], leave_out="size", **QUIET,
    )
    theirs = cli(
        "fit", RUNS, "--law", "chinchilla", "--objective", "huber-log", "--delta", "2e-3", "--bound", "alpha=0.2..0.9",
        "--prior", "beta=0.7+-0.1", "--bootstrap", "100", "--resample", "size", "--profile", "none", "--seed", "7",
        "--level", "0.9", "--hold-out", "C>=9e12", "--at", "1e14", "--at", "1e15", "--leave-out", "size",
    )
    same(ours, theirs)
    ours = isoloss.fit(RUNS, objective="lad-log", fix={"E": 1.02}, bootstrap=50, test=RUNS, **QUIET)
    theirs = cli("fit", RUNS, "--objective", "lad-log", "--fix", "E=1.02", "--bootstrap", "50", "--test", RUNS)
    same(ours, theirs)
    held = isoloss.fit(RUNS, fix="beta@besiroglu", bootstrap=0, **QUIET)
    same(held, cli("fit", RUNS, "--fix", "beta@besiroglu", "--bootstrap", "0"))


def test_laws_are_compared_alike(cli: Any) -> None:
    ours = isoloss.fit(RUNS, "auto", bootstrap=50, leave_future_out="C", **QUIET)
    same(ours, cli("fit", RUNS, "--law", "auto", "--bootstrap", "50", "--leave-future-out", "C"))


def test_fit_by_a_column(cli: Any) -> None:
    ours = isoloss.fit(RUNS, bootstrap=50, by="trainer", **QUIET)
    assert isinstance(ours, isoloss.Fits)
    same(ours, cli("fit", RUNS, "--bootstrap", "50", "--by", "trainer"))
    assert list(ours.fits()) == ["burn-flex"]


def test_runs_that_were_read_are_fitted_alike(fitted: isoloss.Fit) -> None:
    again = isoloss.read_logs(RUNS, **QUIET).fit(bootstrap=200, **QUIET)
    assert again.to_dict() == fitted.to_dict()


def test_saved_fits_are_the_same_file(cli: Any, fitted: isoloss.Fit, tmp_path: Path) -> None:
    ours, theirs, again = (str(tmp_path / name) for name in ("ours.json", "theirs.json", "again.json"))
    fitted.save(ours)
    cli("fit", RUNS, "--bootstrap", "200", "-o", theirs)
    assert Path(ours).read_text() == Path(theirs).read_text()
    loaded = isoloss.load_fit(theirs)
    loaded.save(again)
    assert Path(again).read_text() == Path(theirs).read_text()
    assert loaded.coefficients == fitted.coefficients


def test_predict(cli: Any, fitted: isoloss.Fit, tmp_path: Path) -> None:
    path, points = str(tmp_path / "fit.json"), str(tmp_path / "points.csv")
    fitted.save(path)
    Path(points).write_text("run,params,tokens\na,1e6,1e8\nb,2.5M,3e7\n")
    theirs = cli("predict", path, points, "--quantiles", "0.1,0.9")
    same(fitted.predict(points, quantiles=[0.1, 0.9]), theirs)
    same(isoloss.predict(path, points, quantiles=[0.1, 0.9]), theirs)


PLANS = [
    ({"flops": 1e24}, ["--flops", "1e24"]),
    ({"flops": "5.76e23", "serve_tokens": "1T..4T"}, ["--flops", "5.76e23", "--serve-tokens", "1T..4T"]),
    ({"flops": 1e22, "serve_tokens": (1e12, 4e12)}, ["--flops", "1e22", "--serve-tokens", "1T..4T"]),
    (
        {"gpus": 1024, "device": "H100 SXM", "days": 30, "mfu": 0.4, "serve_tokens": 2e12},
        ["--gpus", "1024", "--device", "H100 SXM", "--days", "30", "--mfu", "0.4", "--serve-tokens", "2T"],
    ),
    ({"usd": "$2M", "device": "H200", "mfu": "0.3..0.45"}, ["--usd", "$2M", "--device", "H200", "--mfu", "0.3..0.45"]),
    ({"quality_of": "70B", "serve_tokens": "10T"}, ["--quality-of", "70B", "--serve-tokens", "10T"]),
    ({"loss": 2.0, "params": "20B"}, ["--loss", "2.0", "--params", "20B"]),
    (
        {"quality_of": 30e9, "device": "H100 SXM", "serve_device": "H100 SXM", "serve_tokens": "1T..4T",
         "tpot": 0.02, "mfu": "published", "recipe": True, "what_if": True, "draws": 500, "seed": 3},
        ["--quality-of", "30B", "--device", "H100 SXM", "--serve-device", "H100 SXM", "--serve-tokens", "1T..4T",
         "--tpot", "20ms", "--mfu", "published", "--recipe", "--what-if", "--draws", "500", "--seed", "3"],
    ),
    (
        {"flops": 1e22, "unique_tokens": "50B", "max_epochs": 8, "memory": 24e9, "weight_bits": 4, "context": 8192},
        ["--flops", "1e22", "--unique-tokens", "50B", "--max-epochs", "8", "--memory", "24GB", "--weight-bits", "4",
         "--context", "8192"],
    ),
]


@pytest.mark.parametrize(("keywords", "flags"), PLANS, ids=lambda x: str(x)[:40])
def test_plan(cli: Any, keywords: dict[str, Any], flags: list[str]) -> None:
    same(isoloss.plan("besiroglu", **keywords), cli("plan", "--law", "besiroglu", *flags))


def test_plan_with_experts_and_several_laws(cli: Any) -> None:
    ours = isoloss.plan("joint-moe", flops=1e22, experts=[1, 4, 8], memory="24GB")
    same(ours, cli("plan", "--law", "joint-moe", "--flops", "1e22", "--experts", "1,4,8", "--memory", "24GB"))
    theirs = cli("plan", "--law", "besiroglu,hoffmann-a3-devries", "--flops", "1e23")
    same(isoloss.plan(["besiroglu", "hoffmann-a3-devries"], flops=1e23), theirs)
    same(isoloss.plan("besiroglu,hoffmann-a3-devries", flops=1e23), theirs)


def test_a_fit_is_a_law_as_object_and_as_file(cli: Any, fitted: isoloss.Fit, tmp_path: Path) -> None:
    path = str(tmp_path / "fit.json")
    fitted.save(path)
    theirs = cli("plan", "--law", path, "--flops", "1e15")
    same(fitted.plan(flops=1e15), theirs)
    same(isoloss.plan(path, flops=1e15), theirs)
    same(isoloss.plan(tmp_path / "fit.json", flops=1e15), theirs)
    same(fitted.curve(loss=1.3), cli("curve", "--law", path, "--loss", "1.3"))
    same(fitted.compare(loss=1.3, ratios=[20, 100]), cli("compare", "--law", path, "--loss", "1.3", "--ratios", "20,100"))
    same(fitted.explain(params=1e6, tokens=1e8), cli("explain", "--law", path, "--params", "1e6", "--tokens", "1e8"))


def test_curve(cli: Any) -> None:
    same(isoloss.curve("besiroglu", quality_of="70B"), cli("curve", "--law", "besiroglu", "--quality-of", "70B"))
    ours = isoloss.curve(
        "besiroglu", family=["7B", 70e9], axis="usd", device="H100 SXM", mfu=0.4, models=["LLaMA 7B"], points=20
    )
    theirs = cli(
        "curve", "--law", "besiroglu", "--family", "7B,70B", "--axis", "usd", "--device", "H100 SXM", "--mfu", "0.4",
        "--models", "LLaMA 7B", "--points", "20",
    )
    same(ours, theirs)


def test_compare(cli: Any) -> None:
    ours = isoloss.compare("besiroglu", quality_of=70e9, sizes=["35B", "21B"])
    same(ours, cli("compare", "--law", "besiroglu", "--quality-of", "70B", "--sizes", "35B,21B"))


def test_explain(cli: Any) -> None:
    same(isoloss.explain("LLaMA 7B"), cli("explain", "LLaMA 7B"))
    same(isoloss.explain("Mistral 7B", against="Gopher"), cli("explain", "Mistral 7B", "--against", "Gopher"))
    ours = isoloss.explain(params="8.03B", tokens="15T", law="besiroglu", more_tokens=1e12)
    theirs = cli("explain", "--params", "8.03B", "--tokens", "15T", "--law", "besiroglu", "--more-tokens", "1T")
    same(ours, theirs)


def test_serving(cli: Any) -> None:
    ours = isoloss.serving("Mixtral 8x7B", device="H100 SXM", gpus=2, twins=True, batch=[1, 8], tpot="30ms")
    theirs = cli(
        "serving", "Mixtral 8x7B", "--device", "H100 SXM", "--gpus", "2", "--twins", "--batch", "1,8", "--tpot", "30ms"
    )
    same(ours, theirs)
    ours = isoloss.serving(params="13B", device="H100 SXM", bits=4, memory="40GB", ideal=True)
    same(ours, cli("serving", "--params", "13B", "--device", "H100 SXM", "--bits", "4", "--memory", "40GB", "--ideal"))


def curve_of(path: Path, steps: int, until: int, shift: float) -> None:
    """A run on a cosine that is followed for some of its steps."""
    import math

    lines = ["step,lr,loss"]
    for step in range(10, until + 1, 10):
        rate = 1e-3 * (0.1 + 0.45 * (1 + math.cos(math.pi * step / until)))
        loss = f"{2.0 + shift + 3.0 * step**-0.3 - 60 * (1e-3 - rate) * 0.3:.6f}" if step <= steps else ""
        lines.append(f"{step},{rate:.9f},{loss}")
    path.write_text("\n".join(lines) + "\n")


def test_forecast(cli: Any, tmp_path: Path) -> None:
    half, whole = tmp_path / "half.csv", tmp_path / "whole.csv"
    curve_of(half, 1200, 2000, 0.0)
    curve_of(whole, 1500, 1500, 0.0)
    ours = isoloss.forecast(half, whole, bootstrap=20, warmup=0, **QUIET)
    theirs = cli("forecast", str(half), str(whole), "--bootstrap", "20", "--warmup", "0")
    same(ours, theirs)


def test_recipe_and_tune(cli: Any, tmp_path: Path) -> None:
    same(isoloss.recipe("7B", "2T"), cli("recipe", "--params", "7B", "--tokens", "2T"))
    ours = isoloss.recipe(3e9, 1e12, experts=16, top_k=2, device="H200", days=20)
    theirs = cli(
        "recipe", "--params", "3B", "--tokens", "1T", "--experts", "16", "--top-k", "2", "--device", "H200", "--days", "20"
    )
    same(ours, theirs)


def test_gain(cli: Any) -> None:
    dense, moe = "data/bytes-dense/runs.jsonl", "data/bytes-moe/runs.jsonl"
    ours = isoloss.gain({"bytes-dense": dense, "bytes-moe": moe}, bootstrap=50, tps=["1M", "930k"], **QUIET)
    flags = ["--bootstrap", "50", "--tps-a", "1M", "--tps-b", "930k"]
    same(ours, cli("gain", dense, moe, *flags))
    assert ours.to_rows()[0]["way"] == "measured losses"


def test_mix(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = ["run,share_code,share_web,share_books,loss"]
    for k in range(24):
        code, web = (k % 6) / 7, (k // 6) / 7 * (1 - (k % 6) / 7)
        loss = 2 + 2.718 ** (0.4 - 0.9 * code + 0.3 * web) + 0.002 * ((7 * k) % 5)
        rows.append(f"{k},{code},{web},{1 - code - web},{loss}")
    path.write_text("\n".join(rows) + "\n")
    ours = isoloss.mix(str(path), floor={"web": 0.05}, budget="1T", tokens={"code": "100B"}, bootstrap=30, **QUIET)
    flags = ["--floor", "web=0.05", "--budget", "1T", "--tokens", "code=100B", "--bootstrap", "30"]
    same(ours, cli("mix", str(path), *flags))
    assert sum(row["share"] for row in ours.to_rows()) > 0.999


def test_lists(cli: Any) -> None:
    for name in ("laws", "models", "devices"):
        same(getattr(isoloss, name)(), cli(name))


def test_text_is_that_of_the_command_line(cli_text: Any, fitted: isoloss.Fit, tmp_path: Path) -> None:
    path, points = str(tmp_path / "fit.json"), str(tmp_path / "points.csv")
    fitted.save(path)
    Path(points).write_text("run,params,tokens\na,1e6,1e8\n")
    law = ["--law", "besiroglu"]
    for ours, *flags in (
        (isoloss.read_logs(RUNS, **QUIET), "logs", RUNS),
        (isoloss.predict(path, points, quantiles=[0.1]), "predict", path, points, "--quantiles", "0.1"),
        (isoloss.plan("besiroglu", flops=1e24), "plan", *law, "--flops", "1e24"),
        (isoloss.curve("besiroglu", quality_of="70B"), "curve", *law, "--quality-of", "70B"),
        (isoloss.curve("besiroglu", family="7B,70B"), "curve", *law, "--family", "7B,70B"),
        (isoloss.compare("besiroglu", quality_of="70B", ratios=[20, 100]),
         "compare", *law, "--quality-of", "70B", "--ratios", "20,100"),
        (isoloss.explain("LLaMA 7B"), "explain", "LLaMA 7B"),
        (isoloss.serving("Mistral 7B", device="H100 SXM"), "serving", "Mistral 7B", "--device", "H100 SXM"),
        (isoloss.recipe("7B", "2T"), "recipe", "--params", "7B", "--tokens", "2T"),
        (isoloss.laws(), "laws"), (isoloss.models(), "models"), (isoloss.devices(), "devices"),
    ):  # fmt: skip
        assert repr(ours) + "\n" == cli_text(*flags), flags
    # What to do next is said in the words of each.
    theirs = [line for line in cli_text("fit", RUNS, "--bootstrap", "200").splitlines() if "next: " not in line]
    assert [line.rstrip() for line in repr(fitted).splitlines()] == [line.rstrip() for line in theirs]
