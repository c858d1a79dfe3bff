# SPDX-License-Identifier: Apache-2.0
"""What the machine can do at best, and the plain NumPy that most people would write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.fft
from registers import Row

from perilscope.engines.aggregate.compound import Compound

RAW = 100_000_000
"""Random numbers drawn to measure the raw rate."""


def raw_numbers() -> tuple[str, Callable[[], object]] | None:
    """64-bit numbers of xoshiro256++, compiled, one thread, added up; None without Numba."""
    try:
        from numba import njit, uint64
    except ImportError:
        return None

    @njit
    def draw(count: int, seed: int) -> Any:
        a, b = uint64(seed), uint64(0x9E3779B97F4A7C15)
        c, d = uint64(0xBF58476D1CE4E5B9), uint64(0x94D049BB133111EB)
        total = uint64(0)
        for _ in range(count):
            mixed = a + d
            total += ((mixed << uint64(23)) | (mixed >> uint64(41))) + a
            shifted = b << uint64(17)
            c ^= a
            d ^= b
            b ^= c
            a ^= d
            c ^= shifted
            d = (d << uint64(45)) | (d >> uint64(19))
        return total

    return "floor: raw random numbers, compiled", lambda: draw(RAW, 1)


def numpy_numbers() -> object:
    """The same many numbers from NumPy's counter-based generator, a block at a time."""
    source = np.random.Generator(np.random.Philox(1))
    for _ in range(RAW // 1_000_000):
        found = source.integers(0, 2**64 - 1, 1_000_000, dtype=np.uint64, endpoint=True)
    return found


def transforms(points: int, count: int) -> object:
    """The transforms of so many scenarios on a grid and one back."""
    mass = np.zeros(points)
    for _ in range(count):
        found = scipy.fft.rfft(mass)
    return scipy.fft.irfft(found, points)


def numpy_simulation(lines: Sequence[Compound], rows: Sequence[Row], years: int) -> float:
    """Counts of each year, losses of each event, added up by year."""
    rng = np.random.default_rng(1)
    total = np.zeros(years)
    for line, row in zip(lines, rows, strict=True):
        severity: Any = line.build((), 1.0)[1]
        if row.counts == "poisson":
            n = rng.poisson(row.rate, years)
        else:
            n = rng.binomial(1, row.rate, years)
        size = int(n.sum())
        if row.law == "lognormal":
            losses = rng.lognormal(severity.mu, severity.sigma, size)
        else:
            low, _, high = row.numbers
            losses = low + (high - low) * rng.beta(severity.a, severity.b, size)
        total += np.bincount(np.repeat(np.arange(years), n), losses, years)
    return float(np.quantile(total, 0.99))


def rounded_fft(lines: Sequence[Compound], rows: Sequence[Row], points: int, end: float) -> Any:
    """The textbook way: losses rounded to the grid, one transform each, no tilt; VaR and CVaR."""
    step = end / points
    edges = (np.arange(points) + 0.5) * step
    product = np.ones(points // 2 + 1, dtype=complex)
    for line, row in zip(lines, rows, strict=True):
        cdf = np.asarray(line.build((), 1.0)[1].cdf(edges))
        z = scipy.fft.rfft(np.diff(np.concatenate([[0.0], cdf])))
        if row.counts == "poisson":
            product *= np.exp(row.rate * (z - 1.0))
        else:
            product *= 1.0 + row.rate * (z - 1.0)
    mass = scipy.fft.irfft(product, points)
    cumulative, places = np.cumsum(mass), np.arange(points) * step
    ranks = [int(np.searchsorted(cumulative, level)) for level in (0.95, 0.99, 0.999)]
    tails = [
        float(mass[k + 1 :] @ places[k + 1 :] + (cumulative[k] - level) * places[k]) / (1.0 - level)
        for k, level in zip(ranks, (0.95, 0.99, 0.999), strict=True)
    ]
    return {"var": [float(places[k]) for k in ranks], "cvar": tails}
