# SPDX-License-Identifier: Apache-2.0
"""Market figures of small portfolios, and what they say when the data are thin."""

from __future__ import annotations

import math
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perilscope.book import MarketSettings, NetNode, Network
from perilscope.errors import AssessmentError
from perilscope.evidence.prices import History
from perilscope.layers import network_evidence
from perilscope.layers.market import METHODS, MarketResult, market
from perilscope.layers.shocks import scenario_sets, shocks_of

START = date(2020, 1, 1)


def history(
    days: int, *, seed: int = 5, assets: tuple[str, ...] = ("BTC", "ETH", "USDC")
) -> History:
    rng = np.random.default_rng(seed)
    common = 0.02 * rng.standard_t(4, days)
    columns = [0.01 * rng.standard_t(4, days) + common for _ in assets]
    columns[-1] = 0.0005 * rng.standard_normal(days)
    closes = np.exp(np.cumsum(np.clip(np.stack(columns, axis=1), -0.4, 0.4), axis=0))
    return History(assets, tuple(START + timedelta(d) for d in range(days)), closes)


def peg(
    p: str = "0.02", *, shocks: Any = None, period: str = "1 year", name: str = "usdc-peg"
) -> Network:
    q = str(1 - float(p))
    nodes = {"depeg": NetNode(id="depeg", table=[[q, p]])}
    shocks = {"depeg": {"yes": {"USDC": "-12 %"}}} if shocks is None else shocks
    return Network(id=name, period=period, nodes=nodes, shocks=shocks)


def book(*networks: Network, default: str = "historical", drift: str | None = None) -> Any:
    return SimpleNamespace(
        currency="USD",
        networks={net.id: net for net in networks},
        market=MarketSettings(default=default, **({"drift": drift} if drift else {})),
    )


VALUES = {"BTC": 3e6, "ETH": 2e6, "USDC": 9e6}


def run(declared: Any, *, days: int = 900, evidence: Any = None, **more: Any) -> MarketResult:
    values = more.pop("values", VALUES)
    past = more.pop("past", None) or history(days)
    return market(values, past, network_evidence.drivers(declared, evidence), declared, **more)


def test_every_method_horizon_and_level_has_a_figure_inside_its_interval() -> None:
    found = run(book(peg()))
    assert tuple(found.methods) == METHODS
    for name, by_days in found.methods.items():
        assert list(by_days) == [1, 7, 10]
        for by_level in by_days.values():
            assert list(by_level) == [0.95, 0.975, 0.99]
            for figure in by_level.values():
                assert figure.cvar >= figure.var > 0
                assert figure.var_low <= figure.var_high, name
                assert figure.cvar_low <= figure.cvar <= figure.cvar_high, name
            vars_ = [f.var for f in by_level.values()]
            assert vars_ == sorted(vars_)
    assert found.value == 14e6
    assert (found.first, found.last, found.days_used) == (START, START + timedelta(899), 900)
    assert found.findings == ()


def test_contributions_add_up_to_cvar_under_every_method() -> None:
    for method in METHODS:
        found = run(book(peg(), default=method), drift=0.05)
        assert found.default_method == method
        cvar = found.methods[method][found.contributions_days][found.contributions_level].cvar
        assert math.fsum(c.cvar for c in found.contributions) == pytest.approx(cvar, rel=1e-9)
        assert math.fsum(c.share for c in found.contributions) == pytest.approx(1.0, abs=1e-12)
        assert {c.asset: c.value for c in found.contributions} == VALUES


def test_drift_is_zero_unless_declared_and_moves_only_the_parametric_methods() -> None:
    still, rising = run(book(peg())), run(book(peg()), drift=0.10)
    assert still.drift == 0.0
    assert "zero" in still.note
    assert "10 % a year" in rising.note
    gain = 14e6 * (1.1 ** (7 / 365.25) - 1)
    for name in ("normal", "student-t"):
        before, after = still.methods[name][7][0.99], rising.methods[name][7][0.99]
        assert before.var - after.var == pytest.approx(gain, rel=1e-9)
        assert before.cvar - after.cvar == pytest.approx(gain, rel=1e-9)
    for name in ("historical", "hybrid"):
        assert still.methods[name] == rising.methods[name]


def test_evidence_on_the_network_moves_the_hybrid_method_and_no_other() -> None:
    declared = book(peg())
    before, after = run(declared), run(declared, evidence={"usdc-peg.depeg": "yes"})
    for name in ("historical", "normal", "student-t"):
        assert before.methods[name] == after.methods[name]
    for days in (1, 7, 10):
        for level in (0.95, 0.975, 0.99):
            assert (
                after.methods["hybrid"][days][level].cvar
                > before.methods["hybrid"][days][level].cvar
            )
    (shocked,) = after.shocked
    assert shocked.node == "usdc-peg.depeg"
    assert shocked.probability_period == shocked.probability_horizon == 1.0
    # one day, all of the tail is the shock: 12 % of what is held, on top of the day's move
    assert shocked.cvar_with > shocked.cvar_without + 0.12 * 9e6 * 0.8


def test_without_the_node_hybrid_is_historical() -> None:
    found = run(book(peg()))
    (shocked,) = found.shocked
    historical = found.methods["historical"][shocked.days][shocked.level]
    assert shocked.cvar_without == pytest.approx(historical.cvar, rel=1e-12)
    assert shocked.cvar_with == found.methods["hybrid"][shocked.days][shocked.level].cvar
    assert shocked.probability_horizon == pytest.approx(1 - 0.98 ** (10 / 365.25), rel=1e-12)
    bare = run(book())
    assert bare.shocked == ()
    for days, levels in bare.methods["hybrid"].items():
        for level, figure in levels.items():
            assert figure.cvar == pytest.approx(
                bare.methods["historical"][days][level].cvar, rel=1e-12
            )


def test_a_monthly_network_weighs_more_than_a_yearly_one() -> None:
    yearly, monthly = run(book(peg())), run(book(peg(period="1 month")))
    assert monthly.shocked[0].probability_horizon == pytest.approx(
        1 - 0.98 ** (10 / 365.25 * 12), rel=1e-12
    )
    assert monthly.shocked[0].cvar_with > yearly.shocked[0].cvar_with


def test_states_of_one_node_the_costliest_counts() -> None:
    net = Network(
        id="peg",
        nodes={
            "depeg": NetNode(
                id="depeg", states=("full", "no", "partial"), table=[["0.1", "0.6", "0.3"]]
            )
        },
        shocks={"depeg": {"full": {"USDC": "-50 %"}, "partial": {"USDC": "-5 %"}}},
    )
    declared = book(net)
    sets = scenario_sets(
        network_evidence.drivers(declared), shocks_of(declared), {"USDC": 1.0}, 731
    )
    law = {round(float(s.factors[0]), 12): s.probability for s in sets}
    years = 731 / 365.25
    assert law[1.0] == pytest.approx(0.6**years, rel=1e-12)
    assert law[0.95] == pytest.approx(0.9**years - 0.6**years, rel=1e-12)
    assert law[0.5] == pytest.approx(1 - 0.9**years, rel=1e-12)


def test_a_short_position_gains_from_a_depeg() -> None:
    found = run(book(peg()), values={"BTC": 3e6, "USDC": -9e6}, evidence={"usdc-peg.depeg": "yes"})
    assert found.shocked[0].cvar_with < found.shocked[0].cvar_without


def test_two_networks_are_independent_and_shocks_multiply() -> None:
    declared = book(
        peg("0.3"), peg("0.2", name="bank", shocks={"depeg": {"yes": {"USDC": "-50 %"}}})
    )
    sets = scenario_sets(
        network_evidence.drivers(declared), shocks_of(declared), {"USDC": 1.0, "BTC": 1.0}, 10
    )
    law = {tuple(np.round(s.factors, 12)): s.probability for s in sets}
    a, b = 1 - 0.7 ** (10 / 365.25), 1 - 0.8 ** (10 / 365.25)
    assert law[0.44, 1.0] == pytest.approx(a * b, rel=1e-9)
    assert law[0.88, 1.0] == pytest.approx(a * (1 - b), rel=1e-9)
    assert law[1.0, 1.0] == pytest.approx((1 - a) * (1 - b), rel=1e-12)


def test_few_days_warn_where_they_are_too_few() -> None:
    found = run(book(peg()), days=300)
    (text,) = found.findings
    assert "300 days of prices are few for" in text
    assert "10-day 99 %" in text
    assert "1-day 95 %" not in text
    assert run(book(peg()), days=520).findings == ()
    assert "10-day 99 %" in run(book(peg()), days=490).findings[0]


def test_a_horizon_without_enough_days_is_left_out() -> None:
    found = run(book(peg()), days=18)
    assert list(found.methods["historical"]) == [1, 7]
    assert any("no 10-day figures" in text for text in found.findings)
    with pytest.raises(AssessmentError, match="too few for any horizon"):
        run(book(peg()), days=8)


def test_what_has_no_history_stands_still_but_can_be_shocked() -> None:
    values = {**VALUES, "sUSDe": 1e6}
    net = peg(shocks={"depeg": {"yes": {"sUSDe": "-30 %"}}})
    found = run(book(net), values=values, evidence={"usdc-peg.depeg": "yes"})
    assert any("no price history of sUSDe" in text for text in found.findings)
    plain, hybrid = found.methods["historical"][1][0.99], found.methods["hybrid"][1][0.99]
    assert hybrid.cvar == pytest.approx(plain.cvar + 0.3e6, rel=1e-9)
    with pytest.raises(AssessmentError, match="no price history of anything"):
        run(book(net), values={"sUSDe": 1e6})


def test_a_shock_on_something_not_held_is_said() -> None:
    found = run(book(peg(shocks={"depeg": {"yes": {"DAI": "-12 %"}}})))
    assert "usdc-peg.depeg moves DAI, of which nothing is held" in found.findings


def test_a_method_that_cannot_be_fitted_is_left_out_and_named() -> None:
    past = history(600)
    closes = np.array(past.closes)
    closes[:, 2] = 1.0
    still = History(past.assets, past.days, closes)
    found = run(book(default="student-t"), past=still, values={"USDC": 1e6})
    assert found.methods["historical"][1][0.99].cvar == 0.0
    assert found.default_method in found.methods


def test_too_many_joint_states_leave_out_the_hybrid_method() -> None:
    nets = [
        peg("0.3", name=f"n{i}", shocks={"depeg": {"yes": {"USDC": f"-{i + 1}.{i} %"}}})
        for i in range(9)
    ]
    found = run(book(*nets, default="hybrid"))
    assert "hybrid" not in found.methods
    assert found.default_method == "historical"
    assert any("more than 256 joint states" in text for text in found.findings)


def test_the_same_run_gives_the_same_bits_and_the_seed_moves_only_intervals() -> None:
    declared = book(peg())
    first, again, other = run(declared), run(declared), run(declared, seed=2)
    assert first == again
    assert first.losses.tobytes() == again.losses.tobytes()
    for name in METHODS:
        for days, levels in first.methods[name].items():
            for level, figure in levels.items():
                moved = other.methods[name][days][level]
                assert (figure.var, figure.cvar) == (moved.var, moved.cvar)
    assert first.methods["hybrid"] != other.methods["hybrid"]
