# SPDX-License-Identifier: Apache-2.0
"""``perilscope market backtest --file``: every statistic of a file, by its name."""

from __future__ import annotations

import io
import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from perilscope.cli import run

Z, TAIL = 1.959963984540054, 2.3378027922014133
NAMES = [
    "traffic-light", "binomial", "kupiec-pof", "kupiec-tuff", "christoffersen-independence",
    "christoffersen-conditional-coverage", "time-between-failures",
    "time-between-failures-independence", "weibull-duration", "dq", "berkowitz", "berkowitz-tail",
    "pit-uniformity", "z1", "z2", "z3", "mcneil-frey", "mcneil-frey-standardised", "esr-strict",
    "esr-auxiliary", "esr-intercept", "du-escanciano-unconditional", "du-escanciano-conditional",
    "costanzino-curran", "nolde-ziegel-simple", "nolde-ziegel-simple-one-sided",
    "nolde-ziegel-general", "nolde-ziegel-general-one-sided", "e-backtest", "e-backtest-var",
    "quantile-score", "fz0", "fzg", "diebold-mariano", "model-confidence-set",
    "pla-spearman", "pla-kolmogorov-smirnov",
]  # fmt: skip


def table(path: Path, columns: dict[str, np.ndarray], start: date = date(2025, 1, 1)) -> str:
    names = list(columns)
    rows = zip(*(columns[name] for name in names), strict=True)
    lines = [",".join(["date", *names])]
    for k, row in enumerate(rows):
        cells = [repr(float(cell)) for cell in row]
        lines.append(",".join([(start + timedelta(k)).isoformat(), *cells]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def forecasts(seed: int = 1, n: int = 500, wider: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sd = 0.02 * np.exp(0.3 * np.sin(np.arange(n) / 25))
    return {
        "loss": wider * sd * rng.standard_normal(n), "var": Z * sd, "cvar": TAIL * sd,
        "mean": 0.0 * sd, "sd": sd,
    }  # fmt: skip


def asked(capsys: Any, *words: str, code: int = 0) -> Any:
    assert run(["market", "backtest", *words, "--json", "-"]) == code
    return json.loads(capsys.readouterr().out) if code == 0 else capsys.readouterr().err


def test_every_statistic_has_its_name(capsys: Any, tmp_path: Path) -> None:
    columns = forecasts()
    columns |= {"hypothetical": -columns["loss"], "theoretical": -1.01 * columns["loss"]}
    found = asked(capsys, "--file", table(tmp_path / "f.csv", columns))
    assert sorted(found["tests"]) == sorted(NAMES)
    for name, row in found["tests"].items():
        if name in ("diebold-mariano", "model-confidence-set"):
            assert "another forecaster" in row["reason"]
            continue
        assert row["applicable"], (name, row["reason"])
        assert math.isfinite(row["statistic"]), name
        score = name in ("quantile-score", "fz0", "fzg")
        assert row["p_value"] is None if score else 0.0 <= row["p_value"] <= 1.0, name
    assert found["law"] == "normal laws with the stated mean and sd"
    loss, var, cvar = columns["loss"], columns["var"], columns["cvar"]
    count = int((loss > var).sum())
    assert found["exceptions"] == count
    want = stats.binomtest(count, 500, 0.025).pvalue
    assert found["tests"]["binomial"]["p_value"] == pytest.approx(want)
    fz0 = np.maximum(loss - var, 0) / (0.025 * cvar) + var / cvar + np.log(cvar) - 1
    assert found["tests"]["fz0"]["statistic"] == pytest.approx(fz0.mean())
    z2 = 1 - (loss / cvar)[loss > var].sum() / (500 * 0.025)
    assert found["tests"]["z2"]["statistic"] == pytest.approx(z2)
    assert found["tests"]["weibull-duration"]["parameters"]["b"] > 0


def test_what_lacks_a_column_is_told_and_not_invented(capsys: Any, tmp_path: Path) -> None:
    columns = forecasts()
    bare = {name: columns[name] for name in ("loss", "var")}
    found = asked(capsys, "--file", table(tmp_path / "f.csv", bare))["tests"]
    assert sorted(found) == sorted(NAMES)
    assert found["z1"] == {
        "statistic": None, "p_value": None, "parameters": {}, "applicable": False,
        "reason": "there is no column cvar", "title": "Acerbi-Szekely Z1", "family": "CVaR",
    }  # fmt: skip
    assert found["berkowitz"]["reason"] == "there is no column mean"
    able = {name for name, row in found.items() if row["applicable"]}
    assert able == {*NAMES[:10], "e-backtest-var", "quantile-score"}


def test_the_tail_is_taken_from_cvar_where_no_law_is_stated(capsys: Any, tmp_path: Path) -> None:
    columns = forecasts()
    some = {name: columns[name] for name in ("loss", "var", "cvar")}
    found = asked(capsys, "--file", table(tmp_path / "f.csv", some))["tests"]
    assert found["z2"]["parameters"]["drawn_from"] == "exponential"
    assert found["z3"]["reason"] == "there is no column mean"


def test_a_pit_of_their_own(capsys: Any, tmp_path: Path) -> None:
    columns = forecasts()
    u = stats.norm.cdf(columns["loss"] / columns["sd"])
    stated = {name: columns[name] for name in ("loss", "var", "cvar")} | {"pit": u}
    one = asked(capsys, "--file", table(tmp_path / "f.csv", columns))["tests"]
    two = asked(capsys, "--file", table(tmp_path / "g.csv", stated))["tests"]
    for name in ("berkowitz", "du-escanciano-unconditional", "costanzino-curran"):
        assert one[name]["statistic"] == pytest.approx(two[name]["statistic"], rel=1e-9)


@pytest.mark.parametrize("where", ["none", "one", "all"])
def test_none_one_and_all_exceptions(capsys: Any, tmp_path: Path, where: str) -> None:
    columns = forecasts(n=250)
    loss = np.full(250, -1.0) + 0.001 * np.arange(250)
    if where == "one":
        loss[100] = 1.0
    if where == "all":
        loss = loss + 3.0
    found = asked(capsys, "--file", table(tmp_path / "f.csv", columns | {"loss": loss}))
    for name, row in found["tests"].items():
        if row["applicable"]:
            assert math.isfinite(row["statistic"]), name
            assert row["p_value"] is None or 0.0 <= row["p_value"] <= 1.0, name
        else:
            assert row["reason"], name
    absent = {name for name, row in found["tests"].items() if not row["applicable"]}
    if where == "none":
        assert "z1" in absent
        assert "z2" not in absent
        assert found["tests"]["traffic-light"]["parameters"]["zone"] == "green"
        assert found["tests"]["kupiec-pof"]["statistic"] == pytest.approx(-500 * math.log(0.975))
    if where == "all":
        assert found["tests"]["traffic-light"]["parameters"]["zone"] == "red"
        assert found["tests"]["z2"]["p_value"] < 0.001


def test_several_files_are_ranked(capsys: Any, tmp_path: Path) -> None:
    good = forecasts(n=400)
    flat = good | {"var": np.full(400, 0.08), "cvar": np.full(400, 0.1)}
    ours, theirs = table(tmp_path / "ours.csv", good), table(tmp_path / "theirs.csv", flat)
    found = asked(capsys, "--file", theirs, "--file", ours)
    ranking = found["comparison"]["ranking"]
    assert [row["name"] for row in ranking] == [ours, theirs]
    assert ranking[1]["diebold_mariano"]["statistic"] > 2
    assert found["comparison"]["model_confidence_set"]["parameters"]["members"] == [ours]
    assert set(found["forecasts"]) == {ours, theirs}
    worse = found["forecasts"][theirs]["tests"]
    assert worse["diebold-mariano"]["p_value"] == ranking[1]["diebold_mariano"]["p_value"]
    assert worse["model-confidence-set"]["parameters"] == {"in_set": False}
    assert not found["forecasts"][ours]["tests"]["diebold-mariano"]["applicable"]
    curves = found["comparison"]["murphy"]
    assert len(curves["var"][ours]) == len(curves["thresholds"])


def test_what_cannot_be_asked(capsys: Any, tmp_path: Path) -> None:
    path = table(tmp_path / "f.csv", forecasts(n=30))
    for level in ("0.5", "1", "97.5", "nan"):
        assert "level" in asked(capsys, "--file", path, "--level", level, code=2)
    assert "no such file" in asked(capsys, "--file", str(tmp_path / "no.csv"), code=1)
    assert "given twice" in asked(capsys, "--file", path, "--file", path, code=2)
    other = table(tmp_path / "g.csv", forecasts(seed=2, n=30))
    assert "different losses" in asked(capsys, "--file", path, "--file", other, code=2)
    late = table(tmp_path / "h.csv", forecasts(n=30), date(2030, 1, 1))
    assert "no day in common" in asked(capsys, "--file", path, "--file", late, code=2)
    assert "--file" in asked(capsys, code=2)


def test_one_row_and_a_file_too_short_for_most(capsys: Any, tmp_path: Path) -> None:
    found = asked(capsys, "--file", table(tmp_path / "f.csv", forecasts(n=1)))
    assert found["tests"]["kupiec-pof"]["applicable"]
    assert not found["tests"]["dq"]["applicable"]
    assert any("so few tell little" in text for text in found["findings"])


def test_the_same_bits_again_and_a_chart(capsys: Any, tmp_path: Path) -> None:
    path = table(tmp_path / "f.csv", forecasts(n=300))
    chart = tmp_path / "f.svg"
    one = asked(capsys, "--file", path, "--out", str(chart))
    assert one == asked(capsys, "--file", path)
    assert chart.read_text(encoding="utf-8").startswith("<svg")
    assert run(["market", "backtest", "--file", path]) == 0
    shown = capsys.readouterr().out
    assert "kupiec-pof" in shown
    assert all(len(line) <= 110 for line in shown.splitlines())


# --- our own models, rolled -----------------------------------------------------------------------


def closes(path: Path, n: int = 420) -> str:
    rng = np.random.default_rng(3)
    walk = {"BTC": 0.02, "ETH": 0.03}
    columns = {a: 1e3 * np.exp(np.cumsum(s * rng.standard_t(5, n))) for a, s in walk.items()}
    return table(path, columns)


def test_models_rolled_over_weights(capsys: Any, tmp_path: Path) -> None:
    prices = closes(tmp_path / "p.csv")
    words = ["--prices", prices, "--weights", "BTC=0.6,ETH=0.4", "--days", "120", "--window", "250"]
    found = asked(capsys, *words, "--method", "historical", "--method", "normal")
    assert found["methods"] == ["historical", "normal"]
    assert found["days"] == 120
    assert found["last"] == (date(2025, 1, 1) + timedelta(419)).isoformat()
    one = found["forecasts"]["historical"]
    data = np.loadtxt(prices, delimiter=",", skiprows=1, usecols=(1, 2))
    loss = -((data[1:] / data[:-1] - 1) @ [0.6, 0.4])
    assert one["series"]["loss"] == pytest.approx(loss[-120:])
    before = np.sort(loss[-370:-120])
    assert one["series"]["var"][0] == pytest.approx(before[math.ceil(250 * 0.975) - 1])
    single = asked(capsys, *words, "--method", "historical")
    assert single["tests"]["kupiec-pof"] == one["tests"]["kupiec-pof"]
    assert single["portfolio"] == "BTC 0.6, ETH 0.4"
    first = (date(2025, 1, 1) + timedelta(419 - 370)).isoformat()
    since = asked(capsys, *words, "--method", "historical", "--from", first)
    assert since["tests"]["kupiec-pof"] == single["tests"]["kupiec-pof"]
    later = (date(2025, 1, 1) + timedelta(419 - 369)).isoformat()
    late = asked(capsys, *words, "--method", "historical", "--from", later, code=2)
    assert "give more history" in late


def test_a_tournament_and_its_log(capsys: Any, tmp_path: Path) -> None:
    prices, log = closes(tmp_path / "p.csv"), tmp_path / "champions.json"
    words = ["market", "tournament", "--prices", prices, "--weights", "BTC=0.6,ETH=0.4"]
    words += ["--days", "120", "--window", "200", "--method", "historical", "--method", "normal"]
    for _ in range(2):  # the second time nothing is new
        assert run([*words, "--log", str(log), "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)
    assert set(found["subjects"]) == {"BTC", "ETH", "portfolio"}
    for played in found["subjects"].values():
        assert played["champion"] in ("historical", "normal")
        assert played["changes"][-1]["champion"] == played["champion"]
    kept = json.loads(log.read_text(encoding="utf-8"))["changes"]
    assert len(kept) == sum(len(each["changes"]) for each in found["subjects"].values())
    assert run(words) == 0
    assert "champion" in capsys.readouterr().out
    assert run([*words, "--from", "2026-01-01"]) == 2
    assert "give more history" in " ".join(capsys.readouterr().err.split())
    log.write_text("[]", encoding="utf-8")
    assert run([*words, "--log", str(log)]) == 1
    assert "not a log of champions" in capsys.readouterr().err


def test_what_cannot_be_rolled(capsys: Any, tmp_path: Path) -> None:
    prices = closes(tmp_path / "p.csv", 100)
    words = ["--prices", prices, "--weights", "BTC=1"]
    assert "give more history" in asked(capsys, *words, "--method", "normal", code=2)
    short = ["--days", "30", "--window", "60"]
    assert "did you mean" in asked(capsys, *words, *short, "--method", "norml", code=2)
    assert "SOL" in asked(capsys, "--prices", prices, "--weights", "SOL=1", *short, code=2)
    assert "not both" in asked(capsys, "--file", prices, *words, code=2)


def test_stressed_cvar_by_hand(capsys: Any, tmp_path: Path) -> None:
    """The worst 365 days of BTC alone, scaled by all factors today over BTC today (MAR33.6)."""
    rng = np.random.default_rng(12)
    sd = np.where(np.arange(1500) < 500, 0.06, 0.03)[:, None]
    moves = np.clip(sd * rng.standard_normal((1500, 2)), -0.5, 0.5)
    moves[:, 1] = 0.7 * moves[:, 0] + 0.3 * moves[:, 1]
    levels = 100 * np.cumprod(1 + moves, axis=0)
    rows = ["date,BTC,SOL"]
    for k, (b, e) in enumerate(levels):
        late = repr(float(e)) if k >= 700 else ""
        rows.append(f"{date(2020, 1, 1) + timedelta(k)},{float(b)!r},{late}")
    path = tmp_path / "p.csv"
    path.write_text("\n".join(rows))
    words = ["market", "frtb", "--prices", str(path), "--weights", "BTC=0.8,SOL=0.2", "--json", "-"]
    assert run([*words, "--liquidity", "SOL=20", "--reduced", "BTC"]) == 0
    told = json.loads(capsys.readouterr().out)
    found, capital, multiplier = told["stress"], told["capital"], told["multiplier"]
    ten = levels[10:] / levels[:-10] - 1

    def cvar(losses: np.ndarray) -> float:
        worst, count = np.sort(losses)[::-1], len(losses) * 0.025
        whole = int(count)
        return float((worst[:whole].sum() + (count - whole) * worst[whole]) / count)

    alone = -0.8 * ten[:, 0]
    worst = max(cvar(alone[k : k + 356]) for k in range(len(alone) - 355))
    now = -(ten @ [0.8, 0.2])[-356:]
    full = math.hypot(cvar(now), cvar(-0.2 * ten[-356:, 1]))
    assert found["stressed_reduced"] == pytest.approx(worst)
    assert found["current_full"] == pytest.approx(full)
    assert found["current_reduced"] == pytest.approx(cvar(alone[-356:]))
    assert 0.75 < found["explained"] < 1.0
    assert found["cvar"] == pytest.approx(worst * full / cvar(alone[-356:]))
    assert found["interval"][0] < found["cvar"] < found["interval"][1]
    assert found["first"] < "2021-05-15"  # the wild days are the first 500

    def day(back: int) -> float:
        end = len(ten) - back
        known = max(cvar(alone[k : k + 356]) for k in range(end - 355))
        some = ten[end - 356 : end]
        whole = math.hypot(cvar(-(some @ [0.8, 0.2])), cvar(-0.2 * some[:, 1]))
        return float(known * max(whole / cvar(alone[end - 356 : end]), 1.0))

    days = [day(back) for back in range(60)]
    assert capital["days"] == 60
    assert capital["modelled_average"] == pytest.approx(np.mean(days))
    assert capital["amount"] == pytest.approx(max(days[0], multiplier * np.mean(days)))
    assert capital["interval"][0] < capital["amount"] < capital["interval"][1]
    assert run([*words, "--liquidity", "SOL=40", "--unmodelled", "SOL"]) == 0
    found = json.loads(capsys.readouterr().out)
    seldom = -0.2 * ten[700:, 1]
    worst_alone = max(math.sqrt(4.0) * cvar(seldom[k : k + 356]) for k in range(len(seldom) - 355))
    assert found["stress"]["assets"] == ["BTC"]
    assert found["capital"]["unmodelled"][0]["loss"] == pytest.approx(worst_alone)
    assert found["capital"]["unmodelled"][0]["days"] == 40
    assert found["capital"]["stress_scenarios"] == pytest.approx(worst_alone)
    assert found["capital"]["modelled"] == pytest.approx(worst)
    added = found["multiplier"] * worst + found["capital"]["stress_scenarios_average"]
    assert found["capital"]["amount"] == pytest.approx(added)
    assert run([*words[:-2], "--unmodelled", "SOL"]) == 0
    assert "for what cannot be modelled (SOL" in " ".join(capsys.readouterr().out.split())
    assert run([*words, "--unmodelled", "BTC,SOL"]) == 2
    assert "left to model" in capsys.readouterr().err
    assert run([*words, "--reduced", "SOL"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["stress"]["cvar"] is None
    assert found["capital"] is None
    assert "less than 75 %" in found["stress"]["why"]


def test_attribution_of_anybody_s_profits(capsys: Any, tmp_path: Path) -> None:
    """Zones, and the p-values the standard prints beside its distances for 250 days (MAR32.42)."""
    from scipy import stats

    assert stats.kstwobign.sf(0.09 * math.sqrt(125)) == pytest.approx(0.264, abs=0.001)
    assert stats.kstwobign.sf(0.12 * math.sqrt(125)) == pytest.approx(0.055, abs=0.001)
    rng = np.random.default_rng(5)
    ours = rng.standard_normal(300)
    path = tmp_path / "pnl.csv"
    for noise, shift, zone in ((0.1, 0.0, "green"), (0.8, 0.0, "amber"), (0.1, 0.5, "red")):
        model = ours + noise * rng.standard_normal(300) + shift
        lines = [f"{date(2025, 1, 1) + timedelta(k)},{float(a)!r},{float(b)!r}"
                 for k, (a, b) in enumerate(zip(ours, model, strict=True))]  # fmt: skip
        path.write_text("date,hypothetical,theoretical\n" + "\n".join(lines))
        assert run(["market", "frtb", "--pla", str(path), "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)["attribution"]
        rank = stats.spearmanr(ours[-250:], model[-250:]).statistic
        gap = stats.ks_2samp(ours[-250:], model[-250:]).statistic
        assert found["tests"]["spearman"]["statistic"] == pytest.approx(rank)
        assert found["tests"]["kolmogorov-smirnov"]["statistic"] == pytest.approx(gap)
        want = ("red" if rank < 0.7 or gap > 0.12 else
                "green" if rank > 0.8 and gap < 0.09 else "amber")  # fmt: skip
        assert found["zone"] == want == zone
        assert found["days"] == 250
    path.write_text("date,hypothetical\n2025-01-01,1\n")
    assert run(["market", "frtb", "--pla", str(path)]) == 1
    assert "there is no column theoretical" in capsys.readouterr().err
    assert run(["market", "frtb"]) == 2


def test_liquidity_horizons_by_hand(capsys: Any, tmp_path: Path) -> None:
    prices = closes(tmp_path / "p.csv", 700)
    words = ["market", "frtb", "--prices", prices, "--weights", "BTC=0.6,ETH=0.4"]
    assert run([*words, "--liquidity", "ETH=40", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    data = np.loadtxt(prices, delimiter=",", skiprows=1, usecols=(1, 2))
    moves = data[10:] / data[:-10] - 1

    def cvar(losses: np.ndarray) -> float:
        worst, count = np.sort(losses)[::-1], len(losses) * 0.025
        whole = int(count)
        return float((worst[:whole].sum() + (count - whole) * worst[whole]) / count)

    both, eth = cvar(-moves @ [0.6, 0.4]), cvar(-0.4 * moves[:, 1])
    assert [row["cvar"] for row in found["horizons"]] == pytest.approx([both, eth])
    assert found["cvar"] == pytest.approx(math.sqrt(both**2 + 3.0 * eth**2))
    assert found["interval"][0] < found["cvar"] < found["interval"][1]
    daily = data[1:] / data[:-1] - 1
    loss = -(daily @ [0.6, 0.4])
    hits = sum(loss[t] > np.sort(loss[t - 365 : t])[math.ceil(0.99 * 365) - 1]
               for t in range(len(loss) - 250, len(loss)))  # fmt: skip
    assert found["exceptions"] == hits
    assert found["capital"]["modelled"] == pytest.approx(found["stress"]["cvar"])
    assert run([*words, "--liquidity", "ETH=15"]) == 2
    assert run([*words, "--liquidity", "SOL=20"]) == 2
    assert run(words) == 0
    assert "liquidity horizons" in capsys.readouterr().out


def test_without_a_method_the_quick_models_are_taken(capsys: Any, tmp_path: Path) -> None:
    from perilscope.cycle.desk.rolling import QUICK

    prices = closes(tmp_path / "p.csv", 200)
    words = ["--prices", prices, "--weights", "BTC=1", "--days", "30", "--window", "150"]
    found = asked(capsys, *words)
    assert set(found["methods"]) == set(QUICK)
    assert len(found["comparison"]["ranking"]) == len(QUICK)


@pytest.mark.parametrize("width", [80, 110])
def test_pages_keep_their_width(tmp_path: Path, width: int) -> None:
    from rich.console import Console

    from perilscope.cycle.desk.backtest import of_files
    from perilscope.report.backtest import backtest

    ours = Path(table(tmp_path / "a-file-with-quite-a-long-name.csv", forecasts(n=150)))
    theirs = Path(table(tmp_path / "theirs.csv", forecasts(n=150) | {"cvar": np.full(150, 0.09)}))
    for files in ([ours], [ours, theirs]):
        console = Console(width=300, record=True, file=io.StringIO())
        console.print(backtest(of_files(files, 0.975), width=width))
        assert max(len(line) for line in console.export_text().splitlines()) <= width
