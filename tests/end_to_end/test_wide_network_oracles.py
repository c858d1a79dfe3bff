# SPDX-License-Identifier: Apache-2.0
"""A book whose network drives more events than can be listed, against listing them here."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

import perilscope
from perilscope.cycle.questions.sensitivity import sensitivity as look
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import open_workspace
from perilscope.errors import AssessmentError

from . import chained

COUNT = 15
"""Events of one network: 32,768 joint states, more than are listed."""
SIZES = [100_000 * (1 + (7 * i) % 11) for i in range(COUNT)]
"""What each event costs; whole steps of 100,000."""

HEAD = """
institution: {name: Wide, kind: hedge fund}
currency: USD
as_of: 2026-11-20
assets: {desk: {kind: other, worth: 5M}}
networks:
  net:
    period: 1 year
    nodes:
      market: {states: [calm, stressed], table: [0.85, 0.15]}
"""
HELD = """
positions: positions.csv
prices: prices.csv
market: {stale_after_days: 30}
tokens: {ETH: {kind: coin}}
"""


def row(i: int, before: int) -> float:
    """P(v_i = yes) given the market (first of three) or the node before."""
    if i % 3 == 0:
        return (0.04 + 0.003 * i, 0.3)[before]
    return (0.03, 0.55 - 0.02 * i)[before]


def book() -> str:
    alert = "      alert: {parents: [v2], table: {no: [0.9, 0.1], yes: [0.25, 0.75]}}\n"
    return HEAD + chained.nodes(COUNT, row) + alert + "scenarios:\n" + chained.scenarios(SIZES)


def law(alert: bool) -> dict[float, float]:
    """Law of the loss by all joint states, 2^16 of them."""
    found: dict[float, float] = {}
    for p, _, hits in chained.states(COUNT, row):
        loss = float(np.dot(hits, SIZES))
        found[loss] = found.get(loss, 0.0) + p * ((0.1, 0.75)[hits[2]] if alert else 1.0)
    whole = sum(found.values())
    return {loss: found[loss] / whole for loss in sorted(found)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wide") / "book.yaml"
    path.write_text(book())
    return path


@pytest.mark.parametrize("alert", [False, True])
def test_a_network_too_wide_to_list_is_answered_as_if_it_were(written: Path, alert: bool) -> None:
    evidence = {"alert": "yes"} if alert else {}
    run = perilscope.quantify(written, engine="exact", evidence=evidence).document
    found, exact = run["enterprise"], law(alert)
    losses, chances = np.array(list(exact)), np.array(list(exact.values()))
    assert found["ale"] == pytest.approx(float(losses @ chances), rel=1e-10)
    assert found["probability_of_loss"] == pytest.approx(1.0 - exact[0.0], rel=1e-10)
    mean = float(losses @ chances)
    assert found["sd"] == pytest.approx(float(chances @ (losses - mean) ** 2) ** 0.5, rel=1e-9)
    sums = np.cumsum(chances)
    for level in ("0.95", "0.975", "0.99", "0.999"):
        k = int(np.searchsorted(sums, float(level)))
        cvar = losses[k] + float(chances @ np.maximum(losses - losses[k], 0.0)) / (1 - float(level))
        assert found["var"][level] == pytest.approx(losses[k])
        assert found["cvar"][level] == pytest.approx(cvar, rel=1e-9)
    for x, p in found["exceedance"]:
        assert p == pytest.approx(float(chances[losses > x + 1.0].sum()), abs=1e-10)
    each = {row["id"]: row for row in run["scenarios"]}
    assert sum(row["ale"] for row in each.values()) == pytest.approx(mean, rel=1e-10)


def with_market(folder: Path, text: str) -> str:
    """The book with 600 ETH, whose prices are written beside it."""
    rng = np.random.default_rng(11)
    steps = np.cumsum(rng.standard_t(5, 500) * 0.03)
    closes = (np.exp(steps - steps[-1]) * 2000.0).tolist()
    days = [date(2026, 11, 20) - timedelta(days=499 - k) for k in range(500)]
    rows = [f"{day},{close:.6f}" for day, close in zip(days, closes, strict=True)]
    (folder / "prices.csv").write_text("\n".join(["date,ETH", *rows]) + "\n")
    (folder / "positions.csv").write_text("asset,quantity,venue\nETH,600,\n")
    return text.replace("assets:", HELD + "assets:", 1)


def test_with_a_market_both_ways_agree_and_slopes_are_those_of_other_books(
    tmp_path: Path, written: Path
) -> None:
    text = with_market(tmp_path, written.read_text())
    # one of the losses is counted in coins
    coins = f"magnitude: {SIZES[5]}"
    assert coins in text
    worth = f"magnitude: {SIZES[5] / 2000:g} ETH"
    (tmp_path / "book.yaml").write_text(text.replace(coins, worth, 1))
    run = perilscope.quantify(tmp_path, years=200_000).document
    found = run["enterprise"]
    assert abs(found["simulated"]["gap"]) <= 4.0
    assert found["mean"] == pytest.approx(run["enterprise_without_market"]["ale"], rel=1e-6)
    said = [row["what"] for row in run["findings"] if row["where"] == "networks.net"]
    assert any("too many to be listed" in what for what in said)
    said = [row["what"] for row in run["findings"] if row["where"] == "scenarios.s5"]
    assert any("today's price" in what for what in said)
    split = found["contributions"]["scenarios"]
    assert sum(row["cvar"] for row in split) == pytest.approx(found["cvar"]["0.99"], rel=1e-9)
    assert all(row["cvar"] > 0.0 for row in split)
    causes = {row["node"]: row for row in found["causes"] if row["state"] == "yes"}
    marginal = run["networks"]["net"]
    for i in range(COUNT):
        row = causes[f"v{i}"]
        assert row["probability"] == pytest.approx(marginal[f"v{i}"]["yes"], rel=1e-9)
        assert row["given_tail"] > row["probability"]
        assert row["cvar_per_probability"] > 0.0
    # slopes by table entry against runs of books with other tables
    exact = Settings(engine="exact")
    told = look(open_workspace(tmp_path, exact), exact, estimates=False)
    tables = {row["entry"]: row for row in told["tables"]}
    entry = tables["P(v3=yes | market=stressed)"]
    text = (tmp_path / "book.yaml").read_text()
    old = "v3: {parents: [market], table: {calm: [0.951, 0.049], stressed: [0.7, 0.3]}}"
    assert old in text

    def cvar(p: float) -> float:
        new = text.replace(old, old.replace("[0.7, 0.3]", f"[{1 - p:.9g}, {p:.9g}]"))
        (tmp_path / "book.yaml").write_text(new)
        return float(
            perilscope.quantify(tmp_path, engine="exact").document["enterprise"]["cvar"]["0.99"]
        )

    assert entry["cvar_slope"] == pytest.approx((cvar(0.32) - cvar(0.28)) / 0.04, rel=2e-3)
    ends = next(row for row in told["tables"] if row["entry"] == "P(market=stressed)")
    low, high = ends["values"]
    assert (low, high) == pytest.approx((0.15 / 1.85, 0.3 / 1.15))
    old = "market: {states: [calm, stressed], table: [0.85, 0.15]}"
    assert old in text
    new = text.replace(old, old.replace("[0.85, 0.15]", f"[{1 - high:.9g}, {high:.9g}]"))
    (tmp_path / "book.yaml").write_text(new)
    other = perilscope.quantify(tmp_path, engine="exact").document["enterprise"]["cvar"]["0.99"]
    assert ends["cvar"][1] == pytest.approx(other, rel=1e-6)


def test_slopes_take_in_what_lines_read_from_the_network_as_a_number(
    tmp_path: Path, written: Path
) -> None:
    """The alert is also a vulnerability: an entry above it acts in both ways."""
    text = with_market(tmp_path, written.read_text())
    text += """  told:
    asset: desk
    frequency: {threat_event_frequency: 3 per year, vulnerability: from net.alert}
    magnitude: 2M
"""
    path = tmp_path / "book.yaml"
    path.write_text(text)
    exact = Settings(engine="exact")
    told = look(open_workspace(tmp_path, exact), exact, estimates=False)
    entry = next(x for x in told["tables"] if x["entry"] == "P(v1=yes | v0=yes)")
    old = f"[{1 - row(1, 1):.9g}, {row(1, 1):.9g}]"
    assert text.count(f"v1: {{parents: [v0], table: {{no: [0.97, 0.03], yes: {old}}}}}") == 1

    def cvar(p: float) -> float:
        path.write_text(text.replace(f"yes: {old}", f"yes: [{1 - p:.9g}, {p:.9g}]", 1))
        found = perilscope.quantify(tmp_path, engine="exact").document["enterprise"]
        return float(found["cvar"]["0.99"])

    p = row(1, 1)
    assert entry["cvar_slope"] == pytest.approx((cvar(p + 0.02) - cvar(p - 0.02)) / 0.04, rel=2e-3)


def test_another_horizon_than_the_period_is_refused_with_the_reason(written: Path) -> None:
    with pytest.raises(AssessmentError, match="over its own period alone"):
        perilscope.quantify(written, engine="exact", horizon="6 months")
