# SPDX-License-Identifier: Apache-2.0
"""What every law of one number can do: moments, limited means, quantiles, draws, nodes.

Parameters of a law are numbers. They may also be arrays of length n: such a law stands for n
laws at once, one for each simulated horizon. ``sample(rng, n)`` then draws one value from each of
them, ``take(indices)`` picks laws (one for each event, say), and means come as arrays. Quantiles,
nodes and supports are asked of laws with plain numbers only.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import MisuseError

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = "float | NDArray[np.floating[Any]]"
_Law = TypeVar("_Law", bound="Parameterised")


class Parameterised:
    """A frozen value whose numbers may be arrays, one entry for each of n laws."""

    @property
    def varies(self) -> bool:
        """Whether some parameter is an array, so that this value stands for many laws."""
        return any(_varies(getattr(self, field.name)) for field in fields(cast(Any, self)))

    def take(self, indices: Integers) -> Self:
        """The laws at these indices, in this order; itself when nothing varies.

        Examples
        --------
        >>> from perilscope.engines.laws.distributions import Constant
        >>> Constant(np.array([1.0, 2.0])).take(np.array([1, 1, 0])).value.tolist()
        [2.0, 2.0, 1.0]
        """
        if not self.varies:
            return self
        taken = type(self).__new__(type(self))  # the parameters were checked once already
        for field in fields(cast(Any, self)):
            object.__setattr__(taken, field.name, _taken(getattr(self, field.name), indices))
        return taken


class Distribution(Parameterised, ABC):
    """A law of one number.

    Attributes
    ----------
    mean : float
        Expected value; may be infinite.
    second : float
        Expected square; may be infinite.
    support : tuple of float
        Smallest and largest value.
    """

    if TYPE_CHECKING:  # at run time some laws carry their mean as a field, which a property bars

        @property
        def mean(self) -> float:
            """Expected value."""
            ...  # a stub for the type checker

    @property
    @abstractmethod
    def second(self) -> float:
        """Expected square."""

    @property
    @abstractmethod
    def support(self) -> tuple[float, float]:
        """Smallest and largest value."""

    @property
    def variance(self) -> float:
        """Expected square about the mean; infinite where the second moment is."""
        mean, second = self.mean, self.second
        with np.errstate(invalid="ignore"):
            return plain(np.where(np.isfinite(second), np.maximum(second - mean * mean, 0), np.inf))

    @abstractmethod
    def lev(self, x: Numbers) -> Floats:
        """Limited expected value E[min(X, x)]; its slope is the survival function."""

    @abstractmethod
    def second_lev(self, x: Numbers) -> Floats:
        """E[min(X, x)^2]; the second moment of the law capped at x."""

    @abstractmethod
    def cdf(self, x: Numbers) -> Floats:
        """P(X <= x)."""

    @abstractmethod
    def ppf(self, u: Numbers) -> Floats:
        """Smallest x with P(X <= x) >= u."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draws, shape (n,); one from each law where a parameter is an array of length n."""

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        """Nodes and weights for the mean of a smooth function of X: E f(X) ~ sum w f(x).

        Gauss-Legendre in probability unless the law knows its own polynomials or has atoms, which
        are then exact. At most n nodes for simple laws; weights sum to one.
        """
        u, weights = legendre(n)
        return np.asarray(self.ppf(u), dtype=np.float64), weights


def plain(value: Any) -> float:
    """A plain float where the value is one number, else the array as it is."""
    if type(value) is float:
        return value
    return float(value) if np.ndim(value) == 0 else cast(float, value)


def product(factor: Any, value: Any) -> Any:
    """A product in which nothing of something infinite is nothing.

    Examples
    --------
    >>> product(0.0, math.inf).tolist(), product(2.0, 3.0).tolist()
    (0.0, 6.0)
    """
    factor = np.asarray(factor)
    return np.where(factor != 0, factor * np.where(factor != 0, value, 0.0), 0.0)


def finite(*values: Any) -> bool:
    """Whether all of these are finite numbers, or arrays of such."""
    for value in values:  # asked for every law: faster than `all`
        if not (math.isfinite(value) if type(value) is float else np.all(np.isfinite(value))):
            return False
    return True


def positive(*values: Any) -> bool:
    """Whether all of these are finite numbers above zero, or arrays of such."""
    for value in values:
        if type(value) is float:
            if not 0.0 < value < math.inf:
                return False
        elif not np.all((np.asarray(value) > 0) & np.isfinite(value)):
            return False
    return True


def rising(*values: Any) -> bool:
    """Whether each of these is less than the next, in every entry where they are arrays."""
    for a, b in itertools.pairwise(values):
        if not (a < b if type(a) is float and type(b) is float else np.all(np.less(a, b))):
            return False
    return True


def need(condition: Any, message: str) -> None:
    """Refuse parameters that make no law; of arrays, every entry must pass."""
    if not (condition if isinstance(condition, bool | np.bool_) else np.all(condition)):
        raise MisuseError(message)


def legendre(n: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on (0, 1); weights sum to one.

    Examples
    --------
    Exact for polynomials up to degree 5; the mean of u^5 is 1/6:

    >>> u, weights = legendre(3)
    >>> round(float(weights @ u**5 * 6.0), 12)
    1.0
    """
    t, w = np.polynomial.legendre.leggauss(n)
    return (t + 1) / 2, w / 2


def golub_welsch(diagonal: Floats, beside: Floats) -> tuple[Floats, Floats]:
    """Gauss nodes and weights of a probability law from its three-term recurrence.

    Parameters
    ----------
    diagonal, beside : arrays, shapes (n,) and (n - 1,)
        The Jacobi matrix of the orthonormal polynomials.

    Notes
    -----
    Golub and Welsch (1969), Calculation of Gauss quadrature rules: nodes are the eigenvalues,
    weights the squared first components of the eigenvectors. No constant of the weight function
    is wanted, so nothing overflows for laws with large parameters.
    """
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    nodes, vectors = np.linalg.eigh(matrix)
    weights = vectors[0] ** 2
    return nodes, weights / weights.sum()


def invert(law: Distribution, u: Numbers, low: Numbers, high: Numbers) -> Floats:
    """Smallest x in [low, high] with cdf(x) >= u, to the last bits.

    Notes
    -----
    By inverse quadratic interpolation where that is safe, else by bisection (Chandrupatla 1997, A
    new hybrid quadratic/bisection algorithm); a bracket is closed from both sides. Each entry goes
    its own way, so that none depends on which others were asked for.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Exponential
    >>> bool(abs(invert(Exponential(1.0), 0.5, 0.0, 10.0) - math.log(2.0)) < 1e-15)
    True
    """
    u, low, high = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (u, low, high)))
    under, over = law.cdf(low) - u, law.cdf(high) - u
    reached = under >= 0
    old, was = high, over  # the end that was given up last
    share: Any = 0.5
    away: Any = 3e-16  # least way from either end, relative: fourfold until one end closes in
    for _ in range(200):
        middle, close = low + (high - low) / 2, away * np.abs(high)
        open_ = ~reached & (middle > low) & (middle < high)
        if not np.any(open_):
            break
        x = low + share * (high - low)
        near, far = x < low + close, x > high - close
        x = np.where(near, low + close, np.where(far, high - close, x))
        x = np.where((x > low) & (x < high), x, middle)
        gap = law.cdf(x) - u
        enough = gap >= 0
        stays = np.where(near, ~enough, enough)
        away = np.where(near | far, np.where(stays, 4 * away, 3e-16), away)
        up, down = open_ & ~enough, open_ & enough
        old, was = np.where(up, low, np.where(down, high, old)), np.where(enough, over, under)
        low, under = np.where(up, x, low), np.where(up, gap, under)
        high, over = np.where(down, x, high), np.where(down, gap, over)
        share = _share(low, high, old, under, over, was)
    return np.where(reached, np.minimum(low, high), high)


def _share(
    low: Numbers, high: Numbers, old: Numbers, under: Numbers, over: Numbers, was: Numbers
) -> Floats:
    """Where between low and high to look next, from what is known at both and beside them."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # seen from the end that lies between the others
        inner = was > over
        x1, f1 = np.where(inner, high, low), np.where(inner, over, under)
        x2, f2 = np.where(inner, low, high), np.where(inner, under, over)
        xi, phi = (x1 - x2) / (old - x2), (f1 - f2) / (was - f2)
        fits = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        way = f1 / (f2 - f1) * was / (f2 - was)
        way += (old - x1) / (x2 - x1) * f1 / (was - f1) * f2 / (was - f2)
        way = np.where(fits & np.isfinite(way), np.clip(way, 0.0, 1.0), 0.5)
    return np.where(inner, 1.0 - way, way)


def _varies(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    if isinstance(value, Parameterised):
        return value.varies
    return isinstance(value, tuple) and any(_varies(part) for part in value)


def _taken(value: Any, indices: Integers) -> Any:
    if isinstance(value, np.ndarray) and value.ndim:
        return value[indices]
    if isinstance(value, Parameterised):
        return value.take(indices)
    if isinstance(value, tuple):
        return tuple(_taken(part, indices) for part in value)
    return value


def stack(laws: Sequence[_Law]) -> _Law:
    """Many laws of one make as one law with arrays, the inverse of ``take``.

    Raises
    ------
    MisuseError
        If the laws are not all of one make.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> stack([Uniform(0, 1), Uniform(0, 2)]).high.tolist()
    [1.0, 2.0]
    """
    return cast(_Law, _stacked(list(laws)))


def _stacked(values: list[Any]) -> Any:
    first = values[0]
    if all(value is first for value in values):
        return first
    if isinstance(first, Parameterised):
        need([type(value) is type(first) for value in values], "laws of one kind are needed")
        law = type(first).__new__(type(first))  # the parameters were checked one by one
        for field in fields(cast(Any, first)):
            of_all = [getattr(value, field.name) for value in values]
            object.__setattr__(law, field.name, _stacked(of_all))
        return law
    if isinstance(first, tuple):
        need([len(value) == len(first) for value in values], "laws of one kind are needed")
        return tuple(_stacked(list(column)) for column in zip(*values, strict=True))
    array = np.asarray(values)
    return first if np.all(array == array[0]) else array.astype(np.float64)
