# SPDX-License-Identifier: Apache-2.0
"""Market models with a volatility that moves: EWMA, GARCH, GJR, EGARCH, normal or Student t.

They are fitted to 100 x log returns of the portfolio under today's weights, with a constant mean.
One day ahead the law is exact. For more days the variance runs on along simulated paths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.influence import Z90, around, days, lean
from perilscope.engines.forecasts.log_laws import LogLaw, lost
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw, Law
from perilscope.engines.forecasts.margins import Margin
from perilscope.engines.forecasts.predictive import CONVENTIONS, Array, Intervals, Model, Prediction
from perilscope.engines.kept import Kept
from perilscope.engines.streams import stream
from perilscope.engines.volatility import garch
from perilscope.engines.volatility.garch import Fit
from perilscope.engines.volatility.garch_errors import Errors
from perilscope.engines.volatility.garch_forms import Form, Windows
from perilscope.engines.volatility.garch_plain import garch_path
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

LAMBDA = 0.94
"""Weight of yesterday's variance in EWMA (RiskMetrics, 1996, for daily returns)."""
MOST = 100.0
"""Per cent that a day moves at most, as a standard deviation: beyond it EGARCH has run away."""
RAN_AWAY = 0.01
"""Share of paths that may; with more there is no figure."""
PATHS = 100_000
_FEWER = 20_000  # for slopes, with the same random numbers on both sides
_BATCHES = 20
_FITS = Kept[Fit](64 << 20, lambda fit: 64 * fit.variances.size)

FITTED: Mapping[str, str] = {
    **CONVENTIONS,
    "mean": "constant, fitted",
    "returns": "100 x log returns of the portfolio, today's weights on each day, 365 days a year",
    "presample": "backcast: first 75 squares about the mean, weighted by 0.94^i",
    "horizon": "one day exactly; more days along simulated paths of the variance",
    "errors": "Bollerslev-Wooldridge",
}


PRESAMPLES: Mapping[str, str] = {
    "backcast": FITTED["presample"],
    "sample": "mean of the squares about the fitted mean, all days",
}


def conventions_of(sample: Sample) -> Mapping[str, str]:
    """Conventions of models that are fitted by likelihood, with the presample as asked."""
    return {**FITTED, "presample": PRESAMPLES[sample.presample]}


def fitted(
    returns: Array, kind: str = "garch", student: bool = False, presample: str = "backcast"
) -> Fit:
    """`garch.fit`, kept: several models ask for the same."""
    key = kind, student, presample, returns.tobytes()
    return _FITS.get(key, lambda: garch.fit(returns, kind, student, presample))


def kept(returns: Array, student: bool, fit: Fit) -> None:
    """Keep a GARCH fit that was made elsewhere, for whoever asks `fitted` for it."""
    _FITS.put(("garch", student, "backcast", returns.tobytes()), fit)


def walk(form: Form, natural: Array, variance: float, z: Array, ran: Array | None = None) -> Array:
    """Sums of log returns, in percent, along paths whose variance runs on.

    That of EGARCH is held where a day moves by `MOST`, lest a path end beyond all numbers.

    Parameters
    ----------
    form : Form
    natural : array, shape (6,)
    variance : float
        Of the first day.
    z : array, shape (days, N)
        Innovations.
    ran : array, shape (N,), optional
        Set to 1 for paths of EGARCH that were held.

    Returns
    -------
    array, shape (N,)

    Examples
    --------
    >>> steady = np.array([0.0, 4.0, 0.0, 0.0, 0.0, 0.0])
    >>> walk(Form("garch"), steady, 4.0, np.ones((3, 1))).tolist()
    [6.0]
    """
    mu, om, one, two, b = natural[:5].tolist()
    total = np.zeros(z.shape[1])
    if form.kind == "egarch":
        log = np.full(z.shape[1], min(math.log(variance), 2.0 * math.log(MOST)))
        low, high = -math.log(1e8), 2.0 * math.log(MOST)
        for day in z:
            total += mu + np.exp(0.5 * log) * day
            size = np.abs(day) - math.sqrt(2.0 / math.pi)
            log = om + one * size + two * day + b * log
            if ran is not None:
                ran[log > high] = 1.0
            log = np.clip(log, low, high)
        return total
    h = np.full(z.shape[1], variance)
    for day in z:
        e = np.sqrt(h) * day
        total += mu + e
        h = om + np.where(e < 0.0, two, one) * e * e + b * h
    return total


def innovations(nu: float | None, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Normal or Student t numbers of variance one."""
    if nu is None:
        return rng.standard_normal(shape)
    return rng.standard_t(nu, shape) * math.sqrt((nu - 2.0) / nu)


def of_kind(kind: str, student: bool) -> Callable[[Sample], Prediction]:
    """The model of a kind, as a function of the sample."""

    def model(sample: Sample) -> Prediction:
        fit = fitted(sample.log_percent, kind, student, sample.presample)
        if kind == "egarch" and fit.sigma > MOST:
            raise AssessmentError(
                f"EGARCH: tomorrow's volatility would be {fit.sigma:.3g} %, which no price has: "
                "take gjr-t, fhs or historical, or fewer days"
            )
        ahead = _Ahead(fit, sample)
        law: Law = LogLaw(fit.mu, fit.sigma, fit.nu)
        if sample.horizon > 1:
            law = EmpiricalLaw(ahead.losses)
        return Prediction(
            law,
            ahead.interval(law),
            {**fit.parameters, "sigma": fit.sigma},
            fit.log_likelihood,
            notes=ahead.notes,
            conventions=conventions_of(sample),
        )

    return model


def notes_of(fit: Fit) -> tuple[str, ...]:
    """What the reader must know of a fit."""
    found: list[str] = []
    if fit.at_bounds:
        found.append(f"best at the edge of what is allowed: {', '.join(fit.at_bounds)}")
    if fit.alpha_held:
        found.append(
            "alpha held at 0.01: where the fit is best, variances cannot be told from the returns"
        )
    if not fit.forgets:
        found.append("today's volatility hangs on what was taken for that before the first day")
    return tuple(found)


def _stream(sample: Sample, name: str) -> np.random.Generator:
    return stream(sample.seed, "market", f"paths of {name}")


@dataclass(frozen=True, eq=False)
class _Ahead:
    """What the parameters of a fit, and their doubt, say of the days ahead."""

    fit: Fit
    sample: Sample

    @cached_property
    def _simulated(self) -> tuple[Array, float]:
        """Losses at the end of paths, and the share of paths that were held."""
        fit, shape = self.fit, (self.sample.horizon, PATHS)
        z, ran = innovations(fit.nu, shape, _stream(self.sample, fit.form.kind)), np.zeros(PATHS)
        total = walk(fit.form, fit.natural, float(fit.variances[-1]), z, ran)
        return lost(total), float(ran.mean())

    @property
    def losses(self) -> Array:
        """At the end of simulated paths."""
        losses, ran = self._simulated
        if ran > RAN_AWAY:
            told = ", ".join(f"{name} {value:.3g}" for name, value in self.fit.parameters.items())
            raise AssessmentError(
                f"EGARCH: on {100.0 * ran:.1f} % of the paths the volatility of a day runs beyond "
                f"{MOST:g} %: the best fit explains a few days and no others ({told}); take gjr-t, "
                "fhs or historical, or a calmer stretch of the past"
            )
        return losses

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must know of the fit and of the paths."""
        found = notes_of(self.fit)
        if self.sample.horizon > 1 and self._simulated[1] > 0.0:
            held = f"{100.0 * self._simulated[1]:.2g} %"
            found += (f"on {held} of the paths volatility is held at {MOST:g} % a day",)
        return found

    def interval(self, law: Law) -> Callable[[float], Intervals]:
        def at(level: float) -> Intervals:
            slopes, extra = self._exact(level) if self.sample.horizon == 1 else self._walked(level)
            errors, share = Errors(self.fit), self.sample.share
            centre = float(lost(np.asarray(self.fit.mu * self.sample.horizon)))
            found = []
            for value, slope, more in zip(
                (law.var(level), law.cvar(level)), slopes, extra, strict=True
            ):
                parts = errors.without @ slope
                error = math.sqrt(errors.of(slope) ** 2 / share + more)
                found.append(around(value, error, centre, days(parts, 0, share), lean(parts)))
            return found[0], found[1]

        return at

    def _exact(self, level: float) -> tuple[Array, tuple[float, float]]:
        def figures(natural: Array) -> Array:
            ahead = np.sqrt(self.fit.paths(natural)[:, -1])
            student = self.fit.form.student
            found = []
            for row, sigma in zip(natural.tolist(), ahead.tolist(), strict=True):
                law = LogLaw(row[0], sigma, 1.0 / row[5] if student else None)
                found.append((law.var(level), law.cvar(level)))
            return np.array(found)

        return self.fit.slopes(figures), (0.0, 0.0)

    def _walked(self, level: float) -> tuple[Array, tuple[float, float]]:
        """Slopes over steps as long as the errors, because simulated quantiles are rough."""
        fit, days = self.fit, self.sample.horizon
        rng = _stream(self.sample, f"{fit.form.kind}, slopes")
        z = innovations(None, (days, _FEWER), rng)

        kept: dict[float, Array] = {}

        def drawn(eta: float) -> Array:
            if eta not in kept:
                kept[eta] = student_at(z, 1.0 / eta) if fit.form.student else z
            return kept[eta]

        def figures(natural: Array) -> Array:
            ahead = fit.paths(natural)[:, -1].tolist()
            found = []
            for row, variance in zip(natural, ahead, strict=True):
                law = EmpiricalLaw(lost(walk(fit.form, row, variance, drawn(float(row[5])))))
                found.append((law.var(level), law.cvar(level)))
            return np.array(found)

        errors = np.sqrt((fit.influences**2).mean(axis=0) / len(fit.influences))
        slopes = fit.slopes(figures, np.maximum(0.5 * errors, 1e-6))
        return slopes, simulated_error(self.losses, level)


def student_at(scores: Array, nu: float) -> Array:
    """Student t numbers of variance one at the places of normal scores in their law, by a table.

    Examples
    --------
    >>> student_at(np.array([0.0, 1.959963984540054]), 4.0).round(4).tolist()  # 2.7764 / sqrt(2)
    [0.0, 1.9633]
    """
    return Margin.units(scores, None, nu) * math.sqrt((nu - 2.0) / nu)


def simulated_error(losses: Array, level: float) -> tuple[float, float]:
    """Variances of simulated VaR and CVaR, from batches."""
    batches = losses[: losses.size // _BATCHES * _BATCHES].reshape(_BATCHES, -1)
    found = []
    for batch in batches:
        law = EmpiricalLaw(batch)
        found.append((law.var(level), law.cvar(level)))
    var, cvar = (np.var(np.array(found), axis=0, ddof=1) / _BATCHES).tolist()
    return float(var), float(cvar)


def ewma_variances(returns: Array, mean: float, weight: float = LAMBDA) -> Array:
    """Exponentially weighted variances of each day and the next, shape (n + 1,).

    h(t) = lambda h(t-1) + (1 - lambda) e(t-1)^2; before the first day the backcast of GARCH.

    Examples
    --------
    >>> ewma_variances(np.full(3, 2.0), 0.0).tolist()
    [4.0, 4.0, 4.0, 4.0]
    """
    zero = np.zeros(1, dtype=np.int64)
    windows = Windows((returns - mean)[None], zero, zero, returns.size)
    fade = LAMBDA ** np.arange(min(75, returns.size))
    first = float(fade @ (returns[: fade.size] - mean) ** 2 / fade.sum())
    natural = np.array([0.0, 0.0, 1.0 - weight, 1.0 - weight, weight, 0.0])
    out = np.empty((1, returns.size + 1))
    garch_path(windows.where, natural[None], np.array([first]), out)
    return np.asarray(out[0])


def ewma_weights(size: int, weight: float = LAMBDA) -> Array:
    """What each squared return weighs in the variance of the day after the last; they sum to 1.

    Examples
    --------
    >>> ewma_weights(3).round(4).tolist()
    [0.3472, 0.3329, 0.3199]
    """
    fade = LAMBDA ** np.arange(min(75, size))
    found = (1.0 - weight) * weight ** np.arange(size - 1, -1, -1.0)
    found[: fade.size] += weight**size * fade / fade.sum()
    return np.asarray(found)


def ewma_spread(z2: Array, squares: float) -> float:
    """Standard deviation of the logarithm of an EWMA variance about the true one.

    A mean of squares under weights w has the relative variance (kurtosis - 1) times the sum of w^2.
    Returns divided by an EWMA volatility have a larger kurtosis k than the innovations, K: the
    volatility is itself uncertain by that variance, so k = K (1 + (K - 1) squares).

    Parameters
    ----------
    z2 : array, shape (n,)
        Squares of returns over their EWMA variances.
    squares : float
        Sum of the squared weights.

    Examples
    --------
    >>> z = np.random.default_rng(1).standard_normal(100_000)
    >>> round(ewma_spread(z**2, 0.0), 3), round(ewma_spread(z**2, 0.03), 2)
    (0.0, 0.23)
    """
    seen = float((z2**2).mean() / z2.mean() ** 2)
    rest = 1.0 - squares
    own = (math.sqrt(rest**2 + 4.0 * squares * seen) - rest) / (2.0 * squares) if squares else seen
    return math.sqrt(math.log1p(max(own - 1.0, 0.0) * squares))


def ewma_ends(value: float, centre: float, spread: float, shift: float) -> tuple[float, float]:
    """90 % interval of a figure whose distance from the centre goes with the EWMA volatility.

    Mean squares of skew terms are skew themselves: the variance is taken as lognormal about the
    true one, without bias, so the true one lies farther above than below. ``shift`` is the standard
    error of the centre.

    Examples
    --------
    >>> [round(x, 4) for x in ewma_ends(1.0, 0.0, 0.25, 0.0)]
    [0.827, 1.2476]
    """
    reach = value - centre
    if reach == 0.0:
        return value - Z90 * shift, value + Z90 * shift
    half = Z90 * math.hypot(0.5 * spread, shift / abs(reach))
    ends = [centre + reach * math.exp(0.25 * spread**2 + side * half) for side in (-1.0, 1.0)]
    return min(ends), max(ends)


def ewma(sample: Sample) -> Prediction:
    """Normal returns whose variance is an exponentially weighted mean of squares.

    The interval is of how well so few days tell a variance, see `ewma_reach`, and of the mean.
    """
    returns = garch.checked(sample.log_percent)
    mean = float(returns.mean())
    h = ewma_variances(returns, mean)
    z2 = (returns - mean) ** 2 / h[:-1]
    likelihood = -0.5 * float(np.log(2.0 * np.pi * h[:-1]).sum() + z2.sum())
    sigma = math.sqrt(float(h[-1]))
    if sample.horizon == 1:
        law: Law = LogLaw(mean, sigma)
    else:
        z = innovations(None, (sample.horizon, PATHS), _stream(sample, "ewma"))
        natural = np.array([mean, 0.0, 1.0 - LAMBDA, 1.0 - LAMBDA, LAMBDA, 0.0])
        law = EmpiricalLaw(lost(walk(Form("garch"), natural, sigma**2, z)))
    squares = float(ewma_weights(returns.size) @ ewma_weights(returns.size))
    spread = ewma_spread(z2, squares / sample.share)
    shift = sample.horizon * float(returns.std()) / math.sqrt(returns.size * sample.share) / 100.0
    centre = float(lost(np.asarray(mean * sample.horizon)))

    def interval(level: float) -> Intervals:
        var, cvar = (
            ewma_ends(value, centre, spread, shift) for value in (law.var(level), law.cvar(level))
        )
        return var, cvar

    return Prediction(
        law,
        interval,
        {"mu": mean, "lambda": LAMBDA, "sigma": sigma},
        likelihood,
        effective=sample.share / squares,
        conventions={
            **FITTED,
            "mean": "constant, that of the sample",
            "lambda": "0.94, not fitted (RiskMetrics)",
        },
    )


MODELS = (
    Model("ewma", "exponentially weighted variance, normal (RiskMetrics)", ewma),
    Model("garch", "GARCH(1,1), normal (Bollerslev)", of_kind("garch", False)),
    Model("garch-t", "GARCH(1,1), Student t (Bollerslev)", of_kind("garch", True)),
    Model("gjr", "GJR-GARCH(1,1), normal", of_kind("gjr", False)),
    Model("gjr-t", "GJR-GARCH(1,1), Student t", of_kind("gjr", True)),
    Model("egarch", "EGARCH(1,1), normal (Nelson)", of_kind("egarch", False)),
)
