# SPDX-License-Identifier: Apache-2.0
"""`capital`, `contributions` and `sensitivity` against sums over all that may happen, reckoned here
from the book's own words.
"""

from __future__ import annotations

import itertools
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from perilscope.cli import run

Floats = NDArray[np.float64]
TODAY = date(2026, 11, 20)
HEAD = """
institution: {name: Small, net_assets: 20M}
currency: USD
as_of: 2026-11-20
discount_rate: 0 % per year
"""
HELD = """
tokens: {BTC: coin, ETH: coin}
positions: positions.csv
prices: prices.csv
"""


def asked(folder: Path, book: str, capsys: Any, *command: str) -> dict[str, Any]:
    path = folder / "book.yaml"
    path.write_text(HEAD + book)
    name, *more = command
    assert run([name, str(path), "--json", "-", *more]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def market(folder: Path, positions: str, btc: Floats, eth: Floats) -> None:
    (folder / "positions.csv").write_text("asset,quantity,venue,strategy\n" + positions)
    first = TODAY - timedelta(len(btc) - 1)
    rows = [f"{first + timedelta(i)},{b!r},{e!r}" for i, (b, e) in enumerate(zip(btc, eth))]  # noqa: B905
    text = "\n".join(["date,BTC,ETH", *rows]) + "\n"
    (folder / "prices.csv").write_text(text.replace("np.float64(", "").replace(")", ""))


def worst(losses: Floats, chances: Floats, level: float) -> tuple[float, Floats]:
    """VaR, and the weights of the worst share of all outcomes; an atom at VaR is split."""
    order = np.argsort(losses, kind="stable")
    reached = np.cumsum(chances[order])
    var = float(losses[order][np.searchsorted(reached, level - 1e-12)])
    weights = np.where(losses > var, chances, 0.0)
    at = np.isclose(losses, var, rtol=1e-12, atol=1e-6)
    weights[at] = chances[at] / chances[at].sum() * (1.0 - level - weights[~at].sum())
    return var, weights / (1.0 - level)


# --- prices that stand still but for a network, so that all outcomes can be listed

STILL = """
venues:
  kraken: {kind: exchange, earns: 3 % per year}
  okx: {kind: exchange, earns: 1 % per year}
strategies: {core: {earns: 8 % per year}}
protocols: {pool: {deposit: 2M, earns: 10 % per year}}
assets: {vault: {kind: wallet, worth: 30M}}
networks:
  net:
    period: 1 year
    nodes: {mood: {states: [calm, up, down], table: [0.7, 0.2, 0.1]}}
    shocks: {mood: {up: {BTC: 60 %}, down: {BTC: -40 %, ETH: -50 %}}}
scenarios:
  fail:
    asset: kraken
    frequency: from net.mood=down
    counts: at most one a year
    magnitude: "discrete(250k: 50 %, 1M: 50 %)"
  exploit: {asset: pool, frequency: 0.04 per year, counts: at most one a year, magnitude: 2M}
  theft: {asset: vault, frequency: 0.1 per year, counts: at most one a year, magnitude: 20 BTC}
"""
PARTS = ("fail", "exploit", "theft", "BTC", "ETH")


def outcomes(calm: float = 0.7, up: float = 0.2, down: float = 0.1) -> tuple[Floats, Floats]:
    """Chances, and what each part loses: a million stands in each coin, thefts take another."""
    found = []
    for (chance, btc, eth), fail, exploit, theft in itertools.product(
        ((calm, 1.0, 1.0), (up, 1.6, 1.0), (down, 0.6, 0.5)),
        ((0.5, 2.5e5), (0.5, 1e6)),
        ((0.96, 0.0), (0.04, 2e6)),
        ((0.9, 0.0), (0.1, 1e6)),
    ):
        failed = fail[1] if eth < 1.0 else 0.0
        lost = (failed, exploit[1], theft[1] * btc, 1e6 * (1.0 - btc), 1e6 * (1.0 - eth))
        found.append((chance * fail[0] * exploit[0] * theft[0], *lost))
    every = np.array(found)
    return every[:, 0], every[:, 1:]


@pytest.fixture
def still(tmp_path: Path) -> Path:
    market(tmp_path, "BTC,20,kraken,core\nETH,500,okx,trend\n", np.full(90, 5e4), np.full(90, 2e3))
    return tmp_path


@pytest.mark.parametrize("level", [0.95, 0.975, 0.99])
def test_return_on_risk_capital_is_that_of_all_outcomes(
    level: float, still: Path, capsys: Any
) -> None:
    """(Income - expected loss) / (what is borne of CVaR - expected loss)."""
    found = asked(still, HELD + STILL, capsys, "capital", "--level", str(level))
    chances, lost = outcomes()
    var, weights = worst(lost.sum(axis=1), chances, level)
    assert found["enterprise"]["var"] == pytest.approx(var, rel=1e-3)
    assert found["enterprise"]["cvar"] == pytest.approx(weights @ lost.sum(axis=1), rel=1e-4)
    means, tails = (dict(zip(PARTS, by @ lost, strict=True)) for by in (chances, weights))
    own = {  # what is borne there, and what it earns
        "pool": (("exploit",), 0.10 * 2e6),
        "kraken": (("fail", "BTC"), 0.03 * 1e6),
        "okx": (("ETH",), 0.01 * 1e6),
        "core": (("BTC",), 0.08 * 1e6),
        "trend": (("ETH",), None),
    }
    rows = {row["id"]: row for row in found["returns"]}
    assert rows.keys() == own.keys()
    for name, (parts, income) in own.items():
        mean, tail = sum(means[p] for p in parts), sum(tails[p] for p in parts)
        row = rows[name]
        assert row["expected_loss"] == pytest.approx(mean, abs=0.1)
        assert row["cvar"] == pytest.approx(tail, rel=1e-4)
        assert row["income"] == (None if income is None else pytest.approx(income))
        wanted = None if income is None else (income - mean) / max(tail - mean, 0.0)
        assert row["return"] == (None if wanted is None else pytest.approx(wanted, rel=1e-3))


def test_thefts_of_coins_are_priced_on_their_day_in_each_layer_alone_and_at_worst(
    still: Path, capsys: Any
) -> None:
    """20 BTC cost 1.6M where BTC has risen: of the worst 1 % operations alone bear that, not 1.1M.

    At worst all layers, and all scenarios, have their bad years at once. It was reckoned at today's
    price, and everything together then stood above what no dependence can exceed.
    """
    level = 0.99
    chances, lost = outcomes()

    def alone(*places: int) -> float:
        mine = lost[:, list(places)].sum(axis=1)
        return float(worst(mine, chances, level)[1] @ mine)

    layers = {"operational": alone(0, 2), "protocol": alone(1), "market": alone(3, 4)}
    assert layers == pytest.approx({"operational": 1.6e6, "protocol": 2e6, "market": 9e5})
    told = asked(still, HELD + STILL, capsys, "contributions")["alone"]["0.99"]
    assert told["cvar"] == pytest.approx(layers, rel=5e-4)
    assert told["added"] == pytest.approx(4.5e6, rel=5e-4)
    found = asked(still, HELD + STILL, capsys, "capital")["worst_case"]
    assert found["layers"]["worst_cvar"] == pytest.approx(4.5e6, rel=5e-4)
    apart = alone(0) + alone(1) + alone(2) + alone(3, 4)
    assert found["scenarios"]["worst_cvar"] == pytest.approx(apart, rel=5e-4)


def test_slopes_by_a_root_of_three_states_are_those_of_moved_tables(
    still: Path, capsys: Any
) -> None:
    """The other two states give way in proportion; ALE is at today's prices."""
    prior = dict(zip(("calm", "up", "down"), (0.7, 0.2, 0.1), strict=True))

    def cvar(state: str, aside: float) -> float:
        moved = {k: p * (1 - prior[state] - aside) / (1 - prior[state]) for k, p in prior.items()}
        chances, lost = outcomes(**{**moved, state: prior[state] + aside})
        whole = lost.sum(axis=1)
        return float(worst(whole, chances, 0.99)[1] @ whole)

    found = asked(still, HELD + STILL, capsys, "sensitivity")
    told = {row["state"]: row for row in found["tables"]}
    assert told.keys() == prior.keys()
    slopes = {s: (cvar(s, 1e-4) - cvar(s, -1e-4)) / 2e-4 for s in prior}
    largest = max(map(abs, slopes.values()))
    for state, slope in slopes.items():
        assert told[state]["cvar_slope"] == pytest.approx(slope, abs=2e-4 * largest)
        # the failing venue costs 625k on average, in the state `down`
        share = 1.0 if state == "down" else -0.1 / (1.0 - prior[state])
        assert told[state]["ale_slope"] == pytest.approx(share * 625e3, rel=1e-6)
    (down,) = (x for x in found["states"] if x["state"] == "down")
    assert down["cvar_per_probability"] == pytest.approx(slopes["down"], abs=2e-4 * largest)


# --- bounds by linear programming over all joint laws

DISCRETE = """
assets: {a: {kind: other, worth: 30M}, b: {kind: other, worth: 30M}}
protocols: {pool: {deposit: 3M}}
scenarios:
  x:
    asset: a
    frequency: 0.04 per year
    counts: at most one a year
    magnitude: "discrete(1M: 50 %, 4M: 30 %, 7M: 20 %)"
  y:
    asset: b
    frequency: 0.3 per year
    counts: at most one a year
    magnitude: "discrete(300k: 50 %, 2M: 40 %, 5M: 10 %)"
  z:
    asset: pool
    frequency: 0.06 per year
    counts: at most one a year
    magnitude: "discrete(500k: 60 %, 3M: 40 %)"
"""
Law = tuple[Floats, Floats]
X = np.array([0, 1e6, 4e6, 7e6]), np.array([0.96, 0.02, 0.012, 0.008])
Y = np.array([0, 3e5, 2e6, 5e6]), np.array([0.7, 0.15, 0.12, 0.03])
Z = np.array([0, 5e5, 3e6]), np.array([0.94, 0.036, 0.024])


def added(one: Law, two: Law) -> Law:
    """The law of a sum of two that have nothing to do with each other."""
    return np.add.outer(one[0], two[0]).ravel(), np.multiply.outer(one[1], two[1]).ravel()


def programmed(laws: list[Law], level: float) -> dict[str, float]:
    """The least and most that VaR and CVaR may be over all joint laws with these margins."""
    joint = list(itertools.product(*(range(len(values)) for values, _ in laws)))
    sums = np.array([sum(laws[i][0][k] for i, k in enumerate(at)) for at in joint])
    margins = [[float(at[i] == k) for at in joint] for i, law in enumerate(laws)
               for k in range(len(law[0]))]  # fmt: skip
    known = np.concatenate([chances for _, chances in laws])

    def least(costs: Floats) -> float:
        return float(linprog(costs, A_eq=margins, b_eq=known, method="highs").fun)

    atoms = np.unique(sums)
    return {
        "worst_var": max(s for s in atoms if least(1.0 * (sums < s)) < level - 1e-9),
        "best_var": min(s for s in atoms if -least(-1.0 * (sums <= s)) >= level - 1e-9),
        "best_cvar": min(s + least(np.maximum(sums - s, 0)) / (1 - level) for s in atoms),
        "worst_cvar": sum(float(worst(*law, level)[1] @ law[0]) for law in laws),
    }


@pytest.mark.parametrize("level", [0.95, 0.975, 0.99, 0.999])
def test_bounds_whatever_the_dependence_are_those_of_linear_programs(
    level: float, tmp_path: Path, capsys: Any
) -> None:
    found = asked(tmp_path, DISCRETE, capsys, "capital", "--level", str(level))["worst_case"]
    for name, laws in (("scenarios", [X, Y, Z]), ("layers", [added(X, Y), Z])):
        for key, exact in programmed(laws, level).items():
            told = found[name][key]
            low, high = told if isinstance(told, list) else (told, told)
            assert low * (1 - 1e-9) <= exact <= high * (1 + 1e-9), (name, key)
            assert high - low <= 0.09 * exact, (name, key)


# --- capital that lasts, by all pairs of two slices


def wild() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(4)
    moves = 0.04 * rng.standard_t(5, 399)
    return 5e4 * np.exp(np.concatenate([[0.0], np.cumsum(moves)])), np.full(400, 2e3)


@pytest.mark.parametrize("stolen", [0.0, 0.3], ids=["holdings only", "holdings and a theft"])
def test_capital_that_lasts_two_slices_is_that_of_all_pairs(
    stolen: float, tmp_path: Path, capsys: Any
) -> None:
    """First passage over two independent months, each any of the past; 7 BTC are stolen in one
    with 1 - (1 - p)^(30 days in years) and cost what they do at its end.
    """
    btc, eth = wild()
    market(tmp_path, "BTC,20,,core\n", btc, eth)
    book = HELD + "horizon: 60 days\n"
    if stolen:
        book += f"""
assets: {{vault: {{kind: wallet, worth: 30M}}}}
scenarios:
  theft:
    asset: vault
    frequency: {stolen} per year
    counts: at most one a year
    magnitude: 7 BTC
"""
    found = asked(tmp_path, book, capsys, "capital", "--slices", "2", "--survival", "0.95")
    assert not found["notes"]
    lasting = found["lasting"]
    prices = btc[30:] / btc[:-30]
    prices /= prices.mean()  # no drift
    held = 20 * btc[-1] * (1.0 - prices)
    chance = 1.0 - (1.0 - stolen) ** (30 / 365.25)
    months = np.concatenate([held, held + 7 * btc[-1] * prices])
    each = np.repeat([1.0 - chance, chance], len(prices)) / len(prices)
    end = np.add.outer(months, months)
    most = np.maximum(months[:, None], end)
    pairs = np.multiply.outer(each, each)

    def ruined(capital: float) -> float:
        return float(pairs[most > capital].sum())

    step = lasting["step"]
    assert ruined(lasting["capital"] + step) <= 0.05 <= ruined(lasting["capital"] - step)
    assert lasting["capital"] == pytest.approx(
        worst(most.ravel(), pairs.ravel(), 0.95)[0], abs=step
    )
    assert lasting["var"] == pytest.approx(worst(end.ravel(), pairs.ravel(), 0.95)[0], abs=step)
    assert lasting["ruined"][0] == pytest.approx(each[months > lasting["capital"]].sum(), abs=2e-3)
    assert lasting["ruined_with_var"] == pytest.approx(ruined(lasting["var"]), abs=1e-3)


def test_a_book_of_holdings_alone_has_the_law_of_its_prices(tmp_path: Path, capsys: Any) -> None:
    """Over 30 days every span of the past is as likely as another. It was shown as no loss."""
    btc, eth = wild()
    market(tmp_path, "BTC,20,,core\n", btc, eth)
    found = asked(tmp_path, HELD + "horizon: 30 days\n", capsys, "capital", "--level", "0.95")
    prices = btc[30:] / btc[:-30]
    losses = 20 * btc[-1] * (1.0 - prices / prices.mean())
    var, weights = worst(losses, np.full(len(losses), 1 / len(losses)), 0.95)
    whole = found["enterprise"]
    assert whole["var"] == pytest.approx(var, rel=2e-3)
    assert whole["cvar"] == pytest.approx(weights @ losses, rel=1e-4)
    assert whole["mean"] == pytest.approx(0.0, abs=1e-3)


def test_a_share_of_a_venue_is_of_all_that_stands_there(tmp_path: Path, capsys: Any) -> None:
    """2 BTC are 100k; 50 ETH bought at 1,900 on a margin of 8k are 13k at 2,000; ten sold at 1,500
    and 20k owed count nothing and are not set off. Contracts there used to be left out.
    """
    market(tmp_path, "", np.full(90, 5e4), np.full(90, 2e3))
    (tmp_path / "positions.csv").write_text(
        "asset,quantity,venue,strategy,instrument,quote,entry,margin\n"
        "BTC,2,kraken,core,spot,,,\nUSD,-20000,kraken,core,cash,,,\n"
        "ETH,50,kraken,core,perpetual,USD,1900,8000\nETH,-10,kraken,core,perpetual,USD,1500,\n"
    )
    book = """
venues: {kraken: {kind: exchange, fails: {scenario: default, recovers: 0 %}}}
scenarios:
  default:
    asset: kraken
    frequency: 0.1 per year
    counts: at most one a year
    magnitude: 80 % of kraken
"""
    found = asked(tmp_path, HELD + book, capsys, "capital")
    (venue,) = found["counterparties"]
    assert venue["today"] == venue["at_failure"] == pytest.approx(113_000.0)
    assert venue["contracts"]["today"] == pytest.approx(13_000.0)
    run_ = asked(tmp_path, HELD + book, capsys, "run", "--engine", "exact", "--quiet")
    assert run_["enterprise"]["ale"] == pytest.approx(0.1 * 0.8 * 113_000.0)


def test_what_is_held_here_and_owed_there_is_borne_by_both(tmp_path: Path, capsys: Any) -> None:
    """20 BTC in one strategy and 20 sold in another are nothing in all: each bears what it would
    lose where everything loses most, one the opposite of the other. Both were shown as nothing.
    """
    market(
        tmp_path,
        "BTC,20,kraken,core\nBTC,-20,okx,hedge\nETH,500,okx,trend\n",
        np.full(90, 5e4),
        np.full(90, 2e3),
    )
    found = asked(tmp_path, HELD + STILL, capsys, "capital", "--level", "0.95")
    chances, lost = outcomes()
    whole = lost[:, [0, 1, 2, 4]].sum(axis=1)
    _, weights = worst(whole, chances, 0.95)
    mean, tail = (float(by @ lost[:, 3]) for by in (chances, weights))
    assert found["enterprise"]["cvar"] == pytest.approx(weights @ whole, rel=1e-4)
    rows = {row["id"]: row for row in found["returns"]}
    for name, side in (("core", 1.0), ("hedge", -1.0)):
        assert rows[name]["exposure"] == pytest.approx(1e6)
        assert rows[name]["expected_loss"] == pytest.approx(side * mean, abs=0.1)
        assert rows[name]["cvar"] == pytest.approx(side * tail, rel=1e-3)
