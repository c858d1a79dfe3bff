# SPDX-License-Identifier: Apache-2.0
"""Points and weights for integrals over what is not known: the beliefs of a line.

One belief is integrated by its own Gauss nodes, a few by the product of theirs, many by a lattice
of quantiles. A discrete law with many points is compressed to a few that have the same moments.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.laws.law import Distribution

Array = npt.NDArray[np.float64]
Weighted = tuple[float, tuple[float, ...]]

# Nodes per belief by the number of uncertain beliefs: effort 2 for figures, 1 for the comparison
# that tells the error, 3 where each node leaves a stair in the law (losses that are atoms); 0 and
# -1 are 2 and 1 where every node costs several transforms (capped holdings over many years).
_EACH: dict[int, dict[int, int]] = {
    -1: {1: 5, 2: 3, 3: 2, 4: 2},
    0: {1: 8, 2: 5, 3: 3, 4: 3, 5: 2, 6: 2},
    1: {1: 6, 2: 5, 3: 4, 4: 3},
    2: {1: 8, 2: 8, 3: 6, 4: 4, 5: 3},
    3: {1: 64, 2: 16, 3: 6, 4: 4, 5: 3},
}
_LATTICE: dict[int, int] = {-1: 32, 0: 64, 1: 128, 2: 256, 3: 256}


def nodes(
    beliefs: Sequence[Distribution],
    effort: int = 2,
    free: Sequence[bool] | None = None,
    one: int = 0,
) -> tuple[Weighted, ...]:
    """Weighted values of several independent beliefs.

    Parameters
    ----------
    beliefs : sequence of Distribution
        Independent laws. One with a single atom costs nothing.
    effort : int
        From -1 to 3; 2 takes 8 nodes for one or two beliefs, 6 for three, 4 for four, 3 for five,
        and beyond that 256 points of a lattice in all.
    free : sequence of bool, optional
        Beliefs to vary; the others stand at their mean. All by default.
    one : int, optional
        Nodes of the belief where only one varies, in place of those that effort gives it.

    Returns
    -------
    tuple of (float, tuple of float)
        Weight and one value per belief, in their order. Weights add to one.

    Notes
    -----
    n Gauss nodes integrate polynomials up to degree 2n-1 exactly, so a mean and a second moment
    that are polynomials of the beliefs are exact; lattice points are equally weighted quantiles
    and are not. Lattice: Kronecker sequence with the square roots of primes (Niederreiter 1978).

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Constant, Uniform
    >>> [(round(w, 3), round(x, 3)) for w, (x, y) in nodes([Uniform(0, 1), Constant(2)])][0]
    (0.051, 0.02)
    """
    if not beliefs:
        return ((1.0, ()),)
    vary = [True] * len(beliefs) if free is None else list(free)
    single = [b.support[0] == b.support[1] for b in beliefs]
    loose = [i for i in range(len(beliefs)) if vary[i] and not single[i]]
    each = one if one and len(loose) == 1 else _EACH[effort].get(len(loose))
    if loose and each is None:
        return _lattice(beliefs, loose, _LATTICE[effort])
    points: list[Weighted] = [(1.0, ())]
    for i, belief in enumerate(beliefs):
        axis = _axis(belief, each if i in loose and each is not None else 1)
        points = [(w * v, (*theta, x)) for w, theta in points for x, v in axis]
    return tuple(points)


@functools.lru_cache(maxsize=4096)
def _axis(belief: Distribution, count: int) -> tuple[tuple[float, float], ...]:
    if count == 1:
        return ((belief.mean, 1.0),)
    x, w = belief.gauss(count)
    return tuple(zip(x.tolist(), w.tolist(), strict=True))


def _lattice(
    beliefs: Sequence[Distribution], loose: Sequence[int], count: int
) -> tuple[Weighted, ...]:
    """Equally weighted quantiles at the points of a Kronecker sequence."""
    columns = [np.full(count, b.mean) for b in beliefs]
    place = np.arange(count) + 0.5
    for i, prime in zip(loose, _primes(len(loose)), strict=True):
        columns[i] = np.asarray(beliefs[i].ppf((place * math.sqrt(prime)) % 1.0), dtype=float)
    rows = np.stack(columns, axis=1).tolist()
    return tuple((1.0 / count, tuple(row)) for row in rows)


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % p for p in found):
            found.append(number)
        number += 1
    return found


def compress(values: Sequence[float], weights: Sequence[float], count: int) -> tuple[Array, Array]:
    """Gauss nodes of a discrete law: at most ``count`` points with its first 2 count - 1 moments.

    Parameters
    ----------
    values, weights : sequence of float
        Points and their positive weights, which add to ``w``.
    count : int
        Number of points wanted.

    Returns
    -------
    tuple of arrays
        Points in rising order, and weights that add to ``w``. A law with no more than ``count``
        different points comes back as it is.

    Notes
    -----
    Lanczos on the diagonal of the values with full reorthogonalisation, then the eigenvalues of
    the tridiagonal matrix (Golub and Welsch 1969; Gautschi, Orthogonal Polynomials, 2004, §2.2).

    Examples
    --------
    >>> x, w = compress([1.0, 2.0, 3.0, 4.0], [0.25] * 4, 2)
    >>> round(float((w * x).sum()), 12), round(float((w * x**3).sum()), 12)
    (2.5, 25.0)
    """
    points = np.asarray(sorted(set(values)), dtype=np.float64)
    place = np.searchsorted(points, np.asarray(values, dtype=np.float64))
    held = np.bincount(place, weights=np.asarray(weights, dtype=float), minlength=points.size)
    mass = np.asarray(held, dtype=np.float64)
    low, high = float(points[0]), float(points[-1])
    if points.size <= count:
        return points, mass
    centre, reach = (low + high) / 2, (high - low) / 2
    u = (points - centre) / reach
    total = float(mass.sum())
    basis = [np.sqrt(mass / total)]
    diagonal, off = [], []
    for k in range(count):
        q = basis[k]
        diagonal.append(float((q * u * q).sum()))
        rest = u * q
        for _ in range(2):  # twice is enough for orthogonality to working precision
            for p in basis:
                rest = rest - p * float((p * rest).sum())
        size = math.sqrt(float((rest * rest).sum()))
        if k == count - 1 or size < 1e-13:
            break
        off.append(size)
        basis.append(rest / size)
    matrix = np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1)
    roots, vectors = np.linalg.eigh(matrix)
    return centre + reach * roots, total * vectors[0] ** 2
