# SPDX-License-Identifier: Apache-2.0
"""A plain register, without a book."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from perilscope.book import table
from perilscope.cli import run
from perilscope.errors import BookError

from ..reference import case


def quick(capsys: Any, *arguments: object) -> tuple[int, dict[str, Any]]:
    code = run(["quick", *map(str, arguments), "--json", "-"])
    return code, json.loads(capsys.readouterr().out)


def test_one_scenario_of_fixed_size_in_closed_form(capsys: Any) -> None:
    code, found = quick(capsys, "--frequency", "0.2 per year", "--severity", "1M")
    assert code == 0
    whole = found["enterprise"]
    assert whole["ale"] == pytest.approx(200_000, rel=1e-12)
    assert whole["sd"] == pytest.approx(1e6 * math.sqrt(0.2), rel=1e-12)
    assert whole["var"]["0.99"] == 2e6


def test_natural_logarithms_of_the_currency(capsys: Any) -> None:
    _, found = quick(
        capsys, "--frequency", "1 per year", "--severity", "lognormal(mu=0, sigma=2)",
        "--engine", "exact",
    )  # fmt: skip
    assert found["enterprise"]["ale"] == pytest.approx(math.exp(2), rel=1e-9)


def test_a_loss_of_less_than_one_unit_of_the_currency_is_warned_about(capsys: Any) -> None:
    arguments = "--frequency", "1 per year", "--engine", "exact", "--severity"
    warned = []
    for severity in ("gamma(0.2, 50k)", "gamma(shape=0.2, scale=50k)"):
        code, found = quick(capsys, *arguments, severity)
        assert code == 0
        warned.append([f["what"] for f in found["findings"] if f["severity"] == "warning"])
    assert len(warned[0]) == 1
    assert "has a mean of 4e-06" in warned[0][0]
    assert warned[1] == []


def test_a_register_with_a_converged_truth(capsys: Any, tmp_path: Path) -> None:
    known = case("TRUTH-REG20")
    lines = ["name,frequency,severity"]
    for item in known["inputs"]["register"]:
        law, rate = item["freq"]
        name, *numbers = item["sev"]
        text = {
            "lognormal90": lambda a, b: f"lognormal(p5={a!r}, p95={b!r})",
            "pert": lambda *x: "pert(" + ", ".join(map(repr, x)) + ")",
        }[name](*numbers)
        lines.append(f'{item["name"]},{law}({rate!r}),"{text}"')
    path = tmp_path / "reg20.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, found = quick(capsys, path, "--years", 200_000)
    assert code == 0
    assert len(found["scenarios"]) == 20
    for level in ("95", "99", "999"):
        key = f"0.{level}"
        assert found["enterprise"]["var"][key] == pytest.approx(
            known["expected"][f"VaR{level}"], rel=1e-5
        )
        assert found["enterprise"]["cvar"][key] == pytest.approx(
            known["expected"][f"TVaR{level}"], rel=1e-5
        )


def test_every_fault_of_a_table_has_its_line() -> None:
    text = b"id,frequency,severity\na,sometimes,100k\nb,poisson(-1),5k\nc,1 in 2 years,5m\n"
    with pytest.raises(BookError) as refused:
        table.register("r.csv", text, currency="USD", as_of="2026-01-31")
    assert [(f.line, f.path) for f in refused.value.faults] == [
        (2, "a.frequency"),
        (3, "b.frequency"),
        (4, "c.severity"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "no column"),
        (b"id,frequency\na,1 in 2 years\n", "severity"),
        (b"id,frequency,severity,colour\n", "colour"),
        (b"id,frequency,severity\n", "no rows"),
        (b"id,frequency,severity\na,1 in 2 years,5k\na,1 in 2 years,5k\n", "twice"),
        (b"id,frequency,severity\na,1 in 2 years,pert(1k,2k,3k)\n", "cells"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_broken_table_is_refused_with_the_reason(text: bytes, says: str) -> None:
    with pytest.raises(BookError, match=says):
        table.register("r.csv", text, currency="USD", as_of="2026-01-31")


@pytest.mark.parametrize(
    "arguments", [(), ("--frequency", "1 per year"), ("x.csv", "--severity", "5k")]
)
def test_half_a_question_is_wrong_use(arguments: tuple[str, ...], capsys: Any) -> None:
    assert run(["quick", *arguments]) == 2
    assert "--frequency and --severity" in capsys.readouterr().err


def test_the_terminal_shows_rows_and_total(capsys: Any) -> None:
    assert run(["quick", "--frequency", "1 in 5 years", "--severity", "1M", "--years", "2000"]) == 0
    said = capsys.readouterr().out
    assert "total" in said
    assert "$200k" in said


WIDE = stats.lognorm(math.log(25) / (2 * stats.norm.ppf(0.9)), scale=1e5)
SHAPE = math.log(math.log(10) / math.log(10 / 9)) / math.log(25)
STEEP = stats.weibull_min(SHAPE, scale=500e3 / math.log(10) ** (1 / SHAPE))
BODY = stats.lognorm(math.log(80) / (2 * stats.norm.ppf(0.95)), scale=math.sqrt(10e3 * 800e3))
BELOW = [BODY.expect(lambda x, n=n: x**n, ub=1e6) for n in (1, 2)]
ABOVE = [BODY.sf(1e6) * stats.pareto(3.5, scale=1e6).moment(n) for n in (1, 2)]
SEEN = [12e3, 40e3, 55e3, 40e3]
LAWS: dict[str, tuple[float, float]] = {
    "pert(0, 330k, 2M, lambda=2)": (665e3, 665e3**2 + 421372.75659444334**2),
    "gpd(shape=0.2, scale=200k, threshold=10k)": (260e3, 260e3**2 + 250e3**2 / 0.6),
    "gpd(shape=-0.5, scale=200k)": (400e3 / 3, (400e3 / 3) ** 2 * 1.5),
    "lognormal(p10=20k, p90=500k)": (WIDE.mean(), WIDE.moment(2)),
    "weibull(p10=20k, p90=500k)": (STEEP.mean(), STEEP.moment(2)),
    "empirical(12k, 40k, 55k, 40k)": (sum(SEEN) / 4, sum(x * x for x in SEEN) / 4),
    "mixture(uniform(0, 10k): 70 %, 50k: 30 %)": (18_500, 0.7e8 / 3 + 0.3 * 25e8),
    "spliced(lognormal(p5=10k, p95=800k), pareto(3.5, 1M), at=1M)": (
        BELOW[0] + ABOVE[0],
        BELOW[1] + ABOVE[1],
    ),
}
"""Severity -> mean and mean square, from closed forms and scipy.stats."""


@pytest.mark.parametrize("severity", LAWS)
def test_every_law_of_loss_has_its_moments(severity: str, capsys: Any) -> None:
    code, found = quick(capsys, "--frequency", "0.5 per year", "--severity", severity,
                        "--engine", "exact")  # fmt: skip
    mean, square = LAWS[severity]
    assert code == 0
    assert found["enterprise"]["ale"] == pytest.approx(0.5 * mean, rel=1e-7)
    assert found["enterprise"]["sd"] == pytest.approx(math.sqrt(0.5 * square), rel=1e-7)


K = np.arange(200)
UNIFORM = (stats.gamma.cdf(0.75, K + 1) - stats.gamma.cdf(0.25, K + 1)) / 0.5
COUNTS: dict[str, Any] = {
    "poisson(0.5)": stats.poisson.pmf(K, 0.5),
    "poisson(0)": 1.0 * (K == 0),
    "bernoulli(0.03)": stats.binom.pmf(K, 1, 0.03),
    "binomial(12, 0.5)": stats.binom.pmf(K, 12, 0.5 / 12),
    "binomial(12, p=0.04)": stats.binom.pmf(K, 12, 0.04),
    "binomial(n=12, p=4 %)": stats.binom.pmf(K, 12, 0.04),
    "negative-binomial(2, 0.5)": stats.nbinom.pmf(K, 2, 2 / 2.5),
    "zero-inflated(0.3, 0.5)": 0.3 * (K == 0) + 0.7 * stats.poisson.pmf(K, 0.5 / 0.7),
    "mixed-poisson(gamma(4, 4), 0.5)": stats.nbinom.pmf(K, 4, 4 / 4.5),
    "mixed-poisson(uniform(0.5, 1.5), 0.5)": UNIFORM,
}
"""Frequency -> probabilities of 0, 1, 2... events, from scipy.stats."""


def test_every_law_of_counts_has_its_probabilities(capsys: Any, tmp_path: Path) -> None:
    rows = [f'row-{n},"{law}",1M' for n, law in enumerate(COUNTS)]
    path = tmp_path / "register.csv"
    path.write_text("\n".join(["id,frequency,severity", *rows]) + "\n", encoding="utf-8")
    code, found = quick(capsys, path, "--years", 100_000)
    assert code == 0
    assert found["findings"] == [f for f in found["findings"] if f["severity"] == "note"]
    by_id = {row["id"]: row for row in found["scenarios"]}
    for n, (law, pmf) in enumerate(COUNTS.items()):
        row, mean = by_id[f"row-{n}"], float((pmf * K).sum())
        assert row["ale"] == pytest.approx(1e6 * mean, rel=1e-9, abs=1e-9), law
        spread = math.sqrt(max(float((pmf * K**2).sum()) - mean**2, 0.0))
        assert row["sd"] == pytest.approx(1e6 * spread, rel=1e-8, abs=1e-9), law
        for level in ("0.95", "0.99", "0.999"):
            wanted = 1e6 * np.searchsorted(np.cumsum(pmf), float(level))
            assert row["var"][level] == wanted, law
        assert abs(found["checks"].get(f"row-{n}") or 0.0) < 5, law


def test_what_cannot_be_assessed_is_left_out_with_the_reason(capsys: Any) -> None:
    code, found = quick(capsys, "--frequency", "1 in 5 years", "--severity", "pareto(1, 5k)")
    assert code == 4
    (failed,) = found["failed"]
    assert "no finite mean" in failed["reason"]


def test_a_register_too_long_to_wait_for_is_refused_at_once(capsys: Any, tmp_path: Path) -> None:
    register = tmp_path / "long.csv"
    register.write_text("id,frequency,severity\n" + "a,0.1 per year,10k\n" * 30_000)
    assert run(["quick", str(register)]) != 0
    assert "more than 20,000 rows" in capsys.readouterr().err


def test_nothing_assessed_is_no_total_of_zero(capsys: Any, tmp_path: Path) -> None:
    register = tmp_path / "wild.csv"
    register.write_text('id,frequency,severity\na,0.2 per year,"pareto(0.8, 1k)"\n')
    assert run(["quick", str(register)]) == 4
    said = capsys.readouterr().out
    assert "Nothing could be assessed" in said
    assert "$0" not in said


def test_ids_of_other_tools_are_kept(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    text = "ID;Frequency;Severity\nS01_x.y;poisson(1);5k\nÜberfall 盗難;Bernoulli(3 %);5k\n;;\n"
    path.write_text(text, encoding="utf-8")
    code, found = quick(capsys, path, "--engine", "exact")
    assert code == 0
    assert {row["id"]: row["ale"] for row in found["scenarios"]} == pytest.approx(
        {"S01_x.y": 5000.0, "Überfall 盗難": 150.0}
    )


def test_faults_name_ids_as_they_were_written() -> None:
    text = "id,frequency,severity\nS.1,poisson(1),5m\n,poisson(1),5k\nx\x07,poisson(1),5k\n"
    with pytest.raises(BookError) as refused:
        table.register("r.csv", text.encode(), currency="USD", as_of="2026-01-31")
    assert [f.line for f in refused.value.faults] == [3, 4]
    with pytest.raises(BookError) as refused:
        table.register(
            "r.csv", "".join(text.splitlines(True)[:2]).encode(), currency="USD", as_of="2026-01-31"
        )
    assert [(f.line, f.path) for f in refused.value.faults] == [(2, "S.1.severity")]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("negative_binomial(2, 0.5)", "negative-binomial(2)"),
        ("mixed-poisson(lognormal(mean=1, sd=1), belief(gamma(2, 8)))", "mixed-poisson("),
        ("poisson(belief(gamma(2, 8)))", "poisson"),
    ],
)
def test_beliefs_and_commas_inside_a_law_of_counts(text: str, counts: str) -> None:
    found = table.frequency(text)
    assert found["counts"].startswith(counts)
    assert found["frequency"] in ("0.5 per year", "belief(gamma(2, 8)) per year")


@pytest.mark.parametrize("rate", [1e-9, 1e-6, 1e-5, 1e-4])
def test_a_very_rare_loss_has_a_law_too(rate: float, capsys: Any) -> None:
    """With at most one event the chance of more than x is the rate times that of the event."""
    code, found = quick(
        capsys, "--frequency", f"{rate!r} per year", "--severity", "uniform(0, 1M)",
        "--engine", "exact",
    )  # fmt: skip
    assert code == 0
    whole = found["enterprise"]
    assert whole["var"]["0.999"] == 0.0
    assert whole["cvar"]["0.999"] == pytest.approx(rate * 5e5 / 0.001, rel=1e-9)
    for x, p in whole["exceedance"]:
        known = rate * max(1.0 - x / 1e6, 0.0)
        assert p == pytest.approx(known, rel=2 * rate + 1e-6, abs=2e-11 + rate * 1e-4)


def test_a_million_events_a_year_are_exact_and_not_simulated(capsys: Any) -> None:
    """Quantiles by the normal law and its skew: what that leaves is below 1e-8 here."""
    code, found = quick(capsys, "--frequency", "1e6 per year", "--severity", "uniform(1, 3)")
    assert code == 0
    assert any("no horizons are simulated" in each["what"] for each in found["findings"])
    n, second, third = 1e6, 13 / 3, 10.0
    for level in ("0.95", "0.99", "0.999"):
        z = float(stats.norm.ppf(float(level)))
        known = 2 * n + z * math.sqrt(n * second) + (z * z - 1) / 6 * third / second
        assert found["enterprise"]["var"][level] == pytest.approx(known, rel=1e-8)
        assert found["enterprise"]["error"][level] < 1e-5


def test_a_thousand_million_events_a_year_are_refused_at_once(capsys: Any) -> None:
    code, found = quick(capsys, "--frequency", "1e9 per year", "--severity", "1 to 5")
    assert code != 0
    assert "too many to be added up one by one" in found["failed"][0]["reason"]


def test_an_interval_over_nine_orders(capsys: Any) -> None:
    """At most one event: the quantile is that of the lognormal law itself."""
    code, found = quick(
        capsys, "--frequency", "1e-9 per year", "--severity", "1 to 1bn", "--engine", "exact"
    )
    assert code == 0
    code, found = quick(
        capsys, "--frequency", "0.002 per year", "--severity", "1 to 1bn", "--engine", "exact"
    )
    z = float(stats.norm.ppf(1.0 + math.log1p(-0.001) / 0.002))  # Poisson: one event or more
    sigma = math.log(1e9) / (2 * 1.6448536269514722)
    known = math.exp(math.log(1e9) / 2 + sigma * z)
    assert found["enterprise"]["var"]["0.999"] == pytest.approx(known, rel=1e-3)
    assert found["enterprise"]["error"]["0.999"] < 1e-4


def test_a_number_alone_is_a_yearly_rate(tmp_path: Path, capsys: Any) -> None:
    """Registers of other tools have a column of numbers; a share or a sign is no rate."""
    register = tmp_path / "register.csv"
    register.write_text("id,frequency,severity\na,0.2,1M\nb,3,50k\n")
    code, found = quick(capsys, str(register), "--engine", "exact")
    assert code == 0
    assert found["enterprise"]["ale"] == pytest.approx(0.2 * 1e6 + 3 * 5e4, rel=1e-9)
    for wrong in ("20 %", "-0.2"):
        assert run(["quick", "--frequency", wrong, "--severity", "1M"]) == 1
