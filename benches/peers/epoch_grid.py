"""The fitting procedure of Epoch AI's replication notebook, written anew with scipy, for timing.

Besiroglu et al. 2024 (arXiv:2404.10102): Huber (1e-3) on log loss, L-BFGS-B with finite differences
from a grid of 5 x 5 x 5 x 6 x 6 = 4500 starts, then bootstrap refits by BFGS from the best point with
an exact gradient. Times a share of the starts and draws and scales up, since the whole takes minutes.

    python benches/peers/epoch_grid.py runs.csv --n 'Model Size' --c 'Training FLOP' --skip 5
"""

import argparse
import itertools
import time

import numpy as np
from scipy.optimize import minimize

DELTA = 1e-3


def residual_terms(theta, ln_n, ln_d):
    a, b, e, alpha, beta = theta
    terms = np.stack([a - alpha * ln_n, b - beta * ln_d, np.full_like(ln_n, e)])
    top = terms.max(axis=0)
    weights = np.exp(terms - top)
    total = weights.sum(axis=0)
    return top + np.log(total), weights / total


def objective(theta, ln_n, ln_d, ln_loss):
    predicted, _ = residual_terms(theta, ln_n, ln_d)
    r = np.abs(predicted - ln_loss)
    return np.where(r <= DELTA, 0.5 * r * r, DELTA * (r - 0.5 * DELTA)).sum()


def with_gradient(theta, ln_n, ln_d, ln_loss):
    predicted, share = residual_terms(theta, ln_n, ln_d)
    r = predicted - ln_loss
    slope = np.clip(r, -DELTA, DELTA)
    size = np.abs(r)
    value = np.where(size <= DELTA, 0.5 * r * r, DELTA * (size - 0.5 * DELTA)).sum()
    inner = [share[0], share[1], share[2], -share[0] * ln_n, -share[1] * ln_d]
    return value, np.array([(slope * g).sum() for g in inner])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("csv")
    parser.add_argument("--n", default="n")
    parser.add_argument("--c", default="c")
    parser.add_argument("--loss", default="loss")
    parser.add_argument("--skip", type=int, default=0, help="first data rows to leave out")
    parser.add_argument("--starts", type=int, default=450)
    parser.add_argument("--draws", type=int, default=400)
    args = parser.parse_args()

    table = np.genfromtxt(args.csv, delimiter=",", names=True, dtype=None, encoding="utf-8",
                          deletechars="", replace_space=" ", comments=None)[args.skip:]
    n, c, loss = (table[name].astype(float) for name in (args.n, args.c, args.loss))
    data = np.log(n), np.log(c / (6 * n)), np.log(loss)
    rng = np.random.default_rng(0)

    grid = list(itertools.product(np.arange(0, 30, 5), np.arange(0, 30, 5), np.arange(-1, 1.5, 0.5),
                                  np.arange(0, 2.5, 0.5), np.arange(0, 2.5, 0.5)))
    chosen = rng.choice(len(grid), args.starts, replace=False)
    began = time.perf_counter()
    ends = [minimize(objective, grid[i], args=data, method="L-BFGS-B") for i in chosen]
    grid_s = (time.perf_counter() - began) * len(grid) / args.starts
    best = min(ends, key=lambda end: end.fun)

    began = time.perf_counter()
    for _ in range(args.draws):
        rows = rng.integers(0, len(n), len(n))
        minimize(with_gradient, best.x, args=tuple(x[rows] for x in data), jac=True, method="BFGS")
    draws_s = (time.perf_counter() - began) * 4000 / args.draws

    print(f"{len(n)} runs; best objective {best.fun:.15e}")
    print(f"4500-start grid: {grid_s:.1f} s (scaled from {args.starts} starts)")
    print(f"4000 bootstrap refits: {draws_s:.1f} s (scaled from {args.draws} draws)")


if __name__ == "__main__":
    main()
