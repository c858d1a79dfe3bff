# SPDX-License-Identifier: Apache-2.0
"""Series for the tests of volatility models, and likelihoods as anybody would write them."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats


def simulated(
    seed: int, n: int, mu: float, om: float, a: float, g: float, b: float, nu: float | None = None
) -> np.ndarray:
    """Returns of a GJR process, normal or Student t, from its mean variance on."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(n)
    if nu is not None:
        z = np.random.default_rng(seed).standard_t(nu, n) * math.sqrt((nu - 2) / nu)
    h, r = om / (1 - a - g / 2 - b), np.empty(n)
    for t in range(n):
        e = math.sqrt(h) * z[t]
        r[t] = mu + e
        h = om + (a + g * (e < 0)) * e * e + b * h
    return r


def likelihood(
    r: np.ndarray, kind: str, p: dict[str, float], presample: str = "backcast"
) -> tuple[float, np.ndarray]:
    """Log-likelihood and variances, a plain loop over the days and SciPy's densities."""
    e = r - p["mu"]
    if presample == "backcast":
        weights = 0.94 ** np.arange(min(75, r.size))
        first = float(weights @ (r[: weights.size] - r.mean()) ** 2 / weights.sum())
    elif kind == "egarch":
        first = float(((r - r.mean()) ** 2).mean())
    else:
        first = float((e**2).mean())
    gamma, h = p.get("gamma", 0.0), np.empty(r.size + 1)
    for t in range(r.size + 1):
        if kind == "egarch":
            log = p["omega"] + p["beta"] * math.log(h[t - 1] if t else first)
            if t:
                z = e[t - 1] / math.sqrt(h[t - 1])
                log += p["alpha"] * (abs(z) - math.sqrt(2 / math.pi)) + gamma * z
            h[t] = math.exp(log)
        elif t == 0:
            h[t] = p["omega"] + (p["alpha"] + gamma / 2 + p["beta"]) * first
        else:
            push = p["alpha"] + gamma * (e[t - 1] < 0)
            h[t] = p["omega"] + push * e[t - 1] ** 2 + p["beta"] * h[t - 1]
    s = np.sqrt(h[:-1])
    if "nu" in p:
        scale = s * math.sqrt((p["nu"] - 2) / p["nu"])
        return float(stats.t.logpdf(e, p["nu"], scale=scale).sum()), h
    return float(stats.norm.logpdf(e, scale=s).sum()), h
