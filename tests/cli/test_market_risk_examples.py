# SPDX-License-Identifier: Apache-2.0
"""``perilscope market risk``: bare files and books, by hand; what is refused."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from perilscope.cli import run

DAYS = 501
NAMES = ("BTC", "ETH", "NEW")
FEW = tuple(f"--method={name}" for name in ("historical", "normal", "t", "age-weighted", "evt"))


@pytest.fixture(scope="module")
def closes() -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(11)
    moves = 0.03 * rng.standard_t(4, (DAYS - 1, 1)) @ np.ones((1, 3))
    moves = np.clip(moves + 0.01 * rng.standard_normal((DAYS - 1, 3)), -0.6, None)
    return 100.0 * np.cumprod(np.vstack([np.ones(3), 1.0 + moves]), axis=0)


@pytest.fixture(scope="module")
def prices(closes: np.ndarray[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """BTC and ETH over all days, NEW over the last 60."""
    start = date(2024, 1, 1).toordinal()
    rows = ["date,asset,close"]
    for k in range(DAYS):
        for place, name in enumerate(NAMES):
            if name != "NEW" or k >= DAYS - 60:
                rows.append(f"{date.fromordinal(start + k)},{name},{float(closes[k, place])!r}")
    path = tmp_path_factory.mktemp("risk") / "prices.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def asked(capsys: Any, *words: str, code: int = 0) -> dict[str, Any]:
    assert run(["market", "risk", *words, "--json", "-"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: Any, *words: str, code: int = 2) -> str:
    assert run(["market", "risk", *words]) == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err + told.out
    return " ".join(told.err.split())


def worst(losses: np.ndarray[Any, Any], level: float) -> tuple[float, float]:
    """Smallest x with F(x) >= level and the mean of the worst part, counted by hand."""
    ordered = np.sort(losses)
    x = min(x for place, x in enumerate(ordered) if (place + 1) / len(ordered) >= level - 1e-12)
    count = len(ordered) * (1 - level)
    tail = ordered[::-1]
    whole = int(count)
    return float(x), float((tail[:whole].sum() + (count - whole) * tail[whole]) / count)


@pytest.mark.parametrize(("horizon", "level"), [(1, 0.975), (7, 0.95), (10, 0.99)])
def test_historical_normal_and_t_by_hand(
    capsys: Any, prices: str, closes: np.ndarray[Any, Any], horizon: int, level: float
) -> None:
    found = asked(capsys, "--prices", prices, "--weights", "BTC=0.6,ETH=0.4", "--level", str(level),
                  "--horizon", str(horizon), *FEW)  # fmt: skip
    moves = closes[horizon:, :2] / closes[:-horizon, :2] - 1.0
    losses = -(moves @ [0.6, 0.4])
    var, cvar = worst(losses, level)
    methods = found["methods"]
    assert methods["historical"]["var"] == pytest.approx(var, rel=1e-12)
    assert methods["historical"]["cvar"] == pytest.approx(cvar, rel=1e-10)
    z = stats.norm.ppf(level)
    centre, scale = losses.mean(), losses.std()
    assert methods["normal"]["var"] == pytest.approx(centre + scale * z, rel=1e-9)
    assert methods["normal"]["cvar"] == pytest.approx(
        centre + scale * stats.norm.pdf(z) / (1 - level), rel=1e-9
    )
    assert methods["normal"]["log_likelihood"] == pytest.approx(
        stats.norm(centre, scale).logpdf(losses).sum(), rel=1e-9
    )
    df, place, width = stats.t.fit(losses)
    law = stats.t(df, place, width)
    assert methods["t"]["log_likelihood"] >= law.logpdf(losses).sum() - 1e-4
    assert methods["t"]["var"] == pytest.approx(law.ppf(level), rel=2e-3)
    for name, row in methods.items():
        if row["error"] is None:
            for what in ("var", "cvar"):
                low, high = row["interval"][what]
                assert low <= row[what] <= high, name
    assert found["horizon"] == horizon
    assert found["windows"] == len(losses)


def test_the_default_horizon_is_a_day_and_days_are_counted(capsys: Any, prices: str) -> None:
    found = asked(capsys, "--prices", prices, "--weights", "BTC=1", "--from", "2024-01-11", "--to",
                  "2024-12-31", "--method", "historical")  # fmt: skip
    assert found["horizon"] == 1
    assert found["from"] == "2024-01-11"
    assert found["to"] == "2024-12-31"
    assert found["returns"] == 355
    assert list(found["methods"]) == ["historical"]


def test_a_short_history_is_filled_in_and_says_so(capsys: Any, prices: str) -> None:
    words = ("--prices", prices, "--method", "historical", "--weights")
    found = asked(capsys, *words, "NEW=1")
    assert found["returns"] == DAYS - 1
    assert 59 <= found["effective"] < DAYS - 1
    assert any("effective sample size" in text for text in found["findings"])
    assert found["assets"][0]["own"] == 59
    # as uncertain as its own days and the factor allow: wider than with a whole history
    whole = asked(capsys, *words, "ETH=1")["methods"]["historical"]
    row = found["methods"]["historical"]
    reach = math.log(row["interval"]["cvar"][1] / row["interval"]["cvar"][0])
    assert reach > math.log(whole["interval"]["cvar"][1] / whole["interval"]["cvar"][0])


def test_what_is_refused(capsys: Any, prices: str, tmp_path: Path) -> None:
    base = ("--prices", prices, "--weights")
    assert "DOGE" in refused(capsys, *base, "BTC=0.5,DOGE=0.5")
    assert "every weight is zero" in refused(capsys, *base, "BTC=0,ETH=0")
    assert "write it like" in refused(capsys, *base, "BTC=lots")
    assert "stands twice" in refused(capsys, *base, "BTC=0.5,BTC=0.5")
    for level in ("0.5", "1", "97.5", "0.2", "nan"):
        assert "level" in refused(capsys, *base, "BTC=1", "--level", level)
    assert "did you mean historical" in refused(capsys, *base, "BTC=1", "--method", "historic")
    assert "is not before" in refused(
        capsys, *base, "BTC=1", "--from", "2024-05-01", "--to", "2024-01-01"
    )
    assert "no prices from" in refused(capsys, *base, "BTC=1", "--from", "2030-01-01")
    assert "what is held" in refused(capsys, "--prices", prices)
    assert "at least 20" in refused(
        capsys, *base, "BTC=1", "--to", "2024-01-15", "--method", "historical"
    )
    gap = tmp_path / "gap.csv"
    gap.write_text("date,BTC\n2024-01-01,1\n2024-01-03,1\n", encoding="utf-8")
    assert "missing" in refused(capsys, "--prices", str(gap), "--weights", "BTC=1", code=1)


def test_a_still_price_fails_where_it_must_and_is_told_under_its_name(
    capsys: Any, tmp_path: Path
) -> None:
    start = date(2024, 1, 1).toordinal()
    rows = ["date,PEG"] + [f"{date.fromordinal(start + k)},1.0" for k in range(300)]
    path = tmp_path / "still.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    found = asked(
        capsys,
        "--prices",
        str(path),
        "--weights",
        "PEG=1",
        "--method",
        "historical",
        "--method",
        "normal",
        "--method",
        "t-copula",
    )
    assert found["methods"]["historical"]["var"] == 0.0
    assert math.copysign(1.0, found["methods"]["historical"]["var"]) == 1.0  # no -0.00 %
    assert found["methods"]["normal"]["error"]
    assert found["methods"]["normal"]["var"] is None


def test_no_answer_by_any_method_is_no_success(capsys: Any, prices: str) -> None:
    few = ("--prices", prices, "--weights", "BTC=1", "--to", "2024-02-05")
    garch = ("--method", "garch", "--method", "gjr")
    found = asked(capsys, *few, *garch, code=4)
    assert all(each["error"] and each["var"] is None for each in found["methods"].values())
    found = asked(capsys, *few, *garch, "--method", "historical")
    assert found["methods"]["garch"]["error"]
    assert found["methods"]["historical"]["error"] is None


def test_the_presample_is_chosen_and_named(
    capsys: Any, prices: str, closes: np.ndarray[Any, Any]
) -> None:
    words = ("--prices", prices, "--weights", "BTC=1", "--method", "garch")
    usual, other = asked(capsys, *words), asked(capsys, *words, "--presample", "sample")
    assert usual["presample"] == "backcast"
    assert other["presample"] == "sample"
    row = other["methods"]["garch"]
    assert "mean of the squares" in row["conventions"]["presample"]
    assert row["log_likelihood"] != usual["methods"]["garch"]["log_likelihood"]
    # the likelihood at these parameters, begun at the mean square and followed day by day
    p, r = row["parameters"], 100.0 * np.log(closes[1:, 0] / closes[:-1, 0])
    e2 = (r - p["mu"]) ** 2
    h, total = p["omega"] + (p["alpha"] + p["beta"]) * e2.mean(), 0.0
    for square in e2.tolist():
        total -= 0.5 * (math.log(2.0 * math.pi * h) + square / h)
        h = p["omega"] + p["alpha"] * square + p["beta"] * h
    assert row["log_likelihood"] == pytest.approx(total, abs=1e-9)
    assert "backcast or sample" in refused(capsys, *words, "--presample", "zero")
    assert run(["market", "risk", *words, "--presample", "sample"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "presample: mean of the squares" in said
    assert "breach: a loss strictly above VaR" in said
    assert "CVaR: mean of the worst 1 - level of probability, the atom at VaR split" in said


@pytest.mark.acceptance
def test_marks_and_pounds_from_prices(capsys: Any, tmp_path: Path) -> None:
    """Fiorentini, Calzolari and Panattoni (1996), asked of prices that made these returns."""
    file = Path(__file__).resolve().parents[3] / "shared" / "data" / "reference" / "ref_dem2gbp.csv"
    if not file.exists():
        pytest.skip("the private data set is not beside the project")
    returns = np.loadtxt(file, skiprows=1)
    levels = 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]) / 100.0)
    start = date(2015, 1, 1).toordinal()
    rows = [f"{date.fromordinal(start + k)},{x!r}" for k, x in enumerate(levels.tolist())]
    path = tmp_path / "marks.csv"
    path.write_text("date,DEM\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = asked(capsys, "--prices", str(path), "--weights", "DEM=1", "--accept", "DEM",
                  "--method", "garch", "--presample", "sample")  # fmt: skip
    row = found["methods"]["garch"]
    published = {"mu": -0.00619041, "omega": 0.0107613, "alpha": 0.153134, "beta": 0.805974}
    for name, value in published.items():
        assert row["parameters"][name] == pytest.approx(value, abs=6e-7)
    assert row["log_likelihood"] == pytest.approx(-1106.60788, abs=1e-5)


def test_thirty_days_answer_with_a_note(capsys: Any, prices: str) -> None:
    found = asked(
        capsys,
        "--prices",
        prices,
        "--weights",
        "BTC=1",
        "--to",
        "2024-01-31",
        "--method",
        "historical",
        "--method",
        "evt",
    )
    row = found["methods"]["historical"]
    assert any("30 daily returns" in note for note in row["notes"])


def test_the_table_is_drawn(capsys: Any, prices: str) -> None:
    assert run(["market", "risk", "--prices", prices, "--weights", "BTC=0.6,ETH=0.4", *FEW]) == 0
    told = capsys.readouterr().out
    assert "historical" in told
    assert "^VaR" in told
    assert max(len(line) for line in told.splitlines()) <= 130


def test_an_asset_whose_prices_cannot_be_is_left_out_with_the_reason(
    capsys: Any, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    closes = 100.0 * np.exp(np.cumsum(0.03 * rng.standard_normal((400, 2)), axis=0))
    closes[200, 1] *= 10.0  # for one day
    start = date(2024, 1, 1).toordinal()
    rows = ["date,A,B"] + [
        f"{date.fromordinal(start + k)},{float(a)!r},{float(b)!r}"
        for k, (a, b) in enumerate(closes)
    ]
    (tmp_path / "p.csv").write_text("\n".join(rows))
    words = ["market", "risk", "--prices", str(tmp_path / "p.csv"), "--weights", "A=0.5,B=0.5"]
    words += ["--method", "historical", "--json", "-"]
    assert run(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["excluded"]) == ["B"]
    assert any("back the next day" in text for text in found["findings"])
    losses = np.sort(-0.5 * (closes[1:, 0] / closes[:-1, 0] - 1.0))
    assert found["methods"]["historical"]["var"] == pytest.approx(losses[389])
    assert run([*words, "--accept", "B"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["excluded"]
    assert any("IN SPITE OF" in text for text in found["findings"])
