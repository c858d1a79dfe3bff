# SPDX-License-Identifier: Apache-2.0
"""Every operational reference case, written as a book where a book can say it.

The cases stand beside the project, in data that is not published: without it these tests skip. A
case that no check knows fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import perilscope
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Distribution,
    Exponential,
    Gamma,
    Lognormal,
    Metalog,
    Normal,
)
from perilscope.engines.laws.overcome import overcome
from perilscope.learning.conjugate import beta_binomial, gamma_poisson
from perilscope.learning.experts import calibration

from ..reference import Case, case, cases, wanted

ALWAYS = {"frequency": "1 per year", "counts": "at most one a year"}
"""One event each year, so that the loss of a year is the loss of an event."""


def run(scenarios: dict[str, Any], **more: Any) -> perilscope.Run:
    """A book of these scenarios, assessed by the exact engine."""
    book = {
        "institution": {"name": "Reference"},
        "currency": "USD",
        "as_of": "2026-01-31",
        "assets": {"firm": {"kind": "other"}},
        "scenarios": {key: {"asset": "firm", **one} for key, one in scenarios.items()},
    }
    settings = {"engine": more.pop("engine", "exact"), **more.pop("settings", {})}
    return perilscope.quantify(perilscope.declare({**book, **more}), **settings)


def one(**scenario: Any) -> perilscope.Run:
    return run({"one": scenario})


def near(value: float, rel: float = 0.0, abs: float = 0.0) -> Any:
    return pytest.approx(value, rel=rel, abs=abs)


# --- registers ------------------------------------------------------------------------------------


def severity(law: list[Any]) -> str:
    name, *numbers = law
    if name == "lognormal90":
        return f"lognormal(p5={numbers[0]!r}, p95={numbers[1]!r})"
    if name == "pert":
        return "pert(" + ", ".join(f"{x!r}" for x in numbers) + ")"
    assert name == "const", name
    return f"{numbers[0]!r}"


def scenarios(
    register: list[Case], rate: Callable[[str, float], str] = lambda _law, rate: f"{rate!r}"
) -> dict[str, Any]:
    """The rows of a register; ``rate`` writes the frequency from the law and its mean."""
    return {
        f"s{i}": {
            "name": row["name"],
            "frequency": f"{rate(*row['freq'])} per year",
            "counts": "at most one a year" if row["freq"][0] == "bernoulli" else "poisson",
            "magnitude": severity(row["sev"]),
        }
        for i, row in enumerate(register)
    }


def truth(case: Case) -> None:
    found = run(scenarios(case["inputs"]["register"]), engine="both", settings={"years": 300_000})
    expected = case["expected"]
    law = found.result.law
    assert found.ale == near(expected["mean"], rel=1e-9)
    assert law.sd == near(expected["sd"], rel=1e-9)
    for digits in ("95", "99", "999"):
        level = float(f"0.{digits}")
        assert found.var(level) == near(expected[f"VaR{digits}"], rel=1e-5)
        assert found.cvar(level) == near(expected[f"TVaR{digits}"], rel=1e-5)
    for loss, probability in expected["P_gt"].items():
        exceedance(law, float(loss), probability)
    # the standard errors of 22 lines and the total: 4.5 of them is 1 in 6,000 runs
    assert max(abs(z) for z in found.document["checks"].values()) < 4.5


def exceedance(law: LossLaw, loss: float, probability: float) -> None:
    """P(L > loss): right to a step of the grid, in the tail to 1e-7, beyond the grid a bound."""
    if loss > law.step * law.points:
        assert law.exceed(loss) >= probability
        return
    assert law.exceed(loss + law.step) <= probability <= law.exceed(loss - law.step)
    if probability < 0.05:
        assert law.exceed(loss) == near(probability, abs=1e-7)


def beliefs(case: Case) -> None:
    register = cases()[case["inputs"]["register"]]["inputs"]["register"]

    def rate(law: str, mean: float) -> str:
        high = min(3 * mean, 1.0) if law == "bernoulli" else 3 * mean
        return f"belief(pert({0.3 * mean!r}, {mean!r}, {high!r}))"

    found = run(scenarios(register, rate))
    for digits in ("95", "99", "999"):
        level = float(f"0.{digits}")
        assert found.var(level) == near(case["expected"][f"VaR{digits}"], rel=1e-5)


def frailty(case: Case) -> None:
    register = cases()[case["inputs"]["register"]]["inputs"]["register"]
    common = [f"s{i}" for i, row in enumerate(register) if row["freq"][0] == "poisson"]
    factors = {"climate": {"law": "gamma(4, 4)", "frequency": common}}
    found = run(scenarios(register), factors=factors)
    for digits in ("95", "99", "999"):
        level = float(f"0.{digits}")
        assert found.var(level) == near(case["expected"][f"VaR{digits}"], rel=1e-4)


# --- one line with a known law --------------------------------------------------------------------


def recursion(case: Case) -> None:
    sizes = ", ".join(f"{x}: {100 * p:.10g} %" for x, p in case["inputs"]["fx"].items())
    found = one(frequency=f"{case['inputs']['lam']} per year", magnitude=f"discrete({sizes})")
    assert found.result.law.method == "exact, lattice"
    assert 1.0 - found.exceed(3.0) == near(case["expected"]["P_le_3"], abs=1e-12)


def exponential(case: Case) -> None:
    rate, mean = case["inputs"]["lam"], float(case["inputs"]["mean"])
    law = one(frequency=f"{rate} per year", magnitude=f"exponential({mean!r})").result.law
    end = law.points * law.step
    for x, probability in case["expected"]["cdf"].items():
        if float(x) < end:
            assert 1.0 - law.exceed(float(x)) == near(probability, abs=1e-7)
    for level, x in case["expected"]["quantiles"].items():
        if x < end:
            assert law.var(float(level)) == near(x, rel=1e-5)
    line = Compound("one", lambda _theta, years: (Poisson(rate * years), Exponential(mean)))
    fine = Register([line], grid=Grid(160.0 * mean / (1 << 20), 1 << 20, tilt=10.0)).law()
    for x, probability in case["expected"]["cdf"].items():
        assert 1.0 - fine.exceed(float(x)) == near(probability, abs=1e-8)
    for level, x in case["expected"]["quantiles"].items():
        assert fine.exceed(x) == near(1.0 - float(level), abs=1e-8)
        assert fine.var(float(level) - 1e-8) <= x <= fine.var(float(level) + 1e-8)


def lognormal_total(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    found = one(
        frequency=f"{given['lam']} per year",
        magnitude=f"lognormal(mu={given['mu']!r}, sigma={given['sigma']!r})",
    )
    assert found.ale == near(expected["mean"], rel=1e-12)
    assert found.result.law.sd == near(expected["sd"], rel=1e-12)
    for digits in ("95", "99", "995", "999"):
        assert found.var(float(f"0.{digits}")) == near(expected[f"VaR{digits}"], rel=1e-5)


# --- laws of one number ---------------------------------------------------------------------------


def interval(case: Case) -> None:
    low, high = case["inputs"]["ci90"]
    expected = case["expected"]
    law = Lognormal.from_quantiles(low, high)
    assert [law.mu, law.sigma] == near([expected["mu"], expected["sigma_exact"]], rel=1e-12)
    found = one(**ALWAYS, magnitude=f"{low!r} to {high!r}")
    assert found.ale == near(expected["mean_exact"], rel=1e-9)
    assert found.ale != near(expected["mean_329"], rel=1e-5)  # the rule of thumb is another law
    assert found.var(0.5) == near(expected["median"], rel=1e-5)
    assert found.var(0.99) == near(expected["q99"], rel=1e-5)


def pert(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    numbers = ", ".join(repr(float(given[key])) for key in ("low", "mode", "high"))
    weight = "" if given["gamma"] == 4 else f", lambda={given['gamma']}"
    found = one(**ALWAYS, magnitude=f"pert({numbers}{weight})")
    assert found.ale == near(expected["mean"], rel=1e-9)
    assert found.result.law.sd == near(expected["sd"], rel=1e-9)
    law = Beta(expected["alpha"], expected["beta"], float(given["low"]), float(given["high"]))
    for digits in ("05", "50", "95", "99"):
        level = float(f"0.{digits}")
        assert float(law.ppf(level)) == near(expected[f"q{digits}"], rel=1e-9)
        assert found.var(level) == near(expected[f"q{digits}"], rel=1e-5)


def metalog(case: Case) -> None:
    alpha, values = case["inputs"]["alpha"], [float(x) for x in case["inputs"]["q"]]
    expected = case["expected"]
    law = Metalog.from_quantiles((alpha, 0.5, 1.0 - alpha), values)
    assert expected["feasible"]  # an unfeasible one would have been refused above
    assert list(law.coefficients) == near(expected["a"], rel=1e-10)
    assert [float(law.ppf(u)) for u in (alpha, 0.5, 1.0 - alpha)] == near(
        expected["check"], rel=1e-10
    )
    assert float(law.ppf(0.01)) == near(expected["q01"], rel=1e-10)
    assert float(law.ppf(0.99)) == near(expected["q99"], rel=1e-10)
    assert law.mean == near(expected["mean"], rel=1e-10)


# --- vulnerability --------------------------------------------------------------------------------


def vulnerability(case: Case) -> None:
    def law(key: str) -> tuple[Distribution, str]:
        a, b, low, width = case["inputs"][f"{key}_args"]
        # a PERT law of weight 4 has a = 1 + 4 (mode - low) / width
        mode = low + width * (a - 1.0) / 4.0
        return Beta(a, b, low, low + width), f"pert({low!r}, {mode!r}, {low + width!r})"

    (able, capability), (strong, strength) = law("TCap"), law("RS")
    expected = case["expected"]["vuln"]
    assert overcome(able, strong) == near(expected, abs=1e-8)
    found = one(
        frequency={
            "threat_event_frequency": "3 per year",
            "vulnerability": {
                "threat_capability": capability,
                "resistance_strength": strength,
            },
        },
        magnitude="1M",
    )
    assert found.ale == near(3e6 * expected, abs=3e6 * 1e-8)


def vulnerability_of_normals(case: Case) -> None:
    found = overcome(Normal(*case["inputs"]["TCap"]), Normal(*case["inputs"]["RS"]))
    assert found == near(case["expected"]["vuln"], abs=1e-12)


# --- controls -------------------------------------------------------------------------------------


def control(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    found = run(
        {
            "phishing": {"frequency": "0.5 per year", "magnitude": "500k"},
            "exploit": {"frequency": "0.2 per year", "magnitude": "1M"},
        },
        controls={
            "training": {
                "costs": f"{given['cost']} per year",
                "cuts": {"phishing": f"{100 * given['reduction']:g} % of frequency"},
            }
        },
    )
    ale = {row["id"]: row["ale"] for row in found.document["scenarios"]}
    (effect,) = found.document["controls"]
    assert ale["phishing"] == near(given["ale"], rel=1e-12)
    assert ale["phishing"] / ale["exploit"] - 1.0 == near(
        expected["phish_vs_defi_excess"], rel=1e-12
    )
    assert effect["ale_reduction"] == near(expected["delta_ale"], rel=1e-12)
    assert effect["ale_reduction"] - effect["annual_cost"] == near(expected["net"], rel=1e-12)
    assert effect["rosi"] == near(expected["ROSI"], rel=1e-12)


def return_on_investment(case: Case) -> None:
    given = case["inputs"]
    found = run(
        {
            "virus": {
                "frequency": f"{given['events']} per year",
                "magnitude": f"{given['exposure_per_event']}",
            }
        },
        controls={
            "scanner": {
                "costs": f"{given['cost']} per year",
                "cuts": {"virus": f"{100 * given['mitigation']:g} % of magnitude"},
            }
        },
    )
    (effect,) = found.document["controls"]
    assert effect["rosi"] == near(case["expected"]["ROSI"], rel=1e-12)


# --- learning and experts -------------------------------------------------------------------------


def learned_rate(case: Case) -> None:
    expected = case["expected"]
    shape, rate = gamma_poisson(2, 4, case["inputs"]["events"], case["inputs"]["years"])
    assert (shape, rate) == (expected["post_shape"], expected["post_rate"])
    law = Gamma(shape, 1.0 / rate)
    assert law.mean == near(expected["post_mean"], rel=1e-12)
    assert float(law.ppf(0.05)) == near(expected["q05"], rel=1e-12)
    assert float(law.ppf(0.95)) == near(expected["q95"], rel=1e-12)
    found = one(frequency=f"belief(gamma({shape}, {rate})) per year", magnitude="1M")
    assert found.ale == near(1e6 * expected["post_mean"], rel=1e-12)
    assert 1.0 - found.exceed(0.0) == near(expected["pred_P0_1yr"], rel=1e-12)


def learned_vulnerability(case: Case) -> None:
    expected = case["expected"]
    a, b = beta_binomial(2, 8, case["inputs"]["successes"], case["inputs"]["attacks"])
    assert [a, b] == expected["post"]
    assert float(Beta(a, b).ppf(0.95)) == near(expected["q95"], rel=1e-12)
    found = one(
        frequency={
            "threat_event_frequency": "6 per year",
            "vulnerability": f"belief(beta({a}, {b}))",
        },
        magnitude="1M",
    )
    assert found.ale == near(6e6 * expected["mean"], rel=1e-12)


def calibrated(case: Case) -> None:
    found = calibration(case["inputs"]["counts"], case["inputs"]["p"])
    assert found == near(case["expected"]["score"], abs=1e-10)
    assert math.isclose(found, case["expected"]["score"], rel_tol=1e-6)


# --- the walk -------------------------------------------------------------------------------------

CHECKS: dict[str, Callable[[Case], None]] = {
    "SEED-02": control,
    "TRUTH-": truth,
    "HUB-": interval,
    "PERT-": pert,
    "VULN-normal-": vulnerability_of_normals,
    "VULN-": vulnerability,
    "LM-9.57": recursion,
    "CPEXP-": exponential,
    "CPLN-": lognormal_total,
    "ROSI-": return_on_investment,
    "MLOG-u-": metalog,
    "COOKE-": calibrated,
    "GP-01": learned_rate,
    "BB-01": learned_vulnerability,
    "DEP-01": frailty,
    "EPI-01": beliefs,
}
"""By the beginning of a case's id; the first that fits."""

LATER: dict[str, str] = {}
OPERATIONAL = [key for key, case in cases().items() if case.get("area") == "crq"]


def known(name: str) -> Any:
    """The case, marked where what it needs is not there yet: it fails as soon as it is."""
    marks = [pytest.mark.xfail(strict=True, reason=LATER[name])] if name in LATER else []
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [known(name) for name in OPERATIONAL] or [""])
def test_reference_case(name: str) -> None:
    found = case(name)
    check = next((check for start, check in CHECKS.items() if name.startswith(start)), None)
    assert check, f"no check knows the case {name}: {found['topic']}"
    check(found)


def test_every_check_has_a_case() -> None:
    wanted()
    assert [start for start in CHECKS if not any(k.startswith(start) for k in OPERATIONAL)] == []
