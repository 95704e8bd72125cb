"""Writes data/first-light as the two CSV files that W&B's page gives: its run table and a chart.

python3 notebooks/data/make_wandb_export.py

The 20 runs of the four smaller budgets are there; the five largest are kept back as a test. One run is cut
at 60 % of its steps and marked as crashed, because every real project has one.
"""

import csv
import json
from pathlib import Path

HERE = Path(__file__).parent
LOGS = HERE.parents[1] / "data" / "first-light" / "logs"
LARGEST = 1e13
CRASHED = "c4.64e12-l4-d80-s0"


def main() -> None:
    runs = []
    for path in sorted(LOGS.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        spec = next(line["spec"] for line in lines if line["event"] == "spec")
        if spec["budget"] < LARGEST and spec["seed"] == 0:
            runs.append((path.stem, spec, lines))

    columns = ["Name", "State", "Runtime", "batch_size", "layers", "lr", "max_steps", "n_params", "seed",
               "seq_len", "width", "train/loss", "val/loss"]
    table = []
    curves = {}
    for name, spec, lines in runs:
        start = next(line for line in lines if line["event"] == "start")
        steps = [line for line in lines if line["event"] == "step"]
        evals = [line for line in lines if line["event"] == "eval"]
        end = next(line for line in lines if line["event"] == "end")
        state = "finished"
        if name == CRASHED:
            state = "crashed"
            last = 0.6 * start["steps"]
            steps = [line for line in steps if line["step"] <= last]
            evals = [line for line in evals if line["step"] <= last]
        recipe = spec["recipe"]
        table.append({
            "Name": name,
            "State": state,
            "Runtime": round(steps[-1]["seconds"]),
            "batch_size": recipe["batch_sequences"],
            "layers": spec["shape"]["layers"],
            "lr": end["lr"],
            "max_steps": start["steps"],
            "n_params": int(start["n_params"]),
            "seed": spec["seed"],
            "seq_len": recipe["context"],
            "width": spec["shape"]["d_model"],
            "train/loss": steps[-1]["loss"],
            "val/loss": evals[-1]["eval_loss"],
        })
        curves[name] = {line["step"]: line["eval_loss"] for line in evals}

    with open(HERE / "wandb-runs.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)

    chart = [f"{name} - val/loss{end}" for name in curves for end in ("", "__MIN", "__MAX")]
    with open(HERE / "wandb-chart-val-loss.csv", "w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["Step", *chart])
        for step in sorted({step for curve in curves.values() for step in curve}):
            values = [curve.get(step, "") for curve in curves.values()]
            writer.writerow([step, *(value for value in values for _ in range(3))])


main()
