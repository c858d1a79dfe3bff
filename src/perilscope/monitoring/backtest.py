# SPDX-License-Identifier: Apache-2.0
"""Every test of forecasts of VaR and CVaR, by name, with what it needs.

The catalogue is in the order in which it is shown. A test that lacks a column, or that the series
cannot bear, is kept with the reason in place of a figure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.backtests import (
    calibration,
    esr,
    exceptions,
    frtb,
    independence,
    regression,
    scores,
    sequential,
    shortfall,
    transforms,
)
from perilscope.engines.backtests.forecast_law import ForecastLaw, forecast_law, whole_law
from perilscope.engines.backtests.result import Result, checked_level
from perilscope.errors import AssessmentError
from perilscope.evidence.forecasts import Forecasts
from perilscope.once import cached_property

Array = NDArray[np.float64]
SMALL = 0.05
"""A p-value below this is marked."""


@dataclass(frozen=True, eq=False)
class Case:
    """Forecasts at a level, with what several tests derive from them."""

    told: Forecasts
    level: float
    seed: int = 1

    def __post_init__(self) -> None:
        checked_level(self.level)

    @property
    def loss(self) -> Array:
        """Losses, positive."""
        return self.told.loss

    @property
    def var(self) -> Array:
        """Forecasts of VaR."""
        return self.told.var

    def need(self, column: str) -> Array:
        """A column, or AssessmentError that names it."""
        found = self.told.columns.get(column)
        if found is None:
            raise AssessmentError(f"there is no column {column}")
        return found

    @cached_property
    def hits(self) -> NDArray[np.bool_]:
        """Where the loss lay strictly above VaR."""
        return np.asarray(self.loss > self.var)

    @property
    def count(self) -> int:
        """Number of exceptions."""
        return int(self.hits.sum())

    @property
    def days(self) -> int:
        """Number of rows."""
        return self.loss.size

    @cached_property
    def known(self) -> ForecastLaw | None:
        """The normal or Student law that mean, sd, VaR and CVaR are those of, if one."""
        told = self.told
        if told.mean is None or told.sd is None:
            return None
        return whole_law(self.level, told.var, told.cvar, told.mean, told.sd)

    @cached_property
    def tail(self) -> ForecastLaw:
        """What tests of CVaR are drawn from under the null."""
        told = self.told
        return self.known or forecast_law(self.level, told.var, told.cvar)

    @cached_property
    def pit(self) -> Array:
        """The column pit; else from the law that mean and sd (and VaR, CVaR) tell."""
        if self.told.pit is not None:
            return self.told.pit
        if self.known is not None:
            return self.known.pit(self.loss)
        return transforms.normal_pit(self.loss, self.need("mean"), self.need("sd"))

    @property
    def law(self) -> str:
        """Where the whole forecast law is read from, in words; empty where it is not known."""
        if self.told.pit is not None:
            return "the column pit"
        if self.known is not None:
            return f"{self.known.kind} laws with the stated mean and sd"
        if self.told.mean is not None and self.told.sd is not None:
            return "normal laws with the stated mean and sd"
        return ""


@dataclass(frozen=True)
class Check:
    """One test of the catalogue."""

    name: str
    title: str
    family: str
    run: Callable[[Case], Result]

    def __reduce__(self) -> tuple[Callable[[str], Check], tuple[str]]:
        """Sent to another process by its name."""
        return named, (self.name,)


@dataclass(frozen=True)
class Verdict:
    """What one test found, or why it did not apply."""

    test: Check
    result: Result | None
    reason: str = ""

    @property
    def p_value(self) -> float | None:
        """The exact or simulated p-value where there is one, else that of the published law."""
        if self.result is None:
            return None
        for name in ("p_value_exact", "p_value_simulated"):
            found = self.result.parameters.get(name)
            if isinstance(found, float):
                return found
        return self.result.p_value


def _score(of: Callable[[Case], Array]) -> Callable[[Case], Result]:
    def mean(case: Case) -> Result:
        each = of(case)
        return Result(float(each.mean()), None, {"days": case.days, "lower_is_better": True})

    return mean


def _ess(form: esr.Form) -> Callable[[Case], Result]:
    return lambda c: esr.esr(c.loss, c.need("cvar"), c.level, form, c.var, c.tail, c.seed)


def _nolde_ziegel(general: bool, one_sided: bool) -> Callable[[Case], Result]:
    def run(c: Case) -> Result:
        cvar = c.need("cvar")
        sd = c.need("sd") if general else None
        return calibration.nolde_ziegel(c.loss, c.var, cvar, c.level, sd, one_sided, c.tail, c.seed)

    return run


def _z3(c: Case) -> Result:
    if c.known is None:
        c.need("mean"), c.need("sd")
        raise AssessmentError(
            "mean, sd, VaR and CVaR are of neither a normal nor a Student law, and Z3 needs the "
            "whole law of each day"
        )
    return shortfall.acerbi_szekely_z3(c.loss, c.known, c.seed)


def _attribution(test: Callable[[Array, Array], Result]) -> Callable[[Case], Result]:
    return lambda c: test(c.need("hypothetical"), c.need("theoretical"))


def _conditional(c: Case) -> Result:
    found = transforms.du_escanciano_conditional(c.pit, c.level, c.seed)
    try:
        more = transforms.du_escanciano_conditional(c.pit, c.level, c.seed, lags=5)
    except AssessmentError:
        return found
    five = {
        "statistic_5_lags": more.statistic,
        "p_value_5_lags": more.p_value,
        "p_value_simulated_5_lags": more.parameters.get("p_value_simulated"),
    }
    return Result(found.statistic, found.p_value, {**found.parameters, **five})


def _beside(_case: Case) -> Result:
    raise AssessmentError("it needs another forecaster of the same days: give --file twice")


_COUNTS, _TIMES, _LAWS = "number of exceptions", "times of exceptions", "the whole law"
_SIZES, _SCORES, _BETS, _BASEL = "CVaR", "scores", "valid at any time", "P&L attribution"
_I, _S, _T = independence, shortfall, transforms

TESTS: tuple[Check, ...] = (
    Check("traffic-light", "Basel's traffic light", _COUNTS,
         lambda c: exceptions.traffic_light(c.count, c.days, c.level)),
    Check("binomial", "binomial, exact", _COUNTS,
         lambda c: exceptions.binomial(c.count, c.days, c.level)),
    Check("kupiec-pof", "Kupiec, proportion of failures", _COUNTS,
         lambda c: exceptions.kupiec_pof(c.count, c.days, c.level)),
    Check("kupiec-tuff", "Kupiec, time until first failure", _COUNTS,
         lambda c: exceptions.kupiec_tuff(c.hits, c.level)),
    Check("christoffersen-independence", "Christoffersen, independence", _TIMES,
         lambda c: _I.christoffersen_independence(c.hits, c.level, c.seed)),
    Check("christoffersen-conditional-coverage", "Christoffersen, number and independence", _TIMES,
         lambda c: _I.christoffersen_conditional_coverage(c.hits, c.level, c.seed)),
    Check("time-between-failures", "Haas, number and waiting times", _TIMES,
         lambda c: _I.time_between_failures(c.hits, c.level, c.seed)),
    Check("time-between-failures-independence", "Haas, waiting times", _TIMES,
         lambda c: _I.time_between_failures_independence(c.hits, c.level, c.seed)),
    Check("weibull-duration", "Christoffersen-Pelletier, durations", _TIMES,
         lambda c: _I.weibull_duration(c.hits, c.level, c.seed)),
    Check("dq", "Engle-Manganelli, dynamic quantile", _TIMES,
         lambda c: regression.dq(c.loss, c.var, c.level, c.seed)),
    Check("berkowitz", "Berkowitz, whole law", _LAWS,
         lambda c: _T.berkowitz(_T.normal_scores(c.pit))),
    Check("berkowitz-tail", "Berkowitz, tail", _LAWS,
         lambda c: _T.berkowitz_tail(_T.normal_scores(c.pit), c.level)),
    Check("pit-uniformity", "Kolmogorov-Smirnov, uniform PIT", _LAWS,
         lambda c: _T.uniformity(c.pit)),
    Check("z1", "Acerbi-Szekely Z1", _SIZES,
         lambda c: _S.acerbi_szekely_z1(c.loss, c.var, c.need("cvar"), c.tail, c.seed)),
    Check("z2", "Acerbi-Szekely Z2", _SIZES,
         lambda c: _S.acerbi_szekely_z2(c.loss, c.var, c.need("cvar"), c.tail, c.seed)),
    Check("z3", "Acerbi-Szekely Z3", _SIZES, _z3),
    Check("mcneil-frey", "McNeil-Frey residuals", _SIZES,
         lambda c: _S.mcneil_frey(c.loss, c.var, c.need("cvar"), None, c.seed)),
    Check("mcneil-frey-standardised", "McNeil-Frey residuals over sd", _SIZES,
         lambda c: _S.mcneil_frey(c.loss, c.var, c.need("cvar"), c.need("sd"), c.seed)),
    Check("esr-strict", "ESR regression, strict", _SIZES, _ess("strict")),
    Check("esr-auxiliary", "ESR regression, auxiliary", _SIZES, _ess("auxiliary")),
    Check("esr-intercept", "ESR regression, intercept", _SIZES, _ess("intercept")),
    Check("du-escanciano-unconditional", "Du-Escanciano, depth", _SIZES,
         lambda c: _T.du_escanciano_unconditional(c.pit, c.level)),
    Check("du-escanciano-conditional", "Du-Escanciano, depth in time", _SIZES, _conditional),
    Check("costanzino-curran", "Costanzino-Curran traffic light", _SIZES,
         lambda c: _T.costanzino_curran(c.pit, c.level)),
    Check("nolde-ziegel-simple", "Nolde-Ziegel, simple", _SIZES, _nolde_ziegel(False, False)),
    Check("nolde-ziegel-simple-one-sided", "Nolde-Ziegel, simple, prudence", _SIZES,
         _nolde_ziegel(False, True)),
    Check("nolde-ziegel-general", "Nolde-Ziegel, general", _SIZES, _nolde_ziegel(True, False)),
    Check("nolde-ziegel-general-one-sided", "Nolde-Ziegel, general, prudence", _SIZES,
         _nolde_ziegel(True, True)),
    Check("e-backtest", "e-backtest of CVaR (Wang, Wang, Ziegel)", _BETS,
         lambda c: sequential.e_backtest(c.loss, c.var, c.need("cvar"), c.level)),
    Check("e-backtest-var", "e-backtest of VaR", _BETS,
         lambda c: sequential.e_backtest(c.loss, c.var, None, c.level)),
    Check("quantile-score", "pinball score of VaR, mean", _SCORES,
         _score(lambda c: scores.pinball(c.loss, c.var, c.level))),
    Check("fz0", "Fissler-Ziegel FZ0, mean", _SCORES,
         _score(lambda c: scores.fz0(c.loss, c.var, c.need("cvar"), c.level))),
    Check("fzg", "Fissler-Ziegel-Gneiting, mean", _SCORES,
         _score(lambda c: scores.fzg(c.loss, c.var, c.need("cvar"), c.level))),
    Check("diebold-mariano", "Diebold-Mariano, against another", _SCORES, _beside),
    Check("model-confidence-set", "Hansen-Lunde-Nason, among several", _SCORES, _beside),
    Check("pla-spearman", "Spearman, hypothetical and theoretical P&L", _BASEL,
         _attribution(frtb.spearman)),
    Check("pla-kolmogorov-smirnov", "Kolmogorov-Smirnov, the same", _BASEL,
         _attribution(frtb.kolmogorov_smirnov)),
)  # fmt: skip


def named(name: str) -> Check:
    """A test of the catalogue by its name."""
    return next(test for test in TESTS if test.name == name)


def backtest(
    told: Forecasts, level: float, seed: int = 1, only: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """Every test of the catalogue.

    Parameters
    ----------
    told : Forecasts
    level : float
        In (0.5, 1).
    seed : int
        Names the random streams of simulated p-values.
    only : collection of str
        Names of tests; all of them where it is empty.

    Raises
    ------
    MisuseError
        The level is out of range.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = tuple(date(2026, 1, 1) + timedelta(k) for k in range(250))
    >>> calm = Forecasts("calm", days, np.zeros(250), np.ones(250))
    >>> found = {each.test.name: each for each in backtest(calm, 0.99)}
    >>> round(found["kupiec-pof"].result.statistic, 4), found["z1"].reason
    (5.0252, 'there is no column cvar')
    """
    case = Case(told, level, seed)
    found = []
    for test in TESTS:
        if only and test.name not in only:
            continue
        try:
            found.append(Verdict(test, test.run(case)))
        except AssessmentError as error:
            found.append(Verdict(test, None, str(error)))
    return tuple(found)
