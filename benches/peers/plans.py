"""Plans per second the way notebooks make them: closed forms in Python, one scipy search per plan.

    python3 -m venv venv && venv/bin/pip install numpy scipy
    venv/bin/python benches/peers/plans.py
"""

import math
import time

import numpy as np
from scipy.optimize import brentq, minimize_scalar

E, A, B, ALPHA, BETA = 1.8172, 482.01, 2085.43, 0.3478, 0.3658


def compute_optimal(c):
    g = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    n = g * (c / 6) ** (BETA / (ALPHA + BETA))
    d = c / (6 * n)
    return n, d, E + A / n**ALPHA + B / d**BETA


def tokens(n, loss, e=E, a=A, b=B, alpha=ALPHA, beta=BETA):
    left = loss - e - a / n**alpha
    return (b / left) ** (1 / beta) if left > 0 else math.inf


def inference_aware(loss, served):
    """Sardana's plan: the root of the derivative of training plus serving along the curve."""

    def slope(ln_n):
        n = math.exp(ln_n)
        d = tokens(n, loss)
        ratio = (ALPHA * A / n**ALPHA) / (BETA * B / d**BETA)
        return 1 - ratio + served / (3 * d)

    wall = math.log((A / (loss - E)) ** (1 / ALPHA))
    dense = math.log((A * (ALPHA + BETA) / ((loss - E) * BETA)) ** (1 / ALPHA))
    return math.exp(brentq(slope, wall + 1e-3, dense, xtol=1e-12))


def money(loss, theta, train, prefill, decode, read, written):
    e, a, b, alpha, beta = theta
    wall = math.log((a / (loss - e)) ** (1 / alpha))

    def cost(ln_n):
        n = math.exp(ln_n)
        d = tokens(n, loss, *theta)
        return 6 * n * d * train + 2 * n * (read * prefill + written * decode)

    return minimize_scalar(cost, bounds=(wall + 1e-3, wall + 4), method="bounded", options={"xatol": 1e-8})


def timed(what, count, run):
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    print(f"{what}: {count / seconds:.3g} per second ({seconds:.3f} s for {count})")


def main():
    timed("compute-optimal plans", 200_000, lambda: [compute_optimal(1e20 * (1 + i)) for i in range(200_000)])
    cs = 1e20 * (1 + np.arange(2_000_000))
    timed("compute-optimal plans, one numpy array", len(cs), lambda: compute_optimal(cs))
    timed("inference-aware plans", 5_000, lambda: [inference_aware(1.9 + i * 1e-4, 5e12) for i in range(5_000)])
    rng = np.random.default_rng(0)
    draws = [(E, A, B, ALPHA + x, BETA + y) for x, y in 0.01 * rng.uniform(-1, 1, (4000, 2))]
    # Utilisation only: no cache, no batch, no limits.
    run = lambda: [money(2.03, t, 2.3e-18, 1.6e-18, 8e-17, 5e12, 1.5e12) for t in draws]
    timed("money plans over 4000 draws", 4000, run)


if __name__ == "__main__":
    main()
