# SPDX-License-Identifier: Apache-2.0
"""Volatility models fitted by maximum likelihood: GARCH, GJR and EGARCH of order (1,1).

    r(t) = mu + sqrt(h(t)) z(t),   z normal or Student t, of variance one
    garch   h(t) = omega + alpha e(t-1)^2 + beta h(t-1)
    gjr     h(t) = omega + (alpha + gamma [e(t-1) < 0]) e(t-1)^2 + beta h(t-1)
    egarch  log h(t) = omega + alpha (|z(t-1)| - sqrt(2 / pi)) + gamma z(t-1) + beta log h(t-1)

The returns are 100 x log returns, and the log-likelihood is in these units. Sources: Bollerslev, J.
Econometrics 31 (1986); Glosten, Jagannathan and Runkle, J. Finance 48 (1993); Nelson, Econometrica
59 (1991). Likelihoods have several local maxima: every fit searches from many starts, edges too.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from perilscope.engines import machine_code
from perilscope.engines.volatility import garch_plain
from perilscope.engines.volatility.garch_forms import LEAST_NU, MOST_NU, Array, Form, Windows
from perilscope.engines.volatility.garch_search import evaluate
from perilscope.engines.volatility.garch_sound import HELD, forgets
from perilscope.engines.volatility.garch_starts import best
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

LEAST = 50
"""Fewer returns than this do not tell four parameters apart."""
PRESAMPLES = ("backcast", "sample")
NEAR = 1e-7  # this close to a bound a variable is at it
_STEP = 1e-5
_COMPILED = "perilscope.engines.volatility.garch_compiled"
STRETCH = 0.1


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted volatility model.

    Parameters
    ----------
    form : Form
        Which model.
    natural : array, shape (6,)
        mu, omega, alpha of gains, alpha of losses, beta, 1 / nu (EGARCH: mu, omega, alpha, gamma,
        beta, 1 / nu).
    log_likelihood : float
        At the maximum, every constant in.
    variances : array, shape (n + 1,)
        Of each day, and of the day after the last.
    windows : Windows
        The returns, one window.
    """

    form: Form
    natural: Array
    log_likelihood: float
    variances: Array
    windows: Windows

    @property
    def returns(self) -> Array:
        """What was fitted, 100 x log returns."""
        return np.asarray(self.windows.series[0])

    @property
    def mu(self) -> float:
        """The mean of a day."""
        return float(self.natural[0])

    @property
    def nu(self) -> float | None:
        """Degrees of freedom, None with normal innovations."""
        return 1.0 / float(self.natural[5]) if self.form.student else None

    @property
    def sigma(self) -> float:
        """Standard deviation of the day after the last."""
        return math.sqrt(float(self.variances[-1]))

    @cached_property
    def residuals(self) -> Array:
        """Z of each day, shape (n,)."""
        return np.asarray((self.returns - self.mu) / np.sqrt(self.variances[:-1]))

    @cached_property
    def parameters(self) -> Mapping[str, float]:
        """By the names of the literature."""
        return dict(zip(self.form.names, self._published(self.natural).tolist(), strict=True))

    def _published(self, natural: Array) -> Array:
        """Parameters as they are printed, from natural ones, along the last axis."""
        mu, om, one, two, b, eta = np.moveaxis(natural, -1, 0)
        tail = [1.0 / np.maximum(eta, 1e-300)] if self.form.student else []
        if self.form.kind == "garch":
            return np.stack([mu, om, one, b, *tail], axis=-1)
        second = two if self.form.kind == "egarch" else two - one
        return np.stack([mu, om, one, second, b, *tail], axis=-1)

    @cached_property
    def forgets(self) -> bool:
        """Whether the last variance does not hang on what stands before the first day."""
        if self.form.kind != "egarch":
            return True
        return bool(forgets(kernel(), self.form, self.windows, self.x[None])[0])

    @property
    def alpha_held(self) -> bool:
        """Whether EGARCH has no sound maximum and alpha was held, see `garch_sound`."""
        return self.form.kind == "egarch" and float(self.natural[2]) == HELD

    @cached_property
    def at_bounds(self) -> tuple[str, ...]:
        """Which edges of what is allowed the maximum lies on, in words."""
        x, (low, high) = self.x, self.form.box(self.windows)
        least, most = x <= low[0] + NEAR, x >= high[0] - NEAR
        if self.form.kind == "egarch":
            said = [("beta = 1", most[4])]
        else:
            said = [
                ("omega = 0", least[1]),
                ("alpha + beta = 1" if self.form.kind == "garch" else "persistence = 1", most[2]),
                ("alpha = 0", least[3] or least[2]),
                ("beta = 0", most[3] or least[2]),
            ]
        if self.form.student:
            said += [(f"nu = {LEAST_NU:g}", most[-1]), (f"nu = {MOST_NU:g}", least[-1])]
        return tuple(text for text, there in said if there)

    @cached_property
    def x(self) -> Array:
        """Variables of the search at the maximum, shape (size,)."""
        mean, variance, _ = self.windows.moments
        return self.form.variables(self.natural, mean[0], variance[0])

    @cached_property
    def influences(self) -> Array:
        """What each day adds to the variables of the search, shape (n, size).

        The maximum less the truth is about the mean of these (Bollerslev and Wooldridge,
        Econometric Reviews 11 (1992)), whether or not the innovations have the law assumed.
        Variables at a bound do not move.
        """
        x, (low, high) = self.x, self.form.box(self.windows)
        free = np.flatnonzero((x > low[0] + NEAR) & (x < high[0] - NEAR))
        bend = self._bend()
        steps = _STEP * self.form.reach
        scores = self.slopes(self.densities)[:, free]
        inverse = np.linalg.pinv(bend[np.ix_(free, free)] * np.outer(steps[free], steps[free]))
        found = np.zeros((self.returns.size, x.size))
        scaled = scores * steps[free]
        found[:, free] = self.returns.size * (scaled - scaled.mean(axis=0)) @ inverse * steps[free]
        return found

    def _bend(self) -> Array:
        """Second derivatives of minus the log-likelihood by the variables, shape (size, size)."""
        x = self.x
        if self.form.kind != "egarch":
            return np.asarray(evaluate(kernel(), self.form, self.windows, x[None])[2][0])
        # slopes jump where the mean meets a return: what counts is how they change over a stretch
        wide = np.diag(STRETCH * self.form.reach)
        low, high = self.form.box(self.windows)
        both = np.clip(np.concatenate([x + wide, x - wide]), low[0], high[0])
        many = self.windows.take(np.zeros(len(both), dtype=np.int64))
        slope = evaluate(kernel(), self.form, many, both)[1]
        found = (slope[: x.size] - slope[x.size :]) / np.diag(both[: x.size] - both[x.size :])[
            :, None
        ]
        return np.asarray(0.5 * (found + found.T))

    def slopes(self, figure: Callable[[Array], Array], steps: Array | None = None) -> Array:
        """Derivatives of figures by the variables of the search.

        Parameters
        ----------
        figure : callable
            Natural parameters (K, 6) -> figures (K, ...).
        steps : array, shape (size,), optional
            How far to look to both sides.

        Returns
        -------
        array, shape (..., size)
        """
        x, size = self.x, self.x.size
        low, high = self.form.box(self.windows)
        wide = np.diag(_STEP * self.form.reach if steps is None else steps)
        both = np.clip(np.concatenate([x + wide, x - wide]), low[0], high[0])
        mean, variance, _ = self.windows.moments
        value = np.asarray(figure(self.form.natural(both, mean[0], variance[0])))
        width = np.maximum(np.diag(both[:size] - both[size:]), 1e-300)
        return np.asarray((value[:size] - value[size:]).T / width)

    def paths(self, natural: Array) -> Array:
        """Variances under other parameters, shape (K, n + 1)."""
        return paths(self.form, self.windows, natural)

    def densities(self, natural: Array) -> Array:
        """Logarithm of the density of each day under other parameters, shape (K, n)."""
        h = self.paths(natural)[:, :-1]
        z2 = (self.returns - natural[:, :1]) ** 2 / h
        size = self.returns.size
        fixed = self.form.constant(natural[:, 5:], size)[0] / size
        if not self.form.student:
            return np.asarray(-fixed - 0.5 * (np.log(h) + z2))
        eta = natural[:, 5:]
        logs = np.log1p(eta / (1.0 - 2.0 * eta) * z2)
        return np.asarray(-fixed - 0.5 * np.log(h) - (0.5 + 0.5 / eta) * logs)

    @cached_property
    def errors(self) -> Mapping[str, float]:
        """Robust standard errors of the parameters; 0 for one that a bound holds."""
        slopes = self.slopes(self._published)
        spread = self.influences @ slopes.T
        found = np.sqrt((spread**2).sum(axis=0)) / self.returns.size
        return dict(zip(self.form.names, found.tolist(), strict=True))


def paths(form: Form, windows: Windows, natural: Array) -> Array:
    """Variances of the days of one window and of the next day, for each row of parameters.

    Parameters
    ----------
    windows : Windows
        One window.
    natural : array, shape (K, 6)

    Returns
    -------
    array, shape (K, n + 1)
    """
    many = windows.take(np.zeros(len(natural), dtype=np.int64))
    before = form.before(many, natural[:, 0])
    out = np.empty((len(natural), windows.size + 1))
    if form.kind == "egarch":
        kernel().egarch_path(many.where, natural, before, out)
    else:
        kernel().garch_path(many.where, natural, before[:, 0].copy(), out)
    return out


def kernel(backend: str = "auto") -> ModuleType:
    """Where likelihoods are computed.

    ``"numpy"``, ``"numba"``, or ``"auto"``: Numba where `prepare` was called or it was asked for
    before, because to load it takes longer than a few fits by NumPy. Results agree to 1e-9.

    Raises
    ------
    MisuseError
        There is no such backend, or Numba is asked for and not installed.

    Examples
    --------
    >>> kernel("numpy").NAME
    'numpy'
    """
    machine_code.check(backend)
    if backend == "numpy" or (backend == "auto" and _COMPILED not in sys.modules):
        return garch_plain
    return importlib.import_module(_COMPILED)


def prepare(cache: machine_code.Cache | None = None) -> bool:
    """Load the compiled likelihoods, for whoever will fit many windows; False without Numba.

    Parameters
    ----------
    cache : callable, optional
        Gives the folder in which machine code is kept, or None; see `machine_code.load`.
    """
    return machine_code.load(_COMPILED, cache) is not None


def checked(returns: Array) -> Array:
    """Returns fit to be fitted, refused otherwise.

    Raises
    ------
    AssessmentError
        There are too few of them, one is missing, or nothing ever moved.
    """
    values = np.ascontiguousarray(returns, dtype=np.float64)
    if values.ndim != 1 or values.size < LEAST:
        raise AssessmentError(
            f"{values.size} returns are too few for a volatility model; at least {LEAST} are needed"
        )
    if not np.all(np.isfinite(values)):
        raise AssessmentError("a return is missing or not finite")
    still = float(np.mean(values == np.median(values)))
    if still > 0.5 or not float(values.std()) > 1e-12 * max(1.0, float(np.abs(values).max())):
        raise AssessmentError(
            f"the price stands still on {100 * still:.0f} % of the days, so there is no volatility "
            "to model; use the historical method, or mend the prices"
        )
    return values


def fit(
    returns: Array,
    kind: str = "garch",
    student: bool = False,
    presample: str = "backcast",
    backend: str = "auto",
) -> Fit:
    """Fit a volatility model by maximum likelihood.

    Parameters
    ----------
    returns : array, shape (n,)
        100 x log returns, the oldest first.
    kind : str
        ``"garch"``, ``"gjr"`` or ``"egarch"``.
    student : bool
        Student t innovations.
    presample : str
        The variance before the first day: ``"backcast"`` (weighted squares of the first 75 days, as
        the library arch takes it) or ``"sample"`` (the mean square; Bollerslev and Ghysels).
    backend : str
        See `kernel`. Results agree to 1e-9.

    Raises
    ------
    MisuseError
        There is no such kind, presample or backend.
    AssessmentError
        The returns are too few, one is missing, or they hardly ever move.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = fit(rng.standard_normal(300))
    >>> list(found.parameters), found.parameters["alpha"] + found.parameters["beta"] <= 1.0
    (['mu', 'omega', 'alpha', 'beta'], True)
    """
    if kind not in ("garch", "gjr", "egarch"):
        raise MisuseError(f"no volatility model {kind!r}; there are garch, gjr, egarch")
    if presample not in PRESAMPLES:
        raise MisuseError(f"no presample {presample!r}; there are {', '.join(PRESAMPLES)}")
    values, form = checked(returns), Form(kind, student)
    unit = float(values.std())  # products of 16 variances stay far from the ends of the numbers
    one = np.zeros(1, dtype=np.int64)
    windows = Windows((values / unit)[None], one, one, values.size, presample)
    found = best(kernel(backend), form, windows)
    mean, variance, _ = windows.moments
    natural = rescaled(form, form.natural(found.x, mean, variance), unit)[0]
    own = Windows(values[None], one, one, values.size, presample)
    likelihood = -float(found.value[0]) - values.size * math.log(unit)
    return Fit(form, natural, likelihood, paths(form, own, natural[None])[0], own)


def rescaled(form: Form, natural: Array, unit: Array | float) -> Array:
    """Parameters of returns that were divided by a unit, for the returns themselves."""
    out = natural.copy()
    out[..., 0] *= unit
    if form.kind == "egarch":
        out[..., 1] += (1.0 - out[..., 4]) * 2.0 * np.log(unit)
    else:
        out[..., 1] *= np.square(unit)
    return out
