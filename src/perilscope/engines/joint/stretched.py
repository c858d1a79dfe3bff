# SPDX-License-Identifier: Apache-2.0
"""Clouds of losses in tokens on the window: each scenario stretches them by its own prices."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np
import numpy.typing as npt

from perilscope.engines import machine_code
from perilscope.engines.grids.grid import Transform
from perilscope.engines.joint.cells import Coupled
from perilscope.engines.joint.cloud import Cloud
from perilscope.engines.joint.clouds import Clouds, Term
from perilscope.engines.joint.window import Window

Array = npt.NDArray[np.float64]

_BLOCK = 2**19
"""Points that are put on the window together."""
_COMPILED = "perilscope.engines.joint.stretched_compiled"


def prepare(cache: machine_code.Cache | None = None) -> bool:
    """Load the compiled loops, which take a tenth of the time; False without Numba.

    Parameters
    ----------
    cache : callable, optional
        Gives the folder in which machine code is kept, or None; see `machine_code.load`.
    """
    return machine_code.load(_COMPILED, cache) is not None


def coupled(
    window: Window,
    losses: Array,
    weights: Array,
    prices: Mapping[str, Array],
    clouds: Clouds,
    made: Sequence[Set[int]],
) -> Coupled:
    """The law of the market and of losses counted in tokens, scenario by scenario.

    Parameters
    ----------
    window : Window
    losses, weights : array, shape (n,)
        What the portfolio loses in each scenario, and its probability.
    prices : mapping of token to array, shape (n,)
    clouds : Clouds
    made : sequence of set of int
        Of each part, the patterns that there are in this state of prices.
    """
    shape = len(clouds.combinations), window.grid.points // 2 + 1
    fine, rough = (np.zeros(shape, dtype=np.complex128) for _ in range(2))
    for row, patterns in enumerate(clouds.combinations):
        if all(j in known for j, known in zip(patterns, made, strict=True)):
            for found, fewer in ((fine, False), (rough, True)):
                terms = clouds.terms(patterns, rough=fewer)
                found[row] = transform(window, losses, weights, prices, terms)
    mean = {token: float(weights @ each) for token, each in prices.items()}
    return Coupled(fine, rough, mean, clouds.offs(mean))


def likely(clouds: Clouds, tables: Sequence[Array]) -> Iterator[tuple[float, Term]]:
    """Terms of all patterns of the parts that may be, and the probability of each pattern.

    Parameters
    ----------
    clouds : Clouds
    tables : sequence of array, shape (patterns,)
        Of each part, the probabilities of its patterns.
    """
    for patterns in clouds.combinations:
        chance = math.prod(float(own[j]) for own, j in zip(tables, patterns, strict=True))
        if chance > 0.0:
            yield from ((chance, term) for term in clouds.terms(patterns, rough=False))


def put(
    window: Window, losses: Array, weights: Array, prices: Mapping[str, Array], cloud: Cloud
) -> Array:
    """Law of gains and losses with a cloud at the prices of each scenario, shape (points,).

    Parameters
    ----------
    window : Window
    losses, weights : array, shape (n,)
        Of the market's scenarios.
    prices : mapping of token to array, shape (n,)
        Against today's.
    cloud : Cloud

    Examples
    --------
    A gain of 1 and a theft of 2 at today's price, which is half as much again:

    >>> from perilscope.engines.grids.grid import Grid
    >>> window = Window(Grid(1.0, 8), 2)
    >>> theft = Cloud(("BTC",), np.array([[2.0]]), np.array([0.5]), np.ones(1))
    >>> put(window, np.array([-1.0]), np.ones(1), {"BTC": np.array([1.5])}, theft).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0]
    """
    if not cloud.tokens:
        return window.mass(losses, cloud.mass[0] * weights)
    points = window.grid.points
    found = np.zeros(points + 2)
    quick = sys.modules.get(_COMPILED)
    if quick is not None:
        starts, rates = _standing(window, losses, prices, cloud)
        quick.put(starts, rates, weights, cloud.places, cloud.mass, found)
    else:
        for some, below, part in _placed(window, losses, prices, cloud):
            mass = (weights[some, None] * cloud.mass).ravel()
            part *= mass
            found[:-1] += np.bincount(below, mass - part, points + 1)
            found[1:] += np.bincount(below, part, points + 1)
    return found[:points]


def read(
    window: Window,
    values: Array,
    losses: Array,
    prices: Mapping[str, Array],
    cloud: Cloud,
    weights: Array | None = None,
) -> tuple[Array, list[Array]]:
    """Values at the points of the window, read where :func:`put` puts a cloud.

    Parameters
    ----------
    window, losses, prices, cloud
        As of :func:`put`.
    values : array, shape (rows, points)
    weights : array, shape (n,), optional
        As of :func:`put`; without them nothing is told of the points of the cloud.

    Returns
    -------
    array, shape (rows, n)
        Mean over the cloud, in each scenario.
    list of array, shape (points of the cloud, rows)
        For each token of the cloud the mean over scenarios, times what the token costs.

    Examples
    --------
    >>> from perilscope.engines.grids.grid import Grid
    >>> window = Window(Grid(1.0, 8), 2)
    >>> theft = Cloud(("BTC",), np.array([[2.0]]), np.array([0.5]), np.ones(1))
    >>> scenario = np.array([-1.0]), {"BTC": np.array([1.5])}
    >>> mean, (priced,) = read(window, np.arange(8.0)[None], *scenario, theft, np.ones(1))
    >>> mean.tolist(), priced.tolist()
    ([[2.0]], [[6.0]])
    """
    if not cloud.tokens:
        return np.stack([cloud.mass[0] * window.read(row, losses) for row in values]), []
    size, rows = len(losses), len(values)
    padded = np.zeros((rows, values.shape[1] + 2))
    padded[:, :-2] = values
    counts = [] if weights is None else [weights * prices[token] for token in cloud.tokens]
    scaled = np.array(counts).reshape(len(counts), size)
    mean, priced = np.zeros((rows, size)), np.zeros((rows, len(counts), cloud.mass.size))
    quick = sys.modules.get(_COMPILED)
    if quick is None:
        for some, below, part in _placed(window, losses, prices, cloud):
            for r, row in enumerate(padded):
                here = row[below]
                here += part * (row[below + 1] - here)
                table = here.reshape(-1, cloud.mass.size)
                mean[r, some] = table @ cloud.mass
                priced[r] += scaled[:, some] @ table
        return mean, list(np.moveaxis(priced, 0, -1))
    starts, rates = _standing(window, losses, prices, cloud)
    if counts:
        by = np.ascontiguousarray(scaled.T)
        for row, own, found in zip(padded, mean, priced, strict=True):
            quick.priced(starts, rates, by, cloud.places, cloud.mass, row, own, found)
        return mean, list(np.moveaxis(priced, 0, -1))
    together = np.zeros((size, rows))
    quick.read(starts, rates, cloud.places, cloud.mass, np.ascontiguousarray(padded.T), together)
    return together.T, []


def _standing(
    window: Window, losses: Array, prices: Mapping[str, Array], cloud: Cloud
) -> tuple[Array, Array]:
    """Where scenarios stand in steps, and the steps that money lost in each token goes up."""
    step = window.grid.step
    starts = window.clamped(losses) / step + window.zero
    return starts, np.stack([prices[token] for token in cloud.tokens], axis=1) / step


def _placed(
    window: Window, losses: Array, prices: Mapping[str, Array], cloud: Cloud
) -> Iterator[tuple[slice, npt.NDArray[np.int64], Array]]:
    """Where a cloud stands in some scenarios after others: point below, and how far beyond it."""
    points = window.grid.points
    starts, rates = _standing(window, losses, prices, cloud)
    size = max(_BLOCK // cloud.mass.size, 1)
    for first in range(0, len(losses), size):
        some = slice(first, first + size)
        at = rates[some] @ cloud.places
        at += starts[some, None]
        at = np.minimum(at.ravel(), points)
        below = at.astype(np.int64)
        at -= below
        yield some, below, at


def transform(
    window: Window,
    losses: Array,
    weights: Array,
    prices: Mapping[str, Array],
    terms: Sequence[Term],
) -> Transform:
    """Transform of gains and losses with what is counted in tokens, and money beside it."""
    found = np.zeros(window.grid.points // 2 + 1, dtype=np.complex128)
    for term in terms:
        found += term.beside * bare(window, losses, weights, prices, term)
    return found


def bare(
    window: Window, losses: Array, weights: Array, prices: Mapping[str, Array], term: Term
) -> Transform:
    """The same of one term, without the money beside it."""
    mass = sum(put(window, losses, weights, prices, cloud) for cloud in term.clouds)
    return window.grid.forward(np.asarray(mass))
