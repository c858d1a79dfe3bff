# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""The metalog law: a law given by its quantiles, whatever its shape.

Its quantile function is a sum of simple terms with one coefficient each, so that quantiles give the
coefficients by least squares. Not every sum is a quantile function: one that falls somewhere is
refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import expit, logit

from perilscope.engines.laws.atoms import as_tuple, sum_in_order
from perilscope.engines.laws.law import Distribution, Floats, Numbers, need, plain, product
from perilscope.engines.laws.logodds import END, WIDTH, Curve, Panels
from perilscope.engines.laws.quadrature import compress
from perilscope.errors import MisuseError
from perilscope.once import cached_property

_MOST_TERMS = 16  # beyond these the terms are alike to working precision
_USUAL_TERMS = 9


@dataclass(frozen=True)
class Metalog(Distribution):
    """A law with the quantile function M(y) = a1 + a2 L + a3 (y - 1/2) L + a4 (y - 1/2) + ...

    L = ln(y / (1 - y)). From the fifth on, terms are powers of (y - 1/2), alone and times L in
    turn. With a least value the quantile function is low + exp(M), with both ends it is
    (low + high exp(M)) / (1 + exp(M)).

    Parameters
    ----------
    coefficients : sequence of float
        a1, a2, ...; 2 to 16 of them.
    low, high : float
        Ends; none, the lower one, or both.

    Raises
    ------
    MisuseError
        If the quantile function would fall somewhere, that is, the density be negative.

    Notes
    -----
    Keelin (2016), The Metalog Distributions, Decision Analysis 13(4), equations 6, 8, 11 and 14.
    Integrals are those of the quantile function, good to some 1e-14 of their value. A law with a
    least value and no largest has no mean where the coefficients of L add at y = 1 to 1 or more,
    and no variance where they add to 1/2 or more.

    Examples
    --------
    >>> law = Metalog.from_quantiles((0.1, 0.5, 0.9), (10.0, 20.0, 40.0))
    >>> [round(a, 6) for a in law.coefficients], round(law.mean, 6)
    ([20.0, 6.826794, 5.688995], 22.844498)
    >>> round(float(Metalog.from_quantiles((0.1, 0.5, 0.9), (10, 20, 50), low=0).ppf(0.9)), 9)
    50.0
    """

    coefficients: tuple[float, ...]
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", as_tuple(self.coefficients))
        count = len(self.coefficients)
        need(2 <= count <= _MOST_TERMS, f"a metalog law needs 2 to {_MOST_TERMS} coefficients")
        need(
            [np.all(np.isfinite(a)) for a in self.coefficients],
            "coefficients must be finite numbers",
        )
        _check_ends(self.low, self.high)
        _check_rising(self._curve)

    @classmethod
    def from_quantiles(
        cls,
        probabilities: Sequence[float],
        values: Sequence[float],
        low: float = -np.inf,
        high: float = np.inf,
        terms: int | None = None,
    ) -> Metalog:
        """The law with these quantiles, or as near to them as so many terms come.

        Parameters
        ----------
        probabilities : sequence of float
            Rising, between 0 and 1.
        values : sequence of float
            The quantiles; rising, between ``low`` and ``high``.
        low, high : float
            Ends; none, the lower one, or both.
        terms : int, optional
            Number of coefficients; as many as quantiles (but no more than 9) by default, and then
            the law has just these quantiles. With fewer the squared distances are least, measured
            on the scale of M.

        Raises
        ------
        MisuseError
            If the quantiles are not as described, or no law with so many terms fits them.

        Examples
        --------
        >>> Metalog.from_quantiles((0.1, 0.5, 0.9), (10.0, 11.0, 40.0))
        Traceback (most recent call last):
        ...
        perilscope.errors.MisuseError: no metalog law with 3 terms has these quantiles: its density
        would be negative up to its 25.7 % quantile; take fewer terms, give an end such as low, or
        other quantiles
        """
        y = np.asarray(probabilities, dtype=np.float64)
        _check_ends(low, high)
        _check_quantiles(y, values, low, high)
        count = min(y.size, _USUAL_TERMS) if terms is None else terms
        need(
            2 <= count <= min(y.size, _MOST_TERMS),
            f"a metalog law from {y.size} quantiles needs 2 to {min(y.size, _MOST_TERMS)} terms, "
            f"not {count}",
        )
        wanted = [Curve((), (), low, high).forward(x) for x in values]
        coefficients = _least_squares(_basis(y, count), wanted)
        try:
            return cls(tuple(coefficients), low, high)
        except MisuseError as refused:
            raise MisuseError(
                f"no metalog law with {count} terms has these quantiles: {refused}; "
                "take fewer terms, give an end such as low, or other quantiles"
            ) from None

    @cached_property
    def _curve(self) -> Curve:
        return Curve(*_polynomials(self.coefficients), self.low, self.high)

    @cached_property
    def _panels(self) -> Panels:
        return Panels.of(self._curve)

    @property
    def mean(self) -> float:
        return self._each("mean") if self.varies else self._panels.total(1)

    @property
    def second(self) -> float:
        return self._each("second") if self.varies else self._panels.total(2)

    @property
    def support(self) -> tuple[float, float]:
        ends = []
        for side in (-1.0, 1.0):
            slope, level = self._curve.far(side)
            ends.append(plain(self._curve.back(np.where(slope > 0, side * np.inf, level))))
        return ends[0], ends[1]

    def lev(self, x: Numbers) -> Floats:
        return self._each("lev", x) if self.varies else self._limited(x, 1)

    def second_lev(self, x: Numbers) -> Floats:
        return self._each("second_lev", x) if self.varies else self._limited(x, 2)

    def _limited(self, x: Numbers, power: int) -> Floats:
        """E min(X, x)^power: what the quantiles below x bring, and x^power for all above."""
        x = np.asarray(x, dtype=np.float64)
        z, panel = self._panels.inverse(self._curve.forward(x))
        above = expit(-z)
        return np.asarray(self._panels.upto(z, panel, power) + product(above, x**power))

    def cdf(self, x: Numbers) -> Floats:
        if self.varies:
            return np.asarray(self._each("cdf", x))
        return np.asarray(expit(self._panels.inverse(self._curve.forward(x))[0]))

    def ppf(self, u: Numbers) -> Floats:
        u = np.asarray(u, dtype=np.float64)
        inside = self._curve.quantile(np.clip(logit(u), -800.0, 800.0))
        least, most = self.support
        return np.where(u <= 0, least, np.where(u >= 1, most, inside))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return np.asarray(self._curve.quantile(rng.logistic(size=n)))

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        """Gauss nodes of the law itself; of M where moments are infinite because M is an exponent.

        They are those of a fine lattice in z, which has the same moments to all digits.
        """
        z = self._panels.z[::4]
        level, density = self._curve.level(z)
        heavy = np.isfinite(self.low) and np.isinf(self.high)
        points = level if heavy else self._curve.back(level)
        nodes, weights = compress(points.tolist(), (density / math.fsum(density)).tolist(), n)
        return np.asarray(self._curve.back(nodes) if heavy else nodes), weights

    def _each(self, name: str, *x: Numbers) -> Any:
        """A property or method of each of many laws, one after the other."""
        count = len(self.coefficients)
        given = (*self.coefficients, self.low, self.high, *x)
        columns = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in given))
        found = []
        for row in zip(*(column.ravel().tolist() for column in columns), strict=True):
            value = getattr(Metalog(row[:count], *row[count : count + 2]), name)
            found.append(float(value(*row[count + 2 :]) if x else value))
        return np.asarray(found).reshape(columns[0].shape)


def _polynomials(coefficients: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The polynomials in y - 1/2 that stand with L and alone, by rising power."""
    logs: list[Any] = list(coefficients[1:3])
    powers: list[Any] = [coefficients[0], *coefficients[3:4]]
    for k, a in enumerate(coefficients[4:]):
        (logs if k % 2 else powers).append(a)
    return tuple(logs), tuple(powers)


def _basis(y: Floats, count: int) -> Floats:
    """The terms at probabilities y: one row for each."""
    unit = np.eye(count).tolist()
    return np.stack([Curve(*_polynomials(row)).quantile(logit(y)) for row in unit], axis=1)


def _least_squares(basis: Floats, wanted: Sequence[Any]) -> list[Any]:
    """Coefficients with which the terms come nearest to what is wanted; refined once."""
    solution = np.linalg.pinv(basis)

    def solved(right: Sequence[Any]) -> list[Any]:
        return [sum_in_order(p * w for p, w in zip(row, right, strict=True)) for row in solution]

    found = solved(wanted)
    rest = [
        w - sum_in_order(b * a for b, a in zip(row, found, strict=True))
        for row, w in zip(basis, wanted, strict=True)
    ]
    return [plain(a + more) for a, more in zip(found, solved(rest), strict=True)]


def _check_ends(low: Any, high: Any) -> None:
    need(~np.isnan(low) & ~np.isnan(high), "the ends of a metalog law must be numbers")
    need(np.asarray(low) < high, "a metalog law needs low < high")
    above = np.isinf(low) & np.isfinite(high)
    need(~above, "a metalog law with an upper end has a lower end too; give low")
    for end in (low, high):
        need(np.isinf(end) == np.all(np.isinf(end)), "many laws in one have the same ends open")


def _check_quantiles(y: Floats, values: Sequence[Any], low: Any, high: Any) -> None:
    need(y.size == len(values), "as many values as probabilities")
    need(y.size >= 2, "a metalog law needs two quantiles or more")
    need((y > 0) & (y < 1), "probabilities of quantiles lie between 0 and 1")
    need(np.diff(y) > 0, "probabilities of quantiles rise")
    need([np.all(np.isfinite(x)) for x in values], "quantiles are finite numbers")
    need([np.all(np.asarray(a) < b) for a, b in pairwise(values)], "quantiles rise")
    inside = [np.all((np.asarray(x) > low) & (np.asarray(x) < high)) for x in values]
    need(inside, "quantiles lie between the ends of the law, not on them")


def _check_rising(curve: Curve) -> None:
    """Refuse a quantile function that falls, or stands still, somewhere."""
    z = np.linspace(-END, END, round(2 * END / WIDTH) + 1)
    if any(np.ndim(a) for a in (*curve.logs, *curve.powers)):
        least = reduce(np.minimum, (curve.rise(at) for at in z[::2].tolist()))
        need(least > 0, "the density of some of these metalog laws would be negative")
        return
    rise = curve.rise(z)
    for _ in range(3):  # look closer wherever it is lowest among its neighbours
        inner = np.flatnonzero((rise[1:-1] <= rise[:-2]) & (rise[1:-1] <= rise[2:])) + 1
        lowest = inner[np.argsort(rise[inner], kind="stable")][:_MOST_TERMS]
        closer = [np.linspace(z[k - 1], z[k + 1], 33) for k in lowest]
        z = np.unique(np.concatenate([z, *closer]))
        rise = curve.rise(z)
    falls = z[~(rise > 0)]
    if falls.size:
        first, last = (float(expit(end)) for end in (falls[0], falls[-1]))
        raise MisuseError(f"its density would be negative {_stretch(first, last)}")


def _stretch(first: float, last: float) -> str:
    """A stretch of probabilities in words."""
    if first < 1e-9 and last > 1 - 1e-9:
        return "in both tails"
    if first < 1e-9:
        return f"up to its {100 * last:.3g} % quantile"
    if last > 1 - 1e-9:
        return f"from its {100 * first:.3g} % quantile on"
    return f"between its {100 * first:.3g} % and {100 * last:.3g} % quantiles"
