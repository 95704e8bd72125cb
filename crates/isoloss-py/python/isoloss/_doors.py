"""Doors to the trackers: what their own clients hand over, read as logs."""

from __future__ import annotations

import json
import os
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._errors import DataError
from ._results import Runs
from ._verbs import read_logs


def from_wandb(project: str | os.PathLike[str], *, filters: dict[str, Any] | None = None, **keywords: Any) -> Runs:
    """Runs of Weights & Biases: a project ``"entity/project"``, or a folder of offline runs.

    A folder is read as it is. A project is fetched by the official client (``pip install
    'isoloss[wandb]'``): the whole history of each run, its config and its state.

    Args:
        project: The project, or a folder (``wandb/``).
        filters: Which runs of the project, as ``wandb.Api().runs`` takes them.

    The other keywords are those of :func:`isoloss.read_logs`.
    """
    if os.path.isdir(project):
        return read_logs(project, **keywords)
    name = os.fspath(project)
    if os.sep in name and name.startswith((".", os.sep)):
        raise DataError(f"{name}: there is no such folder")
    wandb = _client("wandb")
    with tempfile.TemporaryDirectory(prefix="isoloss-wandb-") as folder:
        found = 0
        for run in wandb.Api().runs(name, filters=filters or {}):
            found += 1
            # The name people see need not be unique; the id is.
            with open(Path(folder) / f"{run.id}.jsonl", "w", encoding="utf-8") as file:
                for line in _lines_of(run):
                    file.write(json.dumps(line) + "\n")
        if not found:
            raise DataError(f"{name}: the project has no runs that are asked for")
        return _read(folder, name, keywords)


def _lines_of(run: Any) -> Iterator[dict[str, Any]]:
    """The facts of a run and its history, a JSON object a line."""
    config = {key: value for key, value in dict(run.config).items() if not key.startswith("_")}
    yield {**_flat(config), "run": run.name or run.id, "status": run.state}
    for row in run.scan_history():
        plain = {key: value for key, value in row.items() if isinstance(value, (int, float, str))}
        if any(key != "_step" for key in plain):
            yield plain


def _flat(group: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in group.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{path}{key}."))
        elif isinstance(value, (bool, int, float, str)):
            flat[path + key] = value
    return flat


def from_mlflow(uri: str, experiment: str | None = None, **keywords: Any) -> Runs:
    """Runs of an MLflow server, by the official client (``pip install 'isoloss[mlflow]'``).

    Args:
        uri: The tracking server, ``"http://127.0.0.1:5000"``, or a folder of MLflow's file store.
        experiment: Name or id of one experiment; all of them when absent.

    The other keywords are those of :func:`isoloss.read_logs`.
    """
    if experiment is None and os.path.isdir(uri):
        return read_logs(uri, **keywords)
    mlflow = _client("mlflow")
    client = mlflow.MlflowClient(tracking_uri=uri)
    chosen = [one for one in _pages(client.search_experiments) if experiment in (None, one.name, one.experiment_id)]
    if not chosen:
        known = ", ".join(one.name for one in _pages(client.search_experiments))
        raise DataError(f"{uri}: no experiment {experiment!r}; there are {known}")
    with tempfile.TemporaryDirectory(prefix="isoloss-mlflow-") as folder:
        found = 0
        for one in chosen:
            for run in _pages(client.search_runs, experiment_ids=[one.experiment_id]):
                found += 1
                _write_run(client, run, Path(folder) / one.experiment_id / run.info.run_id)
        if not found:
            raise DataError(f"{uri}: no runs in {', '.join(one.name for one in chosen)}")
        return _read(folder, uri, keywords)


def _pages(search: Any, **what: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(page_token=token, **what)
        yield from page
        token = page.token
        if not token:
            return


def _write_run(client: Any, run: Any, folder: Path) -> None:
    """A run in the layout of MLflow's own file store, which the reader knows."""
    for part in ("params", "metrics"):
        (folder / part).mkdir(parents=True)
    meta = {"run_name": run.info.run_name, "status": run.info.status.lower(), "lifecycle_stage": run.info.lifecycle_stage}
    (folder / "meta.yaml").write_text(json.dumps(meta), encoding="utf-8")
    for key, value in run.data.params.items():
        _place(folder / "params", key).write_text(value, encoding="utf-8")
    for key in run.data.metrics:
        history = client.get_metric_history(run.info.run_id, key)
        lines = (f"{point.timestamp} {float(point.value)!r} {point.step}\n" for point in history)
        _place(folder / "metrics", key).write_text("".join(lines), encoding="utf-8")


def _place(folder: Path, key: str) -> Path:
    """The file of a key; groups, ``train/loss``, are folders."""
    parts = [urllib.parse.quote(part, safe=" ._-") for part in key.split("/") if part not in ("", ".", "..")]
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _read(folder: str, shown: str, keywords: dict[str, Any]) -> Runs:
    """Reads a folder that goes away; messages name the place that people know."""
    try:
        runs = read_logs(folder, **keywords)
    except DataError as error:
        known = type(error)(str(error).replace(folder, shown))
        known.hint = error.hint
        raise known from None
    return Runs(runs._answer.renamed(folder, shown))


def _client(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise ImportError(f"from_{name}() needs the client: pip install 'isoloss[{name}]'") from None
