# SPDX-License-Identifier: Apache-2.0
"""The laws that a book may name, from the parameters that people know them by.

Arguments are numbers or, where a law stands inside a belief, arrays with one entry for each
simulated horizon. Arguments that make no law are refused in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from perilscope.beliefs import fitted
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Distribution,
    Exponential,
    Gamma,
    GeneralisedPareto,
    Lognormal,
    Normal,
    Pareto,
    Triangular,
    Uniform,
    Weibull,
)
from perilscope.errors import AssessmentError, MisuseError

Arguments = Mapping[str, Any]
"""Value by canonical argument name: a float, or an array of shape (n,)."""


def build(law: str, arguments: Arguments) -> Distribution:
    """The law called ``law`` with these arguments.

    Parameters
    ----------
    law : str
        ``pert``, ``triangular``, ``uniform``, ``normal``, ``lognormal``, ``beta``, ``gamma``,
        ``exponential``, ``weibull``, ``pareto``, ``gpd``, ``metalog`` or ``quantiles``.
    arguments : mapping
        One of the sets of names that the law is known by, such as ``p5`` and ``p95``; any set of
        quantiles for a law that is fitted to them (:mod:`perilscope.beliefs.fitted`).

    Returns
    -------
    Distribution
        A constant where the arguments leave no spread.

    Raises
    ------
    AssessmentError
        Arguments that make no law: the mode of a ``pert`` outside its ends, a ``p5`` above the
        ``p95``, a ``sd`` that no ``beta`` with that mean can have, a scale that is not positive.

    Notes
    -----
    PERT: Vose, *Risk Analysis*, shape parameter lambda (4 where none is given):
    a = 1 + lambda (mode - low)/(high - low) and b = 1 + lambda (high - mode)/(high - low).
    Lognormal from two quantiles: sigma = ln(p95/p5)/(2 z), mu = (ln p5 + ln p95)/2, z = 1.6449.

    Examples
    --------
    >>> law = build("lognormal", {"mean": 500_000.0, "sd": 500_000.0})
    >>> round(law.mean)
    500000
    >>> build("uniform", {"low": 5.0, "high": 2.0})
    Traceback (most recent call last):
    ...
    perilscope.errors.AssessmentError: uniform needs low <= high; here low = 5, high = 2
    """
    key = (law, frozenset(arguments))
    if key not in _LAWS and fitted.takes(law, arguments):
        return fitted.fit(law, arguments).law
    if key not in _LAWS:
        raise AssessmentError(f"no law is written {law}({', '.join(arguments)})")
    stray = [name for name, value in arguments.items() if not np.all(np.isfinite(value))]
    if stray:
        raise AssessmentError(f"{law}: {' and '.join(stray)} must be finite numbers")
    try:
        return _LAWS[key](**arguments)
    except MisuseError as refused:  # the law's own last word on its parameters
        raise AssessmentError(f"{law}: {refused}") from None


def tame(law: str, arguments: Arguments) -> Arguments:
    """Arguments pulled back to the edge of what the law allows.

    A belief inside a law reaches, in one horizon of many thousand, a value with which the law
    cannot be: a median above the stated ``p95``. There the law has no spread left, and this says so
    instead of failing a run for it. Laws that are impossible more often were refused when they were
    read.

    Examples
    --------
    >>> tame("lognormal", {"median": np.array([1.0, 5.0]), "p95": 3.0})["p95"].tolist()
    [3.0, 5.0]
    """
    tamed = dict(arguments)
    for lower, upper in _RISING:
        if lower in tamed and upper in tamed:
            tamed[upper] = np.maximum(tamed[lower], tamed[upper])
    positive = [n for n in _POSITIVE if n in tamed and law not in ("normal", "pert", "triangular")]
    for name in ("scale",) if law == "gpd" else positive:
        tamed[name] = np.maximum(tamed[name], 1e-12)
    if law == "beta" and "mean" in tamed:
        tamed["mean"] = np.clip(tamed["mean"], 1e-9, 1 - 1e-9)
        most = np.sqrt(tamed["mean"] * (1 - tamed["mean"]))
        tamed["sd"] = np.minimum(tamed["sd"], most * (1 - 1e-6))
    return tamed


_RISING = (("low", "mode"), ("mode", "high"), ("low", "high"), ("p5", "p95"), ("median", "p95"))
_POSITIVE = (
    "p5", "p95", "median", "mean", "sd", "sigma", "a", "b", "shape", "scale", "rate", "minimum",
)  # fmt: skip


def _refuse_unless(condition: Any, law: str, needs: str, **shown: Any) -> None:
    if not np.all(condition):
        here = ", ".join(f"{name} = {_number(value)}" for name, value in shown.items())
        raise AssessmentError(f"{law} needs {needs}; here {here}")


def _number(value: Any) -> str:
    return f"{float(value):.6g}" if np.ndim(value) == 0 else "values of a belief"


def _plain(value: Any) -> Any:
    """A Python float where the value is one number; an array as it is."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value, dtype=np.float64)


def _flat(spread: Any) -> bool:
    """Whether one number leaves no spread at all; arrays are kept from it by a hair."""
    return np.ndim(spread) == 0 and float(spread) == 0.0


def _apart(low: Any, high: Any) -> Any:
    """``high``, at least a hair above ``low``: entries of an array cannot turn into constants."""
    return np.maximum(high, low + 1e-9 * np.maximum(np.abs(low), 1e-9))


def _pert(low: Any, mode: Any, high: Any, weight: float = 4.0) -> Distribution:
    ordered = (np.asarray(low) <= mode) & (np.asarray(mode) <= high)
    _refuse_unless(ordered, "pert", "low <= mode <= high", low=low, mode=mode, high=high)
    if _flat(high - low):
        return Constant(_plain(mode))
    high = _apart(low, high)
    return Beta.pert(_plain(low), _plain(mode), _plain(high), weight)


def _triangular(low: Any, mode: Any, high: Any) -> Distribution:
    ordered = (np.asarray(low) <= mode) & (np.asarray(mode) <= high)
    _refuse_unless(ordered, "triangular", "low <= mode <= high", low=low, mode=mode, high=high)
    if _flat(high - low):
        return Constant(_plain(mode))
    return Triangular(_plain(low), _plain(mode), _plain(_apart(low, high)))


def _uniform(low: Any, high: Any) -> Distribution:
    _refuse_unless(np.asarray(low) <= high, "uniform", "low <= high", low=low, high=high)
    if _flat(high - low):
        return Constant(_plain(low))
    return Uniform(_plain(low), _plain(_apart(low, high)))


def _normal(mean: Any, sd: Any) -> Distribution:
    _refuse_unless(np.asarray(sd) >= 0, "normal", "an sd of zero or more", mean=mean, sd=sd)
    if _flat(sd):
        return Constant(_plain(mean))
    return Normal(_plain(mean), _plain(np.maximum(sd, 1e-12)))


def _lognormal(mu: Any, sigma: Any) -> Distribution:
    _refuse_unless(np.asarray(sigma) >= 0, "lognormal", "a sigma of zero or more", sigma=sigma)
    if _flat(sigma):
        return Constant(_plain(np.exp(mu)))
    return Lognormal(_plain(mu), _plain(np.maximum(sigma, 1e-9)))


def _lognormal_ends(p5: Any, p95: Any) -> Distribution:
    ordered = (np.asarray(p5) > 0) & (np.asarray(p5) <= p95)
    _refuse_unless(ordered, "lognormal", "0 < p5 <= p95", p5=p5, p95=p95)
    if _flat(p95 - p5):
        return Constant(_plain(p5))
    return Lognormal.from_quantiles(_plain(p5), _plain(_apart(p5, p95)))


def _lognormal_median(median: Any, p95: Any) -> Distribution:
    ordered = (np.asarray(median) > 0) & (np.asarray(median) <= p95)
    _refuse_unless(ordered, "lognormal", "0 < median <= p95", median=median, p95=p95)
    if _flat(p95 - median):
        return Constant(_plain(median))
    return Lognormal.from_median_p95(_plain(median), _plain(_apart(median, p95)))


def _lognormal_moments(mean: Any, sd: Any) -> Distribution:
    fit = (np.asarray(mean) > 0) & (np.asarray(sd) >= 0)
    _refuse_unless(fit, "lognormal", "a mean above zero, an sd of zero or more", mean=mean, sd=sd)
    if _flat(sd):
        return Constant(_plain(mean))
    return Lognormal.from_mean_sd(_plain(mean), _plain(np.maximum(sd, 1e-9 * mean)))


def _beta(a: Any, b: Any) -> Distribution:
    fit = (np.asarray(a) > 0) & (np.asarray(b) > 0)
    _refuse_unless(fit, "beta", "two parameters above zero", a=a, b=b)
    return Beta(_plain(a), _plain(b))


def _beta_moments(mean: Any, sd: Any) -> Distribution:
    inside = (np.asarray(mean) > 0) & (np.asarray(mean) < 1) & (np.asarray(sd) >= 0)
    _refuse_unless(
        inside, "beta", "a mean between 0 and 1, an sd of zero or more", mean=mean, sd=sd
    )
    if _flat(sd):
        return Constant(_plain(mean))
    most = mean * (1 - mean)
    needs = f"an sd below sqrt(mean (1 - mean)) = {_number(np.sqrt(most))}"
    _refuse_unless(np.asarray(sd) ** 2 < most, "beta", needs, mean=mean, sd=sd)
    return Beta.from_mean_sd(_plain(mean), _plain(np.maximum(sd, 1e-9 * np.sqrt(most))))


def _gamma(shape: Any, scale: Any) -> Distribution:
    fit = (np.asarray(shape) > 0) & (np.asarray(scale) > 0)
    _refuse_unless(fit, "gamma", "a shape and a scale above zero", shape=shape, scale=scale)
    return Gamma(_plain(shape), _plain(scale))


def _gamma_rate(shape: Any, rate: Any) -> Distribution:
    fit = (np.asarray(shape) > 0) & (np.asarray(rate) > 0)
    _refuse_unless(fit, "gamma", "a shape and a rate above zero", shape=shape, rate=rate)
    return Gamma(_plain(shape), _plain(1 / rate))


def _gamma_moments(mean: Any, sd: Any) -> Distribution:
    fit = (np.asarray(mean) > 0) & (np.asarray(sd) >= 0)
    _refuse_unless(fit, "gamma", "a mean above zero, an sd of zero or more", mean=mean, sd=sd)
    if _flat(sd):
        return Constant(_plain(mean))
    return Gamma.from_mean_sd(_plain(mean), _plain(np.maximum(sd, 1e-9 * mean)))


def _exponential(mean: Any) -> Distribution:
    _refuse_unless(np.asarray(mean) > 0, "exponential", "a mean above zero", mean=mean)
    return Exponential(_plain(mean))


def _weibull(shape: Any, scale: Any) -> Distribution:
    fit = (np.asarray(shape) > 0) & (np.asarray(scale) > 0)
    _refuse_unless(fit, "weibull", "a shape and a scale above zero", shape=shape, scale=scale)
    return Weibull(_plain(shape), _plain(scale))


def _pareto(shape: Any, minimum: Any) -> Distribution:
    fit = (np.asarray(shape) > 0) & (np.asarray(minimum) > 0)
    _refuse_unless(fit, "pareto", "a shape and a minimum above zero", shape=shape, minimum=minimum)
    return Pareto(_plain(shape), _plain(minimum))


def _gpd(shape: Any, scale: Any, threshold: Any = 0.0) -> Distribution:
    _refuse_unless(np.asarray(scale) > 0, "gpd", "a scale above zero", scale=scale)
    return GeneralisedPareto(_plain(shape), _plain(scale), _plain(threshold))


def _weighted_pert(**arguments: Any) -> Distribution:
    return _pert(weight=arguments.pop("lambda"), **arguments)


_LAWS: Mapping[tuple[str, frozenset[str]], Callable[..., Distribution]] = {
    (law, frozenset(names.split())): make
    for law, names, make in (
        ("pert", "low mode high", _pert),
        ("pert", "low mode high lambda", _weighted_pert),
        ("triangular", "low mode high", _triangular),
        ("uniform", "low high", _uniform),
        ("normal", "mean sd", _normal),
        ("lognormal", "p5 p95", _lognormal_ends),
        ("lognormal", "mean sd", _lognormal_moments),
        ("lognormal", "median p95", _lognormal_median),
        ("lognormal", "mu sigma", _lognormal),
        ("beta", "a b", _beta),
        ("beta", "mean sd", _beta_moments),
        ("gamma", "mean sd", _gamma_moments),
        ("gamma", "shape scale", _gamma),
        ("gamma", "shape rate", _gamma_rate),
        ("exponential", "mean", _exponential),
        ("weibull", "shape scale", _weibull),
        ("pareto", "shape minimum", _pareto),
        ("gpd", "shape scale", _gpd),
        ("gpd", "shape scale threshold", _gpd),
    )
}
