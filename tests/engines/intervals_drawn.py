# SPDX-License-Identifier: Apache-2.0
"""Laws of daily moves that intervals are tried on: simple returns, shape (n, assets)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines.forecasts import switching as chain

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]
BURN = 300
PAIR = np.linalg.cholesky(np.array([[1.0, 0.7], [0.7, 1.0]]))
REGIMES = chain.Regimes(0.1, 2.0, 5.0, 0.97, 0.92, 0.01, -1.0, 14.0)
SHAPE = np.array([0.0015, 0.9, 0.2])  # of the recursion, for a quantile of 1.96 standard deviations
MU, OMEGA, ALPHA, BETA, TILT = 0.05, 0.4, 0.10, 0.86, 0.05
LOGS = 0.03 * math.log(9.0), 0.2, -0.05, 0.97  # of EGARCH: omega, alpha, gamma, beta


def student(rng: np.random.Generator, n: int) -> Array:
    """Student t, 5 degrees of freedom."""
    return 0.002 + 0.02 * rng.standard_t(5, (n, 1))


def normal(rng: np.random.Generator, n: int) -> Array:
    """One normal law."""
    return 0.002 + 0.03 * rng.standard_normal((n, 1))


def skew(rng: np.random.Generator, n: int) -> Array:
    """One day in ten from a wider law with a lower mean."""
    wild = rng.random(n) < 0.1
    x = np.where(wild, -0.5 + 2.4 * rng.standard_normal(n), rng.standard_normal(n))
    return 0.02 * x[:, None]


def pareto(rng: np.random.Generator, n: int) -> Array:
    """Normal, but for the worst tenth a Pareto tail of shape 0.2."""
    u = rng.random(n)
    threshold, scale = 1.2816, 0.5
    worst = threshold + scale / 0.2 * ((np.minimum(u, 0.1) / 0.1) ** -0.2 - 1.0)
    return -0.02 * np.where(u < 0.1, worst, -special.ndtri(u))[:, None]


def clustered(rng: np.random.Generator, n: int) -> Array:
    """GARCH(1,1) with normal innovations and a persistence of 0.95."""
    return many_clustered(rng, n, 1)


def many_clustered(rng: np.random.Generator, n: int, paths: int) -> Array:
    """Independent paths of it side by side."""
    z, found = rng.standard_normal((n + 200, paths)), np.empty((n + 200, paths))
    variance = np.ones(paths)
    for k in range(n + 200):
        found[k] = np.sqrt(variance) * z[k]
        variance = 0.05 + 0.1 * found[k] ** 2 + 0.85 * variance
    return 0.025 * found[200:]


def gaussian_tied(rng: np.random.Generator, n: int) -> Array:
    """Two Student t laws, Gaussian copula."""
    u = special.ndtr(rng.standard_normal((n, 2)) @ PAIR.T)
    return np.stack([0.02 * special.stdtrit(4, u[:, 0]), 0.03 * special.stdtrit(6, u[:, 1])], 1)


def t_tied(rng: np.random.Generator, n: int) -> Array:
    """Two Student t laws, t copula with 5 degrees of freedom."""
    mixed = np.sqrt(rng.chisquare(5, n) / 5)[:, None]
    u = special.stdtr(5, rng.standard_normal((n, 2)) @ PAIR.T / mixed)
    return np.stack([0.02 * special.stdtrit(4, u[:, 0]), 0.03 * special.stdtrit(6, u[:, 1])], 1)


def factor(rng: np.random.Generator, n: int) -> Array:
    """A skew factor with normal residuals: neither margins nor copula are of the models."""
    noise = rng.standard_normal((n, 2))
    shared = skew(rng, n)[:, 0]
    return np.stack([shared + 0.01 * noise[:, 0], 1.2 * shared + 0.017 * noise[:, 1]], axis=1)


def switching(rng: np.random.Generator, n: int) -> Array:
    """Two regimes with jumps, as fitted by `regime`."""
    law, state = REGIMES, 0
    logs, turn, jump = np.empty(n), rng.random(n), rng.random(n) < REGIMES.jumps
    z = rng.standard_normal(n)
    for k in range(n):
        stay = law.stay_calm if state == 0 else law.stay_wild
        state = state if turn[k] < stay else 1 - state
        scale = law.wild if state else law.calm
        logs[k] = law.jump_mean + law.jump_scale * z[k] if jump[k] else law.mu + scale * z[k]
    return np.expm1(logs / 100.0)[:, None]


def recursive(rng: np.random.Generator, n: int) -> Array:
    """The quantile of each day follows the recursion of CAViaR exactly."""
    found, quantile, z = np.empty(n + 200), 0.04, rng.standard_normal(n + 200) / 1.959964
    for k in range(n + 200):
        found[k] = quantile * z[k]
        quantile = SHAPE[0] + SHAPE[1] * quantile + SHAPE[2] * abs(found[k])
    return found[200:, None]


def _skew_innovations(rng: np.random.Generator, n: int) -> Array:
    mean, square = -0.05, 0.9 + 0.1 * (0.25 + 2.4**2)
    return (skew(rng, n)[:, 0] / 0.02 - mean) / math.sqrt(square - mean**2)


INNOVATIONS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "t": lambda rng, n: rng.standard_t(6, n) * math.sqrt(4.0 / 6.0),
    "skew": _skew_innovations,
}


@dataclass(frozen=True)
class Moving:
    """A process whose volatility moves, with innovations of one of the laws of `INNOVATIONS`."""

    kind: str
    innovations: str

    @property
    def __name__(self) -> str:
        return f"{self.kind}, {self.innovations} innovations"

    def __call__(self, rng: np.random.Generator, n: int) -> Array:
        return self.with_scale(rng, n)[0]

    def with_scale(self, rng: np.random.Generator, n: int) -> tuple[Array, float]:
        """Returns, and the standard deviation of the log return of the day after the last."""
        z = INNOVATIONS[self.innovations](rng, n + BURN)
        r, h = _run(self.kind, z)
        return np.expm1(r[BURN:] / 100.0)[:, None], math.sqrt(h)


def _run(kind: str, z: Array) -> tuple[Array, float]:
    found, tilt = np.empty(z.size), TILT if kind == "gjr" else 0.0
    h = 9.0 if kind in ("steady", "egarch") else OMEGA / (1.0 - ALPHA - BETA - 0.5 * tilt)
    root, (om, a, g, b) = math.sqrt(2.0 / math.pi), LOGS
    for k, day in enumerate(z.tolist()):
        e = math.sqrt(h) * day
        found[k] = MU + e
        if kind == "egarch":
            h = math.exp(om + a * (abs(day) - root) + g * day + b * math.log(h))
        elif kind != "steady":
            h = OMEGA + (ALPHA + tilt * (e < 0.0)) * e * e + BETA * h
    return found, h
