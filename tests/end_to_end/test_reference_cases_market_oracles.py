# SPDX-License-Identifier: Apache-2.0
"""Every market reference case. A case that no check knows fails.

The cases stand beside the project, in data that is not published: without it these tests skip.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perilscope.engines.backtests.exceptions import kupiec_pof, multiplier, traffic_light
from perilscope.engines.backtests.frtb import liquidity_horizon_cvar
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.loss_laws import NormalLaw, StudentLaw
from perilscope.engines.forecasts.pareto import fit_pareto, tail_measures
from perilscope.engines.forecasts.simple_models import expanded, normal
from perilscope.engines.portfolio.returns import historical
from perilscope.engines.volatility import garch

from ..reference import FOLDER, Case, case, wanted


def column(name: str, what: str) -> np.ndarray:
    with (FOLDER / Path(name).name).open(encoding="utf-8", newline="") as file:
        return np.array([float(row[what]) for row in csv.DictReader(file)])


def kupiec(case: Case) -> None:
    given, out = case["inputs"], case["outputs"]
    found = kupiec_pof(given["N"], given["T"], 1.0 - given["p"])
    key = "LR_uc" if "LR_uc" in out else "LR"
    tolerance = case["tolerance"]["abs"]
    assert found.statistic == pytest.approx(out[key], abs=tolerance)
    assert found.p_value == pytest.approx(out["p_value"], abs=tolerance)


def not_rejected(case: Case) -> None:
    for key, (least, most) in case["outputs"].items():
        p, days = (float(part.partition("=")[2]) for part in key.split(","))
        kept = [
            count
            for count in range(int(days * p * 3) + 10)
            if (kupiec_pof(count, int(days), 1.0 - p).p_value or 0.0) > case["inputs"]["test_level"]
        ]
        assert (min(kept), max(kept)) == (least, most), key


def lights(case: Case) -> None:
    out = case["outputs"]
    for count, colour in out["zone"].items():
        found = traffic_light(count, 250, 0.99)
        assert found.parameters["zone"] == colour
        below = sum(math.comb(250, k) * 0.01**k * 0.99 ** (250 - k) for k in range(count + 1))
        assert round(100.0 * below, 2) == out["cumulative_pct"][count]
        assert multiplier(count, 250, 0.99, 1.5) == pytest.approx(
            out["multiplier_frtb_MAR32_9"][count]
        )
        if count in out["multiplier_basel_1996_2_5"]:
            assert multiplier(count, 250, 0.99) == pytest.approx(
                out["multiplier_basel_1996_2_5"][count]
            )


def liquidity(case: Case) -> None:
    given = case["inputs"]
    found = liquidity_horizon_cvar(dict(zip(given["LH"], given["ES_j"], strict=True)), given["T"])
    assert found == pytest.approx(case["outputs"]["ES"], rel=case["tolerance"]["rel"])


def closed_forms(case: Case) -> None:
    for name, out in case["outputs"].items():
        law, level = name.split("_")[0], float(name.split("_")[1])
        if law == "normal":
            unit = scaled = NormalLaw(0.0, 1.0)
        else:
            df = float(law[1:])
            unit = StudentLaw(0.0, 1.0, df)
            scaled = StudentLaw(0.0, math.sqrt((df - 2.0) / df), df)
        tolerance = case["tolerance"]["rel"]
        assert unit.var(level) == pytest.approx(out["VaR"], rel=tolerance)
        assert unit.cvar(level) == pytest.approx(out["ES"], rel=tolerance)
        if "VaR_unit_variance" in out:
            assert scaled.var(level) == pytest.approx(out["VaR_unit_variance"], rel=tolerance)
            assert scaled.cvar(level) == pytest.approx(out["ES_unit_variance"], rel=tolerance)


def danish(case: Case) -> None:
    losses = column(case["inputs"]["file"], case["inputs"]["column"])
    threshold, out, near = case["inputs"]["threshold"], case["outputs"], case["tolerance"]
    fit = fit_pareto(losses[losses > threshold] - threshold)
    assert losses.size == out["n"]
    assert fit.count == out["n_exceed"]
    assert fit.xi == pytest.approx(out["xi"], abs=near["xi_abs"])
    assert fit.beta == pytest.approx(out["beta"], abs=near["beta_abs"])
    assert -fit.log_likelihood == pytest.approx(out["nll"], abs=near["nll_abs"])
    # the exact maximum, where evir stops a little early
    assert fit.xi == pytest.approx(0.4969858, abs=1e-5)
    assert fit.beta == pytest.approx(6.9754681, abs=1e-5)
    for level, expected in out["VaR"].items():
        var, cvar = tail_measures(threshold, fit.count / losses.size, fit.xi, fit.beta, level)
        assert var == pytest.approx(expected, rel=near["VaR_rel"])
        assert cvar == pytest.approx(out["ES"][level], rel=near["ES_rel"])


def benchmark(case: Case) -> None:
    out, near = case["outputs"], case["tolerance"]
    returns = column(case["inputs"]["file"], case["inputs"]["column"])
    found = garch.fit(returns, "garch", False, presample="sample")
    parameters = dict(found.parameters)
    assert parameters["mu"] == pytest.approx(out["mu"], abs=near["mu_abs"])
    for name in ("omega", "alpha", "beta"):
        assert parameters[name] == pytest.approx(out[name], rel=near[f"{name}_rel"])
    assert found.log_likelihood == pytest.approx(out["loglik"], abs=near["loglik_abs"])


def edhec(case: Case) -> None:
    level, out = case["inputs"]["level"], case["outputs"]
    with (FOLDER / "ref_edhec.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    for k in range(5):
        returns = np.array([float(row[k + 1]) for row in rows[1:]])
        sample = Sample(returns[:, None], np.ones(1))
        tolerance = case["tolerance"]["rel"]
        assert -normal(sample).var(level) == pytest.approx(out["gaussian"][k], rel=tolerance)
        modified = expanded(sample.losses, level)[0][0]
        assert -modified == pytest.approx(out["modified"][k], rel=tolerance)
        # the case has quantiles of type 7, between two losses; ours is the upper of the two
        ours, type7 = historical(sample.losses, level)[0], float(np.quantile(-returns, level))
        assert -type7 == pytest.approx(out["historical"][k], rel=tolerance)
        ordered = np.sort(-returns)
        assert ours == ordered[math.ceil(returns.size * level - 1e-9) - 1]
        assert np.mean(-returns <= ours) >= level > np.mean(-returns < ours)


CHECKS: dict[str, Callable[[Case], None]] = {
    "kupiec_jorion_jpm": kupiec,
    "kupiec_nonrejection_table": not_rejected,
    "kupiec_zero_failures": kupiec,
    "basel_traffic_light": lights,
    "frtb_liquidity_horizon_es": liquidity,
    "closed_form_normal_t": closed_forms,
    "danish_gpd_u10": danish,
    "dem2gbp_garch11_normal": benchmark,
    "pa_edhec_single_95": edhec,
}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_market_cases(name: str) -> None:
    CHECKS[name](case(name))


def test_no_market_case_is_left_out() -> None:
    mine = {name for name, each in wanted().items() if each.get("area") == "market"}
    assert mine <= set(CHECKS)
