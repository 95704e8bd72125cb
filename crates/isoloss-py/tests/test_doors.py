"""Trackers: what their clients wrote comes back as it was logged."""

from __future__ import annotations

import importlib.util
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import isoloss
import pytest

QUIET: dict[str, Any] = {"progress": False}
SIZES = {"small": 1e7, "large": 4e7}
STEPS = 60


def loss(run: str, step: int) -> float:
    """Something with every bit in use."""
    return 2.0 + 3.0 * step**-0.3 + 1e3 / SIZES[run] ** 0.5 / 7


def bits(x: float) -> bytes:
    return struct.pack("d", x)


def needs(client: str) -> Any:
    missing = importlib.util.find_spec(client) is None
    return pytest.mark.skipif(missing, reason=f"the client is not installed: pip install 'isoloss[{client}]'")


def check(runs: isoloss.Runs) -> None:
    """Both runs with the last evaluation that was logged."""
    found = {run.run: run for run in runs.runs}
    assert sorted(found) == sorted(SIZES)
    for name, size in SIZES.items():
        assert found[name].n == size
        assert found[name].d == STEPS * 1000 * 65536
        assert bits(found[name].loss_nats) == bits(loss(name, STEPS))


@needs("wandb")
def test_offline_runs_of_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name, size in SIZES.items():
        config = {"n_params": size, "tokens_per_step": 65536, "max_steps": STEPS * 1000}
        run = wandb.init(project="doors", name=name, dir=str(tmp_path), config=config, reinit=True)
        for step in range(1, STEPS + 1):
            run.log({"train/loss": loss(name, step) + 0.01, "eval/loss": loss(name, step), "step": step * 1000})
        run.finish()
    check(isoloss.from_wandb(tmp_path, **QUIET))


@needs("wandb")
def test_a_project_of_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    class Run(SimpleNamespace):
        def scan_history(self) -> Iterator[dict[str, Any]]:
            for step in range(1, STEPS + 1):
                yield {"_step": step - 1, "eval/loss": loss(self.name, step), "step": step * 1000, "image": {"path": "x"}}

    class Api:
        def runs(self, project: str, filters: dict[str, Any]) -> list[Run]:
            assert project == "lab/doors" and filters == {"state": "finished"}
            facts = {"tokens_per_step": 65536, "max_steps": STEPS * 1000, "_wandb": {}}
            return [
                Run(id=f"id{i}", name=name, state="finished", config={"model": {"n_params": size}, **facts})
                for i, (name, size) in enumerate(SIZES.items())
            ]

    # The server is the one part that cannot be had here.
    monkeypatch.setattr(wandb, "Api", Api)
    check(isoloss.from_wandb("lab/doors", filters={"state": "finished"}, **QUIET))


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A tracking server of MLflow with a store of its own."""
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", str(tmp_path / "artifacts"),
    ]
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    uri = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{uri}/health", timeout=1).read()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
        else:
            pytest.fail("the server did not start: " + (tmp_path / "server.log").read_text()[-2000:])
        yield uri
    finally:
        import os
        import signal

        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


@needs("mlflow")
def test_a_server_of_mlflow(server: str) -> None:
    import mlflow
    from mlflow.entities import Metric, Param

    client = mlflow.MlflowClient(tracking_uri=server)
    wanted, other = client.create_experiment("doors"), client.create_experiment("other")
    for experiment, names in ((wanted, list(SIZES)), (other, ["small"])):
        for name in names:
            run = client.create_run(experiment, run_name=name)
            facts = {"n_params": SIZES[name], "tokens_per_step": 65536, "max_steps": STEPS * 1000}
            metrics = [
                Metric(key, loss(name, step) + shift, 1_700_000_000_000 + step, step * 1000)
                for step in range(1, STEPS + 1)
                for key, shift in (("train/loss", 0.01), ("eval/loss", 0.0))
            ]
            params = [Param(key, str(value)) for key, value in facts.items()]
            client.log_batch(run.info.run_id, metrics=metrics, params=params)
            client.set_terminated(run.info.run_id)
    check(isoloss.from_mlflow(server, experiment="doors", **QUIET))
    with pytest.raises(isoloss.DataError, match="no experiment 'door'"):
        isoloss.from_mlflow(server, experiment="door")
    # What is missing is told as for files, by the place that people know.
    run = client.create_run(other, run_name="bare")
    client.log_batch(run.info.run_id, metrics=[Metric("eval/loss", 3.0, 1, 1)])
    client.set_terminated(run.info.run_id)
    runs = isoloss.from_mlflow(server, experiment="other", **QUIET)
    assert [one.run for one in runs.skipped] == ["bare"] and runs.skipped[0].path.startswith(server)


def test_a_client_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ImportError, match=r"pip install 'isoloss\[wandb\]'"):
        isoloss.from_wandb("entity/project")
    with pytest.raises(isoloss.DataError, match="no such folder"):
        isoloss.from_wandb("./no-such-folder/wandb")
