# SPDX-License-Identifier: Apache-2.0
"""Figures against converged truth, and the estimate of their error, over random registers.

The truth is found here, in plain NumPy and SciPy: losses on a grid with their limited means kept,
eight times as fine and reaching twice as far, then Richardson's extrapolation of each figure. One
run in the suite is small; PERILSCOPE_SEARCH=1 takes 10,000 fresh pairs of register and figure.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Exponential,
    Gamma,
    Lognormal,
    Pareto,
    Weibull,
)

LEVELS = (0.95, 0.99, 0.999)
SEARCH = [int(seed) for seed in os.environ.get("PERILSCOPE_SEARCH", "").split()]
REGISTERS, PARTS = (1700, 1) if SEARCH else (24, 4)
"""A wide search is one part: 99.9 % is asked of all pairs together."""


@dataclass(frozen=True)
class Row:
    """A line twice: as the engine takes it, and as plain functions."""

    line: Compound
    pgf: Callable[[Any], Any]
    none: float
    limited: Callable[[Any], Any]
    mean: float  # of the total


def random_row(rng: np.random.Generator, key: str, atoms: bool) -> Row:
    rate = math.exp(rng.uniform(math.log(0.02), math.log(8.0)))
    size = math.exp(rng.uniform(math.log(5e3), math.log(2e6)))
    loss, limited, mean = _loss(rng, size, atoms)
    counts, pgf, expected = _counts(rng, rate)
    line = Compound(key, lambda *_: (counts, loss))
    return Row(line, pgf, float(pgf(0.0)), limited, expected * mean)


def _loss(rng: np.random.Generator, size: float, atoms: bool) -> tuple[Any, Any, float]:
    kind = rng.integers(7 if atoms else 6)
    if kind == 0:
        mu, s = math.log(size), rng.uniform(0.4, 1.8)
        mean = math.exp(mu + s * s / 2)

        def lognormal(x: Any) -> Any:
            z = (np.log(x) - mu) / s
            return mean * sp.ndtr(z - s) + x * sp.ndtr(-z)

        return Lognormal(mu, s), lognormal, mean
    if kind == 1:
        return Exponential(size), lambda x: -size * np.expm1(-x / size), size
    if kind == 2:
        k = rng.uniform(0.7, 4.0)
        law = Gamma(k, size / k)
        t = size / k
        return (
            law,
            lambda x: size * sp.gammainc(k + 1, x / t) + x * sp.gammaincc(k, x / t),
            size,
        )
    if kind == 3:
        a = rng.uniform(1.6, 3.5)
        mean = size * a / (a - 1)
        return (
            Pareto(a, size),
            lambda x: np.where(
                x <= size, x, mean - size / (a - 1) * (size / np.maximum(x, size)) ** (a - 1)
            ),
            mean,
        )
    if kind == 4:
        low, high = 0.2 * size, 5.0 * size
        width, a, b = high - low, 1 + 4 * 0.8 / 4.8, 1 + 4 * 4.0 / 4.8
        mean = low + width * a / (a + b)

        def pert(x: Any) -> Any:
            u = np.clip((x - low) / width, 0.0, 1.0)
            inside = width * (a / (a + b) * sp.betainc(a + 1, b, u) + u * sp.betaincc(a, b, u))
            return np.where(x <= low, x, low + inside)

        return Beta.pert(low, size, high), pert, mean
    if kind == 5:
        k = rng.uniform(0.8, 2.5)
        mean = size * math.gamma(1 + 1 / k)
        return (
            Weibull(k, size),
            lambda x: (
                mean * sp.gammainc(1 + 1 / k, (x / size) ** k) + x * np.exp(-((x / size) ** k))
            ),
            mean,
        )
    return Constant(size), lambda x: np.minimum(x, size), size


def _counts(rng: np.random.Generator, rate: float) -> tuple[Any, Any, float]:
    kind = rng.integers(3)
    if kind == 0:
        return Poisson(rate), lambda z: np.exp(rate * (z - 1)), rate
    if kind == 1:
        p = min(rate, 0.9)
        return Bernoulli(p), lambda z: 1 - p + p * z, p
    return NegativeBinomial(2.0, rate), lambda z: (1 - rate / 2 * (z - 1)) ** -2.0, rate


class Truth:
    """The sum on one grid: E min(S, x) at its points."""

    def __init__(self, rows: Sequence[Row], reach: float, points: int) -> None:
        self.step = reach / points
        places = np.arange(1, points + 1) * self.step
        damping = np.exp(-12.0 * np.arange(points) / points)
        product: Any = 1.0
        for row in rows:
            level = np.concatenate([[0.0], row.limited(places)])
            mass = -np.diff(level, 2) / self.step
            mass = np.concatenate([[1.0 - level[1] / self.step], mass])
            product = product * row.pgf(np.fft.rfft(mass * damping))
        mass = np.fft.irfft(product, points) / damping
        self.over = 1.0 - np.cumsum(mass)
        self.limited = np.concatenate([[0.0], np.cumsum(self.over) * self.step])

    def beyond(self, x: float) -> float:
        """P(S > x): the slope of E min(S, x), between those of the cells beside it."""
        k = min(max(int(x / self.step), 3), self.over.size - 5)
        near = np.polyfit(np.arange(-3.0, 5.0), self.limited[k - 3 : k + 5] / self.step, 7)
        slope = float(np.polyval(np.polyder(near), x / self.step - k))
        return min(max(slope, float(self.over[k + 1])), float(self.over[max(k - 1, 0)]))


def quantile(fine: Truth, coarse: Truth, level: float) -> float:
    """Where the extrapolated P(S > x) falls to 1 - level."""
    low, high = 0.0, fine.step * fine.over.size
    for _ in range(80):
        x = 0.5 * (low + high)
        over = fine.beyond(x) + (fine.beyond(x) - coarse.beyond(x)) / 3.0
        low, high = (x, high) if over > 1.0 - level else (low, x)
    return high


def tail_mean(fine: Truth, coarse: Truth, mean: float, level: float, near: float) -> float:
    """CVaR as the least of v + E(S - v)+ / (1 - a) over points of the coarse grid near VaR."""
    k = np.arange(max(int(near / coarse.step) - 40, 0), int(near / coarse.step) + 41)
    limited = fine.limited[2 * k] + (fine.limited[2 * k] - coarse.limited[k]) / 3.0
    values = k * coarse.step + (mean - limited) / (1.0 - level)
    at = int(np.clip(np.argmin(values), 1, values.size - 2))
    a, b, c = values[at - 1 : at + 2]
    bend = a - 2.0 * b + c
    smooth = abs(c - a) <= bend < 4.0 * np.diff(values, 2).min()  # else an atom, at the point
    return float(b - (c - a) ** 2 / (8.0 * bend)) if smooth else float(b)


def compared(seed: int, atoms: bool) -> list[tuple[str, float, float]]:
    """(figure, how far off relative, estimate of error) for each figure of a random register."""
    rng = np.random.default_rng([*SEARCH, seed, int(atoms)])
    rows = [random_row(rng, f"line {i}", atoms) for i in range(rng.integers(1, 7))]
    law = Register([row.line for row in rows]).law()
    if law.grid.lattice:
        return []
    reach, points = 2.0 * law.grid.range, 2**17 if law.points <= 2**13 else 2**20
    fine, coarse = Truth(rows, reach, points), Truth(rows, reach, points // 2)
    mean = math.fsum(row.mean for row in rows)
    none = math.prod(row.none for row in rows)
    assert law.mean == pytest.approx(mean, rel=1e-12)
    assert law.none == pytest.approx(none, rel=1e-12, abs=1e-300)
    found = []
    for level in LEVELS:
        estimate = law.error_at(level)
        if none >= level:
            assert law.var(level) == 0.0
            assert law.cvar(level) == pytest.approx(mean / (1.0 - level), rel=1e-12)
            continue
        v = quantile(fine, coarse, level)
        c = tail_mean(fine, coarse, mean, level, v)
        found.append((f"CVaR {level} {seed}", abs(law.cvar(level) / c - 1.0), estimate))
        off = abs(law.var(level) / v - 1.0)
        # at an atom the truth is read to a cell of its grid
        found.append((f"VaR {level} {seed}", off, estimate + (fine.step / v if atoms else 0.0)))
    return found


# the truth's own error, of straight lines and of its grid
GRAIN = 2e-9


@pytest.mark.parametrize("part", range(PARTS))
def test_smooth_registers_are_within_a_hundred_thousandth(part: int) -> None:
    pairs = [x for seed in range(part, REGISTERS, PARTS) for x in compared(seed, atoms=False)]
    assert pairs
    far = [x for x in pairs if x[1] > 1e-5]  # as a quantile within a step of where a law begins
    assert len(far) <= 1e-3 * len(pairs), far
    understated = [x for x in pairs if x[1] > x[2] + GRAIN]
    assert len(understated) <= 1e-3 * len(pairs), understated


@pytest.mark.parametrize("part", range(PARTS))
def test_the_error_is_told_where_losses_are_atoms_too(part: int) -> None:
    pairs = [x for seed in range(part, REGISTERS // 2, PARTS) for x in compared(seed, atoms=True)]
    assert pairs
    understated = [x for x in pairs if x[1] > x[2] + GRAIN]
    assert len(understated) <= 1e-3 * len(pairs), understated
