"""One gigabyte of step logs, and what pandas and polars take to reduce it to a row per run.

    python step_logs.py make steps.csv          # also steps.jsonl, steps.parquet (needs pyarrow)
    /usr/bin/time -f '%e s, %M KB' python step_logs.py pandas steps.csv
    /usr/bin/time -f '%e s, %M KB' python step_logs.py polars steps.csv
    /usr/bin/time -f '%e s, %M KB' python step_logs.py scan steps.csv
    /usr/bin/time -f '%e s, %M KB' isoloss logs steps.csv --json > /dev/null

`polars` is its streaming engine with only the columns the job needs; `scan` reads every column and
does nothing with them. Both are given the easier job: no schedule, no restarts, no reasons.
"""

import math
import random
import sys

RUNS = 40


def make(path, size=1_000_000_000):
    random.seed(1)
    jsonl = path.endswith(".jsonl")
    steps = size // RUNS // (190 if jsonl else 105)
    if path.endswith(".parquet"):
        import pandas

        make("/tmp/steps-for-parquet.csv", size)
        pandas.read_csv("/tmp/steps-for-parquet.csv").to_parquet(path)
        return
    with open(path, "w", buffering=1 << 22) as file:
        if not jsonl:
            file.write("run,step,tokens,lr,train/loss,grad_norm,tokens_per_s,eval/loss,n_params,max_steps\n")
        for run in range(RUNS):
            n = int(1e6 * 1.3**run)
            lines = []
            for s in range(1, steps + 1):
                decay = 0.55 + 0.45 * math.cos(math.pi * (s - 1000) / (steps - 1000))
                rate = 3e-4 * (s / 1000 if s < 1000 else decay)
                loss = 1.7 + 400 / n**0.34 + 400 / (s * 524288) ** 0.28 + random.gauss(0, 0.02)
                norm = random.random()
                fast = 123456.7 + norm * 100
                evaluation = f"{loss - 0.01:.6f}" if s % 100 == 0 else ""
                if jsonl:
                    evaluation = evaluation and f', "eval/loss": {evaluation}'
                    lines.append(
                        f'{{"run": "run-{run:03d}", "step": {s}, "train/tokens": {s * 524288}, '
                        f'"train/lr": {rate:.10e}, "train/loss": {loss:.9f}, "grad_norm": {norm:.7f}, '
                        f'"tokens_per_s": {fast:.2f}{evaluation}, "n_params": {n}}}\n'
                    )
                else:
                    lines.append(
                        f"run-{run:03d},{s},{s * 524288},{rate:.10e},{loss:.9f},{norm:.7f},"
                        f"{fast:.2f},{evaluation},{n},{steps}\n"
                    )
                if len(lines) >= 20000:
                    file.writelines(lines)
                    lines = []
            file.writelines(lines)


def names(path):
    return ("train/tokens", "train/lr") if path.endswith(".jsonl") else ("tokens", "lr")


def with_pandas(path):
    import pandas

    tokens, rate = names(path)
    readers = {"jsonl": lambda p: pandas.read_json(p, lines=True), "csv": pandas.read_csv}
    frame = readers.get(path.rsplit(".", 1)[1], pandas.read_parquet)(path)
    groups = frame.groupby("run")
    rows = groups.agg({"step": "max", tokens: "max", "eval/loss": "last", rate: "last", "n_params": "last"})
    rows["tail"] = groups["train/loss"].apply(lambda loss: loss.tail(len(loss) // 10).mean())
    return rows


def with_polars(path, everything):
    import polars

    tokens, rate = names(path)
    readers = {"jsonl": polars.scan_ndjson, "csv": polars.scan_csv}
    frame = readers.get(path.rsplit(".", 1)[1], polars.scan_parquet)(path)
    if everything:
        return frame.collect(engine="streaming")
    column = polars.col
    return (
        frame.group_by("run")
        .agg(
            column("step").max(),
            column(tokens).max(),
            column("train/loss").tail(10000).mean(),
            column("eval/loss").drop_nulls().last(),
            column(rate).last(),
            column("n_params").last(),
        )
        .collect(engine="streaming")
    )


if __name__ == "__main__":
    verb, path = sys.argv[1:3]
    if verb == "make":
        make(path)
    elif verb == "pandas":
        print(with_pandas(path).shape)
    else:
        print(with_polars(path, verb == "scan").shape)
