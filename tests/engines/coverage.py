# SPDX-License-Identifier: Apache-2.0
"""How often 90 % intervals of market models hold what they are about.

For each model two laws of the moves: one that the model can be right about, and one that it cannot.
What an interval is about is what the same model says given endless history of that law; where a
model follows the state of the market, given the state at the end of the short history as well.

    python tests/engines/coverage.py [simulations] [model ...]   prints the table
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines import caviar
from perilscope.engines import switching as chain
from perilscope.engines.models import named
from perilscope.engines.predictive import Law, Sample

Array = NDArray[np.float64]
LEVEL, DAYS = 0.975, 1000
Draw = Callable[[np.random.Generator, int], Array]
PAIR = np.linalg.cholesky(np.array([[1.0, 0.7], [0.7, 1.0]]))
WEIGHTS = np.array([0.6, 0.4])
REGIMES = chain.Regimes(0.1, 2.0, 5.0, 0.97, 0.92, 0.01, -1.0, 14.0)
SHAPE = np.array([0.0015, 0.9, 0.2])  # of the recursion, for a quantile of 1.96 standard deviations


def student(rng: np.random.Generator, n: int) -> Array:
    """Student t, 5 degrees of freedom."""
    return 0.002 + 0.02 * rng.standard_t(5, (n, 1))


def normal(rng: np.random.Generator, n: int) -> Array:
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
    """GARCH(1,1) with normal innovations."""
    z, found, variance = rng.standard_normal(n + 200), np.empty(n + 200), 1.0
    for k in range(n + 200):
        found[k] = math.sqrt(variance) * z[k]
        variance = 0.05 + 0.1 * found[k] ** 2 + 0.85 * variance
    return 0.025 * found[200:, None]


def gaussian_tied(rng: np.random.Generator, n: int) -> Array:
    u = special.ndtr(rng.standard_normal((n, 2)) @ PAIR.T)
    return np.stack([0.02 * special.stdtrit(4, u[:, 0]), 0.03 * special.stdtrit(6, u[:, 1])], 1)


def t_tied(rng: np.random.Generator, n: int) -> Array:
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


@dataclass(frozen=True)
class Case:
    model: str
    kind: str
    draw: Draw


CASES = (
    Case("historical", "true", student),
    Case("historical", "wrong", clustered),
    Case("age-weighted", "true", student),
    Case("age-weighted", "wrong", skew),
    Case("normal", "true", normal),
    Case("normal", "wrong", skew),
    Case("t", "true", student),
    Case("t", "wrong", skew),
    Case("cornish-fisher", "true", normal),
    Case("cornish-fisher", "wrong", skew),
    Case("evt", "true", pareto),
    Case("evt", "wrong", skew),
    Case("caviar", "true", recursive),
    Case("caviar", "wrong", clustered),
    Case("gaussian-copula", "true", gaussian_tied),
    Case("gaussian-copula", "wrong", factor),
    Case("t-copula", "true", t_tied),
    Case("t-copula", "wrong", factor),
    Case("vine", "true", t_tied),
    Case("vine", "wrong", factor),
    Case("regime", "true", switching),
    Case("regime", "wrong", clustered),
)


def sampled(moves: Array, seed: int = 1) -> Sample:
    weights = WEIGHTS if moves.shape[1] == 2 else np.ones(1)
    return Sample(np.maximum(moves, -0.99), weights, seed=seed)


def _whole(case: Case) -> Callable[[Sample], tuple[float, float]]:
    """What the model says given endless history."""
    rng = np.random.default_rng(99)
    if case.model == "caviar":
        big = sampled(case.draw(rng, 30_000))
        law = caviar.CaviarLaw(big.losses, np.abs(big.daily))
        fit, ratio = law.at(LEVEL), law.ratio(LEVEL)

        def at(sample: Sample) -> tuple[float, float]:
            var = float(caviar.path(fit.at, np.abs(sample.daily), fit.first)[-1])
            return var, var * ratio

        return at
    if case.model == "regime":
        fitted = chain.fit_regimes(sampled(case.draw(rng, 20_000)).log_percent)[0]

        def ahead(sample: Sample) -> tuple[float, float]:
            now = chain.filtered(sample.log_percent, fitted)[0][-1]
            found = chain.ahead(fitted, now, 1)
            return found.var(LEVEL), found.cvar(LEVEL)

        return ahead
    model = "historical" if case.model == "age-weighted" else case.model
    count, size = (60, 2_000) if case.draw in (gaussian_tied, t_tied, factor) else (4, 100_000)
    laws: list[Law] = [
        named(model).fit(sampled(case.draw(rng, size), seed)).law for seed in range(count)
    ]
    pair = (
        float(np.mean([law.var(LEVEL) for law in laws])),
        float(np.mean([law.cvar(LEVEL) for law in laws])),
    )
    return lambda _sample: pair


def coverage(case: Case, count: int, first: int = 0) -> tuple[float, float]:
    """Share of simulations in which the intervals of VaR and of CVaR hold the truth."""
    truth, model = _whole(case), named(case.model)
    held = np.zeros(2)
    for number in range(first, first + count):
        sample = sampled(case.draw(np.random.default_rng([7, number]), DAYS), number)
        found = model.fit(sample)
        for place, (value, (low, high)) in enumerate(
            zip(truth(sample), found.interval(LEVEL), strict=True)
        ):
            held[place] += low <= value <= high
    return float(held[0] / count), float(held[1] / count)


def main(words: Sequence[str]) -> None:
    count = int(words[0]) if words else 5000
    print(f"| model | law | VaR | CVaR |  ({count} simulations of {DAYS} days, {LEVEL:.1%})")
    for case in CASES:
        if len(words) < 2 or case.model in words[1:]:
            var, cvar = coverage(case, count)
            name = case.draw.__name__.replace("_", " ")
            print(
                f"| {case.model} | {case.kind}: {name} | {100 * var:.1f} % | {100 * cvar:.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
