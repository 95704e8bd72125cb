"""The verbs of the command line as functions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Union

from . import _frames, _isoloss
from ._keywords import checked, given
from ._progress import Report, report_of
from ._results import (
    Comparison,
    Curve,
    Explanation,
    Fit,
    Fits,
    Forecast,
    Gains,
    Listing,
    Mixture,
    Plan,
    Prediction,
    Recipe,
    Runs,
    Serving,
    Tuning,
    told,
)

Path = Union[str, "os.PathLike[str]"]
#: A number, or as people write it: ``7e9``, ``"7B"``, ``"30d"``.
Amount = Union[float, int, str]
#: A number, a range ``(low, high)`` or ``(low, median, high)``, or text: ``"1T..4T"``.
Span = Union[float, int, str, Sequence[float]]
#: One law or several: a published name, a family with constants, a fit, or the path of one.
Law = Union[str, Fit, "os.PathLike[str]", Sequence[Union[str, Fit, "os.PathLike[str]"]]]
#: Paths of logs and folders, tables in memory, or several of them.
Logs = Any


def _watched(verb: Any, what: str, progress: bool | Report, *args: Any) -> Any:
    report, close = report_of(progress, what)
    try:
        return verb(*args, report)
    finally:
        close()


@checked
def read_logs(
    logs: Logs,
    *more: Logs,
    map: Mapping[str, str] | str | None = None,
    params: str | None = None,
    exclude: Sequence[int] | str | None = None,
    where: str | Sequence[str] | None = None,
    best_per: str | None = None,
    every_row: bool = False,
    skip_bad: bool = False,
    strict: bool = False,
    given: Mapping[str, Any] | str | Sequence[str] | None = None,
    loss: str | None = None,
    tail: float | None = None,
    patterns: Path | None = None,
    progress: bool | Report = True,
) -> Runs:
    """Reads logs of any tool, or frames, into a clean table of runs, as ``isoloss logs`` does.

    Args:
        logs: Files and folders, or tables in memory: pandas and polars frames, dicts of columns,
            structured arrays, anything with ``__arrow_c_stream__``. A table has a row per run or per step.
        map: Columns by quantity, ``{"n": "Model Size", "loss": "ln(ppl)", "d": "tokens_b*1e9"}``.
        params: Which parameters N counts where a table has both: ``"all"``, ``"non-embedding"``, ``"active"``.
        exclude: 0-based data rows to leave out, ``[0, 1, 7]`` or ``"0-4,7"``.
        where: Conditions on columns that a row has to meet, ``"lr <= 1e-3"``.
        best_per: ``"cell"`` keeps the run of lowest loss at each N and D.
        every_row: Take every row of a run for a run of its own, not its last row alone.
        skip_bad: Leave bad rows out instead of stopping at the first.
        strict: Refuse damaged logs.
        given: Facts that the logs do not hold, ``{"seq_len": 2048, "tiny-a:n_params": "3.1M"}``.
        loss: Which loss of a step log represents its run: ``"auto"``, ``"evaluation"``, ``"tail"``.
        tail: Share of a run's steps over which training loss is averaged; 0.1 by default.
        patterns: A file of patterns for text logs of your own.
        progress: Whether to show a bar, or what to call with parts done and all parts.

    >>> import isoloss
    >>> runs = isoloss.read_logs({"params": [1e8, 2e8], "tokens": [2e9, 4e9], "loss": [3.1, 2.9]})
    >>> runs.runs[0].c == 6 * 1e8 * 2e9
    True
    """
    keywords = _reading(locals())
    sources = _frames.sources(logs, *more)
    return told(Runs(_watched(_isoloss.read_logs, "reading", progress, sources, keywords)))  # type: ignore[no-any-return]


@checked
def fit(
    logs: Logs,
    law: str | None = None,
    *more: Logs,
    objective: str | None = None,
    delta: float | None = None,
    over_weight: float | None = None,
    fix: Mapping[str, float] | str | Sequence[str] | None = None,
    bound: Mapping[str, tuple[float, float]] | None = None,
    prior: Mapping[str, tuple[float, float]] | None = None,
    bootstrap: int | None = None,
    resample: str | None = None,
    profile: str | None = None,
    seed: int | None = None,
    level: float | None = None,
    hold_out: str | None = None,
    test: Logs | None = None,
    leave_future_out: str | None = None,
    leave_out: str | None = None,
    at: Amount | Sequence[Amount] | None = None,
    by: str | None = None,
    map: Mapping[str, str] | str | None = None,
    params: str | None = None,
    exclude: Sequence[int] | str | None = None,
    where: str | Sequence[str] | None = None,
    best_per: str | None = None,
    every_row: bool = False,
    skip_bad: bool = False,
    strict: bool = False,
    given: Mapping[str, Any] | str | Sequence[str] | None = None,
    loss: str | None = None,
    tail: float | None = None,
    patterns: Path | None = None,
    progress: bool | Report = True,
) -> Fit:
    """Fits a scaling law to logs, frames, or runs that were read, as ``isoloss fit`` does.

    Args:
        logs: As of :func:`read_logs`, or its result.
        law: Family (``isoloss.laws()`` lists them), ``"auto"`` for the one that predicts held-out runs
            best, ``"stack"`` for all of them, weighed by that; ``"chinchilla"`` by default.
        objective: ``"huber-log"`` (default), ``"lad-log"``, ``"least-squares-log"``, ….
        delta: Half-width of the Huber band in log loss; 1e-3 by default.
        over_weight: How often an over-estimate counts; for ``"asymmetric-log"``.
        fix: Coefficients held, ``{"E": 1.69}``, or at those of a published law, ``"E,A,B@besiroglu"``.
        bound: Ranges, ``{"E": (1.5, 1.9)}``.
        prior: Means and standard deviations known from elsewhere, ``{"E": (1.69, 0.05)}``.
        bootstrap: Resamples for the intervals, 4000 by default; 0 for none.
        resample: What a resample draws: ``"row"``, ``"size"``, ``"budget"``, ``"cell"``, ``"run"``, ``"wild"``.
        profile: Coefficients whose profile likelihood is walked: ``"weak"``, ``"all"``, ``"none"``.
        seed: Seed of the resamples; 0 by default.
        level: Level of the intervals; 0.95 by default.
        hold_out: Fit on the other runs and test on these, ``"C>=1e21"``.
        test: Logs or frames of other runs to test the fit on.
        leave_future_out: Axis along which nearer runs predict farther ones: ``"C"``, ``"N"``, ``"D"``, ``"D/N"``.
        leave_out: Groups of runs, each predicted from the others.
        at: Training FLOPs to decide at.
        by: Fit each kind of runs apart, by this column; the result is a :class:`Fits`, which checkers of
            types take for a :class:`Fit`.

    The other keywords are those of :func:`read_logs`. Ctrl-C stops a fit.

    >>> import isoloss
    >>> fit = isoloss.fit("data/first-light/runs.jsonl", bootstrap=100)
    >>> fit.certificate.certified
    True
    """
    keywords = _reading(locals(), "law", "test")
    if isinstance(logs, Runs):
        sources: Any = logs._answer
    else:
        sources = _frames.sources(logs, *more)
    tested = None if test is None else _frames.sources(test)
    answer = _watched(_isoloss.fit, "fitting", progress, sources, law, tested, keywords)
    return told(Fits(answer) if by is not None else Fit(answer))  # type: ignore[no-any-return]


@checked
def predict(
    fit: Fit | Path,
    points: Logs,
    *more: Logs,
    quantiles: Sequence[float] | None = None,
    map: Mapping[str, str] | str | None = None,
    params: str | None = None,
    exclude: Sequence[int] | str | None = None,
    where: str | Sequence[str] | None = None,
    skip_bad: bool = False,
    strict: bool = False,
    given: Mapping[str, Any] | str | Sequence[str] | None = None,
) -> Prediction:
    """The losses of planned runs under a fit, with intervals, as ``isoloss predict`` does.

    Args:
        fit: A fit or the path of one.
        points: Tables with N and one of D, C and D/N in each row: paths or frames.
        quantiles: Also the losses that a run stays below with these probabilities.
    """
    keywords = _reading(locals(), "fit", "points")
    law = fit._answer if isinstance(fit, Fit) else os.fspath(fit)
    sources = _frames.sources(points, *more)
    return told(Prediction(_isoloss.predict(law, sources, keywords)))  # type: ignore[no-any-return]


@checked
def plan(
    law: Law,
    *,
    flops: Amount | None = None,
    gpus: float | None = None,
    days: Amount | None = None,
    device: str | None = None,
    usd: Amount | None = None,
    quality_of: Amount | None = None,
    loss: float | None = None,
    target_error: float | None = None,
    benchmark: Path | None = None,
    params: Amount | None = None,
    recipe: bool = False,
    train_context: int | None = None,
    draws: int | None = None,
    seed: int | None = None,
    nat_value: Amount | None = None,
    what_if: bool = False,
    verbose: bool = False,
    cost: str | None = None,
    mfu: Span | None = None,
    fp8_training: bool = False,
    usd_per_hour: Span | None = None,
    usd_per_kwh: Span | None = None,
    pue: float | None = None,
    serve_tokens: Span | None = None,
    requests: Span | None = None,
    prompt: float | None = None,
    answer: float | None = None,
    serve_device: str | None = None,
    serve_gpus: float | None = None,
    serve_usd_per_hour: Span | None = None,
    serve_bits: float | None = None,
    kv_bits: float | None = None,
    batch: float | None = None,
    ttft: Amount | None = None,
    tpot: Amount | None = None,
    prefill_apart: bool = False,
    serve_mfu: tuple[float, float] | str | None = None,
    serve_peak: float | None = None,
    unique_tokens: Amount | None = None,
    max_epochs: float | None = None,
    repetition: tuple[float, float] | str | None = None,
    memory: Amount | None = None,
    weight_bits: float | None = None,
    context: float | None = None,
    max_params: Amount | None = None,
    experts: int | Sequence[int] | None = None,
    top_k: int | None = None,
    granularity: float | None = None,
    vocab: int | None = None,
    tied: bool = False,
    aspect: float | None = None,
    kv_heads: int | None = None,
    ffn_ratio: float | None = None,
    window: int | None = None,
) -> Plan:
    """Splits a budget, or reaches a loss: Kaplan, Chinchilla and inference-aware side by side.

    One budget or target: ``flops``; ``gpus`` with ``device`` and ``days``; ``usd`` with ``device``;
    ``quality_of`` (the loss of the compute-optimal model of that size); ``loss``; ``target_error`` with
    ``benchmark``; or ``params`` alone, for its tokens.

    Args:
        law: A published name (``isoloss.laws()``), several, ``"all"``, a :class:`Fit`, the path of one, or a
            family with constants, ``"chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28"``.
        flops: Training FLOPs.
        gpus, device, days: Number and name of devices (``isoloss.devices()``), and days of training.
        usd: Dollars for training.
        params: A size to price beside the plan.
        recipe, train_context: Write out the run, with sequences of that many tokens.
        draws, seed: Joint draws behind the intervals, 4000 by default.
        nat_value: What a nat per token less is worth.
        what_if: What one input moved at a time would change.
        verbose: Every row and share in the text.
        cost: What counts: ``"train-flops"``, ``"train-usd"``, ``"lifetime-flops"``, ``"lifetime-usd"``.
        mfu: Share of the dense BF16 peak that does useful work, ``0.4``, ``"0.3..0.45"``, ``"published"``.
        usd_per_hour, usd_per_kwh, pue, fp8_training: Prices and speed of training.
        serve_tokens, requests: Tokens or requests served over the model's life, ``"1T..4T"``.
        prompt, answer: Tokens of a request, 1000 in and 300 out by default.
        serve_device, serve_gpus, serve_usd_per_hour, serve_bits, kv_bits, batch: How it is served.
        ttft, tpot: Longest time to the first token and per token, ``"20ms"``.
        prefill_apart, serve_mfu, serve_peak: Prompts on devices of their own; price by utilisation.
        unique_tokens, max_epochs, repetition: Data there is, and how often it may be shown.
        memory, weight_bits, context: Memory of a copy, ``"16GB"``, at a precision, with a cache.
        max_params: Most parameters.
        experts, top_k, granularity: Sparse designs to consider, ``[1, 8, 16]``.
        vocab, tied, aspect, kv_heads, ffn_ratio, window: Proportions of the shape.

    >>> import isoloss
    >>> plan = isoloss.plan("besiroglu", quality_of="70B", serve_tokens="2T")
    >>> plan.recommended[0].params < 70e9
    True
    """
    return told(Plan(_isoloss.plan(_law(law), given(locals(), "law"))))  # type: ignore[no-any-return]


@checked
def curve(
    law: Law,
    *,
    quality_of: Amount | None = None,
    loss: float | None = None,
    family: Sequence[Amount] | str | None = None,
    models: Sequence[str] | str | None = None,
    axis: str | None = None,
    device: str | None = None,
    mfu: Span | None = None,
    usd_per_hour: float | None = None,
    points: int | None = None,
) -> Curve:
    """The iso-loss compression curve: training FLOPs against model size at one loss.

    Args:
        law: As of :func:`plan`.
        quality_of, loss: The loss, by the size of the compute-optimal model that has it or in nats.
        family: Several curves instead: the losses of the compute-optimal models of these sizes.
        models: Released models to place among them, or ``"all"``.
        axis: What cost is counted in: ``"flops"``, ``"device-hours"``, ``"usd"``.
        device, mfu, usd_per_hour: For device-hours and dollars.
        points: Sizes along the curve, 60 by default.

    >>> import isoloss
    >>> curve = isoloss.curve("besiroglu", quality_of="70B")
    >>> 10e9 < curve.wall_params < 11e9
    True
    """
    return told(Curve(_isoloss.curve(_law(law), given(locals(), "law"))))  # type: ignore[no-any-return]


@checked
def compare(
    law: Law,
    *,
    quality_of: Amount | None = None,
    loss: float | None = None,
    sizes: Sequence[Amount] | str | None = None,
    ratios: Sequence[float] | str | None = None,
) -> Comparison:
    """Overtraining trade-offs: sizes, or tokens per parameter, at equal loss.

    Args:
        law: As of :func:`plan`.
        quality_of, loss: The loss they share.
        sizes: Model sizes, ``["35B", "21B"]``.
        ratios: Tokens per parameter instead, ``[20, 100, 500]``.

    >>> import isoloss
    >>> table = isoloss.compare("besiroglu", quality_of="70B", sizes=["35B", "21B"])
    >>> round(table.rows[0].overhead, 2)
    0.26
    """
    return told(Comparison(_isoloss.compare(_law(law), given(locals(), "law"))))  # type: ignore[no-any-return]


@checked
def explain(
    model: str | None = None,
    *,
    law: Law | None = None,
    params: Amount | None = None,
    tokens: Amount | None = None,
    unique_tokens: Amount | None = None,
    experts: float | None = None,
    granularity: float | None = None,
    served_bits: float | None = None,
    against: str | None = None,
    more_tokens: Amount | None = None,
) -> Explanation:
    """Places a model against the compute-optimal one of the same loss.

    Args:
        model: A released model (``isoloss.models()``); or ``params`` and ``tokens`` of another.
        law: As of :func:`plan`; two readings of Hoffmann's runs by default.
        against: A larger model of about the same quality, to split the difference in size.
        more_tokens: What training on that many tokens more gains.

    >>> import isoloss
    >>> isoloss.explain("LLaMA 7B", law="hoffmann-a3-devries").overhead < 0.13
    True
    """
    return told(Explanation(_isoloss.explain(None if law is None else _law(law), given(locals(), "law"))))  # type: ignore[no-any-return]


@checked
def serving(
    *models: str,
    device: str,
    gpus: float | None = None,
    params: Amount | None = None,
    experts: int | None = None,
    top_k: int | None = None,
    bits: float | None = None,
    kv_bits: float | None = None,
    memory: Amount | None = None,
    prompt: float | None = None,
    answer: float | None = None,
    batch: float | Sequence[float] | None = None,
    tpot: Amount | None = None,
    ttft: Amount | None = None,
    prefill_apart: bool = False,
    usd_per_hour: Span | None = None,
    ideal: bool = False,
    twins: bool = False,
    vocab: int | None = None,
    tied: bool = False,
    aspect: float | None = None,
    kv_heads: int | None = None,
    ffn_ratio: float | None = None,
    window: int | None = None,
) -> Serving:
    """Memory, speed and price of serving models, by batch size.

    Args:
        models: Released models with a known shape; or ``params`` of a shape with the proportions given.
        device, gpus: Device, and how many hold one copy.
        bits, kv_bits: Bits per weight and per entry of the cache, 16 by default.
        memory: Memory of the group instead of 90 % of the devices' own.
        prompt, answer: Tokens of a request.
        batch: Sequences decoded together.
        tpot, ttft: Longest time per token and to the first, ``"20ms"``.
        prefill_apart: Prompts on devices of their own.
        usd_per_hour: Price of a device-hour.
        ideal: The data sheet itself.
        twins: Beside a sparse model, dense ones of its active and of its stored size.
    """
    return told(Serving(_isoloss.serving(given(locals()))))  # type: ignore[no-any-return]


@checked
def forecast(
    curves: Logs,
    *more: Logs,
    run: str | None = None,
    law: str | None = None,
    warmup: int | None = None,
    peak_lr: float | None = None,
    until: int | None = None,
    shape: str | None = None,
    final_lr: float | None = None,
    decay_steps: int | None = None,
    burn_in: int | None = None,
    rows: int | None = None,
    delta: float | None = None,
    bootstrap: int | None = None,
    seed: int | None = None,
    level: float | None = None,
    verbose: bool = False,
    map: Mapping[str, str] | str | None = None,
    where: str | Sequence[str] | None = None,
    strict: bool = False,
    given: Mapping[str, Any] | str | Sequence[str] | None = None,
    loss: str | None = None,
    patterns: Path | None = None,
    progress: bool | Report = True,
) -> Forecast:
    """The final loss of a half-finished run, from its curve and its schedule.

    Args:
        curves: The run to forecast, then other runs of its size and batch under other schedules: paths, or
            frames with the columns step, lr and loss. Rows without a loss are the rest of the schedule.
        run: Name of the run, where files hold several.
        law: ``"sublinear-power"`` (default), ``"multi-power"``, ``"annealing"``.
        warmup: Steps of a linear warm-up that the curves leave out.
        peak_lr: Peak rate of a run whose log holds no rates.
        until, shape, final_lr, decay_steps: How the rate goes on: to that step, ``"hold"``, ``"linear"``,
            ``"sqrt"`` or ``"cosine"``, down to a rate, over the last steps.
        burn_in, rows, delta, bootstrap, seed, level: How the law is fitted.
    """
    keywords = _reading(locals(), "curves")
    sources = _frames.sources(curves, *more)
    return told(Forecast(_watched(_isoloss.forecast, "forecasting", progress, sources, keywords)))  # type: ignore[no-any-return]


@checked
def recipe(
    params: Amount,
    tokens: Amount,
    *,
    non_embedding: bool = False,
    train_context: int | None = None,
    batch_tokens: Amount | None = None,
    device: str | None = None,
    gpus: float | None = None,
    days: Amount | None = None,
    mfu: Span | None = None,
    fp8_training: bool = False,
    usd_per_hour: Span | None = None,
    usd_per_kwh: Span | None = None,
    pue: float | None = None,
    experts: int | None = None,
    top_k: int | None = None,
    vocab: int | None = None,
    tied: bool = False,
    aspect: float | None = None,
    kv_heads: int | None = None,
    ffn_ratio: float | None = None,
    window: int | None = None,
) -> Recipe:
    """From N and D to a run: shape, hyper-parameters, layout, days, dollars.

    >>> import isoloss
    >>> isoloss.recipe("7B", "2T").to_dict()["shape"]["layers"] > 20
    True
    """
    return told(Recipe(_isoloss.recipe(given(locals()))))  # type: ignore[no-any-return]


@checked
def tune(
    sweep: Logs,
    *more: Logs,
    lr: str | None = None,
    batch: str | None = None,
    at_params: Amount | None = None,
    at_tokens: Amount | None = None,
    bootstrap: int | None = None,
    seed: int | None = None,
    level: float | None = None,
    map: Mapping[str, str] | str | None = None,
    exclude: Sequence[int] | str | None = None,
    where: str | Sequence[str] | None = None,
    skip_bad: bool = False,
    strict: bool = False,
    given: Mapping[str, Any] | str | Sequence[str] | None = None,
) -> Tuning:
    """Fits laws of the best learning rate and batch to a sweep of both.

    Args:
        sweep: Tables with a row per run: N, D, learning rate, batch and loss.
        lr, batch: Their columns, where the names do not say it.
        at_params, at_tokens: The size to give settings for.
    """
    keywords = _reading(locals(), "sweep")
    return told(Tuning(_isoloss.tune(_frames.sources(sweep, *more), keywords)))  # type: ignore[no-any-return]


@checked
def gain(
    *recipes: Logs,
    by: str | None = None,
    base: str | None = None,
    at: Amount | Sequence[Amount] | None = None,
    law: str | Sequence[str] | None = None,
    floor: float | None = None,
    tps: Sequence[float] | None = None,
    usd_per_hour: Sequence[float] | None = None,
    joint: bool = False,
    bootstrap: int | None = None,
    seed: int | None = None,
    level: float | None = None,
    map: Mapping[str, str] | str | None = None,
    params: str | None = None,
    exclude: Sequence[int] | str | None = None,
    where: str | Sequence[str] | None = None,
    best_per: str | None = None,
    every_row: bool = False,
    skip_bad: bool = False,
    strict: bool = False,
    given: Mapping[str, Any] | str | Sequence[str] | None = None,
    loss: str | None = None,
    tail: float | None = None,
    patterns: Path | None = None,
    progress: bool | Report = True,
) -> Gains:
    """Says how much compute one recipe saves over another, as ``isoloss gain`` does.

    Args:
        recipes: Runs or fits of each, paths or tables; or one mapping from names to them. The others
            are compared with the first.
        by: With one table: the column that tells recipes apart.
        base: With ``by``: the value that the others are compared with.
        at: Training FLOPs of the other to answer at too.
        law: Laws for the ways that take one.
        floor: Hold E of every law at this value, nats.
        tps: Tokens per second of each recipe, in their order, on models of one size.
        usd_per_hour: Price of each recipe's machine.
        joint: The last recipe has the changes of all others but the first.
        bootstrap, seed, level: Of the intervals.

    >>> import isoloss
    >>> gain = isoloss.gain({"dense": "data/bytes-dense/runs.jsonl",
    ...     "moe": "data/bytes-moe/runs.jsonl"}, bootstrap=200, progress=False)
    >>> gain.verdict.startswith("no difference is shown")
    True
    """
    keywords = _reading(locals(), "recipes")
    if len(recipes) == 1 and isinstance(recipes[0], Mapping) and by is None:
        named = {str(name): source for name, source in recipes[0].items()}
    else:
        named = {_called(one, k): one for k, one in enumerate(recipes)}
    if len(named) < len(recipes):
        named = {f"{_called(one, k)} ({k + 1})": one for k, one in enumerate(recipes)}
    sources = [source for one in named.values() for source in _frames.sources(one)]
    return told(  # type: ignore[no-any-return]
        Gains(_watched(_isoloss.gain, "comparing", progress, list(named), sources, keywords))
    )


@checked
def mix(
    runs: Logs,
    *more: Logs,
    target: Mapping[str, float] | str | Sequence[str] | None = None,
    prior: Mapping[str, float] | None = None,
    kl: float | None = None,
    floor: Mapping[str, float] | None = None,
    budget: Amount | None = None,
    tokens: Mapping[str, Amount] | None = None,
    cap: float | None = None,
    beyond_runs: bool = False,
    law: str | None = None,
    test: Logs | Sequence[Logs] | None = None,
    domains: str | Sequence[str] | None = None,
    bootstrap: int | None = None,
    seed: int | None = None,
    level: float | None = None,
    exclude: Sequence[int] | str | None = None,
    where: str | Sequence[str] | None = None,
    progress: bool | Report = True,
) -> Mixture:
    """Finds the best mixture of data domains from runs on mixtures, as ``isoloss mix`` does.

    Args:
        runs: Tables of mixtures and losses; several are joined by the column that names runs.
        target: Losses to lower, with weights, ``{"code": 2, "web": 1}``; all, equally, by default.
        prior: The mixture that the best is held against; the mean of the runs by default.
        kl: Nats that a nat of divergence from it costs.
        floor: Least shares.
        budget, tokens, cap: Training tokens, unique tokens of domains, most epochs over a domain.
        beyond_runs: Let shares leave the range of the runs.
        law: ``"exponential"`` (default), ``"log-linear"`` or ``"linear"``.
        test: Runs that are not fitted, for the ranks.
        domains: Columns of the domains, or their beginning.

    >>> import isoloss
    >>> code = [k / 11 for k in range(12)]
    >>> loss = [2 + 2.718 ** (0.3 - 1.2 * x) for x in code]
    >>> table = {"share_code": code, "share_web": [1 - x for x in code], "loss": loss}
    >>> round(isoloss.mix(table, bootstrap=20, progress=False).best["code"], 3)
    1.0
    """
    keywords = _reading(locals(), "runs", "test")
    for name in ("target", "prior", "floor", "tokens"):
        if isinstance(keywords.get(name), Mapping):
            keywords[name] = [f"{key}={value}" for key, value in keywords[name].items()]
    held_out = [] if test is None else test if isinstance(test, (list, tuple)) else [test]
    tested = _frames.sources(*held_out) if held_out else []
    return told(  # type: ignore[no-any-return]
        Mixture(_watched(_isoloss.mix, "resampling", progress, _frames.sources(runs, *more), tested, keywords))
    )


def _called(recipe: Logs, place: int) -> str:
    """What a recipe is called: its file, else a letter."""
    if isinstance(recipe, (str, os.PathLike)):
        return os.path.splitext(os.path.basename(os.fspath(recipe)))[0]
    return chr(ord("a") + place) if place < 26 else str(place + 1)


def load_fit(path: Path) -> Fit:
    """Reads a fit that :meth:`Fit.save` or ``isoloss fit -o`` wrote."""
    return Fit(_isoloss.load_fit(os.fspath(path)))


def laws() -> Listing:
    """Published laws and the families that can be fitted, with sources.

    >>> import isoloss
    >>> "besiroglu" in [law.name for law in isoloss.laws()]
    True
    """
    return Listing(_isoloss.laws())


def models() -> Listing:
    """Released models, with sources."""
    return Listing(_isoloss.models())


def devices() -> Listing:
    """Accelerators with dense peaks, prices and sources."""
    return Listing(_isoloss.devices())


def _reading(names: dict[str, Any], *but: str) -> dict[str, Any]:
    """The keywords that were given, without those that are passed otherwise."""
    return given_of(names, "logs", "more", "progress", *but)


#: Of functions that have a keyword of that name.
given_of = given


def _law(law: Law) -> list[Any]:
    """One law or several as a list of names and fits."""
    if isinstance(law, (str, Fit, os.PathLike)):
        law = [law]
    return [one._answer if isinstance(one, Fit) else os.fspath(one) for one in law]
