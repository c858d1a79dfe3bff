# SPDX-License-Identifier: Apache-2.0
"""``perilscope market``: limits, sizes, trades and stresses of a small desk, by hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perilscope.cli import run
from perilscope.cycle.desk.desk import parse_trade
from perilscope.errors import MisuseError

DAYS = 300
BOOK = """
institution: {name: Desk, kind: hedge fund, net_assets: 1M}
currency: USD
as_of: 2026-10-27
tokens:
  USDC: {kind: stablecoin, peg: USD, issuer: circle}
  BTC: {kind: coin, daily_volume: 400k}
  ETH: {kind: coin, daily_volume: 100k}
venues:
  alpha: {name: Alpha, kind: exchange}
  beta: {name: Beta, kind: exchange}
  circle: {name: Circle, kind: issuer}
assets:
  cash: {kind: wallet, worth: 1M, basis: bank, owner: coo}
scenarios:
  theft: {story: Stolen., asset: cash, frequency: 1 in 50 years, magnitude: 10k, owner: ciso}
positions: positions.csv
prices: prices.csv
limits:
  - {measure: gross exposure, at_most: 1.5M, owner: cio}
  - {measure: net exposure, at_most: 800k, owner: cio}
  - {measure: leverage, at_most: 2, owner: cio}
  - {measure: concentration in one asset, at_most: 500k, owner: cro}
  - {measure: concentration in one strategy, at_most: 900k, owner: cro}
  - {measure: balance at one exchange, at_most: 700k, owner: coo}
  - {measure: days to liquidate, at_most: 12, owner: cro}
  - {measure: 1-day VaR 99 %, at_most: 100k, owner: cro}
  - {measure: 1-day CVaR 97.5 %, at_most: 30k, scope: strategy core, owner: cro}
  - {measure: contribution to 1-day CVaR 97.5 %, at_most: 5k, scope: strategy basis, owner: cro}
  - {measure: worst stress loss, at_most: 400k, owner: cro}
  - {measure: loss in stress 2022-11-09, at_most: 400k, owner: cro}
  - {measure: drawdown over 30 days, at_most: 300k, owner: cro}
"""
POSITIONS = """asset,quantity,venue,strategy
BTC,10,alpha,core
BTC,-2,beta,basis
ETH,100,beta,core
USDC,200000,alpha,cash
"""


@pytest.fixture
def book(tmp_path: Path) -> str:
    rng = np.random.default_rng(4)
    moves = rng.standard_normal((DAYS, 2)) * [0.02, 0.03]
    btc, eth = 40_000.0 * np.cumprod(1 + moves[:, 0]), 2_000.0 * np.cumprod(1 + moves[:, 1])
    btc, eth = btc / btc[-1] * 40_000.0, eth / eth[-1] * 2_000.0
    start = date(2026, 1, 1).toordinal()
    rows = ["date,BTC,ETH,USDC"]
    rows += [
        f"{date.fromordinal(start + k)},{float(btc[k])!r},{float(eth[k])!r},1.0"
        for k in range(DAYS)
    ]
    for name, text in (("book.yaml", BOOK), ("positions.csv", POSITIONS),
                       ("prices.csv", "\n".join(rows) + "\n")):  # fmt: skip
        (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / "book.yaml")


def asked(capsys: Any, *words: str, code: int = 0) -> dict[str, Any]:
    assert run(["market", *words, "--json", "-"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def closes(book: str) -> np.ndarray[Any, Any]:
    path = Path(book).parent / "prices.csv"
    return np.loadtxt(path, delimiter=",", skiprows=1, usecols=(1, 2, 3))


def cvar(losses: np.ndarray[Any, Any], level: float) -> float:
    """Mean of the worst part, the last day in it counted in part."""
    worst = np.sort(losses)[::-1]
    count = len(worst) * (1 - level)
    whole = int(count)
    return float((worst[:whole].sum() + (count - whole) * worst[whole]) / count)


def test_every_limit_by_hand(capsys: Any, book: str) -> None:
    found = asked(capsys, "limits", book)
    rows = {row["measure"]: row for row in found["limits"]}
    value = {measure: row["value"] for measure, row in rows.items()}
    assert value["gross exposure"] == pytest.approx(400e3 + 80e3 + 200e3 + 200e3)
    assert value["net exposure"] == pytest.approx(400e3 - 80e3 + 200e3 + 200e3)
    assert value["leverage"] == pytest.approx(0.88)
    assert value["concentration in one asset"] == pytest.approx(320e3)
    assert rows["concentration in one asset"]["subject"] == "BTC"
    assert value["concentration in one strategy"] == pytest.approx(600e3)
    assert value["balance at one exchange"] == pytest.approx(600e3)
    assert rows["balance at one exchange"]["subject"] == "alpha"
    assert value["days to liquidate"] == pytest.approx(200e3 / (0.1 * 100e3))
    assert rows["days to liquidate"]["state"] == "breached"
    moves = closes(book)[1:] / closes(book)[:-1] - 1
    core = -(moves[:, 0] * 400e3 + moves[:, 1] * 200e3)
    assert value["1-day CVaR 97.5 %"] == pytest.approx(cvar(core, 0.975), rel=1e-12)
    whole = -(moves[:, 0] * 320e3 + moves[:, 1] * 200e3)
    place = int(np.ceil(0.99 * len(whole))) - 1
    assert value["1-day VaR 99 %"] == pytest.approx(np.sort(whole)[place], rel=1e-12)
    stress = {row["id"]: row for row in asked(capsys, "stress", book)["episodes"]}
    ftx = stress["2022-11-09"]
    by_hand = -sum({"BTC": 320e3, "ETH": 200e3, "USDC": 200e3}[m["asset"]] * m["move"]
                   for m in ftx["moved"])  # fmt: skip
    assert value["loss in stress 2022-11-09"] == pytest.approx(by_hand)
    assert value["worst stress loss"] == pytest.approx(max(r["loss"] for r in stress.values()))
    last = closes(book)[-31:]
    path = (last / last[-1]) @ np.array([320e3, 200e3, 200e3])
    falls = max(path[i] - path[j] for i in range(31) for j in range(i, 31))
    assert value["drawdown over 30 days"] == pytest.approx(falls)
    for row in found["limits"]:
        assert row["headroom"] == pytest.approx(row["limit"] - row["value"])
        assert row["used"] == pytest.approx(row["value"] / row["limit"])


def test_overnight_is_the_same_lots_a_day_before(capsys: Any, book: str) -> None:
    rows = {row["measure"]: row for row in asked(capsys, "limits", book)["limits"]}
    btc, eth, _ = closes(book)[-2]
    assert rows["gross exposure"]["yesterday"] == pytest.approx(12 * btc + 100 * eth + 200e3)


def test_the_largest_trade_reaches_its_limit_and_no_more(capsys: Any, book: str) -> None:
    found = asked(capsys, "size", book, "BTC", "--venue", "beta", "--strategy", "basis")
    units = found["buy"]["units"]
    assert found["held"] == pytest.approx(8.0)
    assert found["buy"]["binding"] == "net exposure"
    assert units == pytest.approx((800e3 - 720e3) / 40e3, rel=2e-4)
    under = asked(capsys, "trade", book, f"buy {units * 0.999:.6f} BTC @ beta for basis")
    assert not under["refused"]
    over = asked(capsys, "trade", book, f"buy {units * 1.01:.6f} BTC @ beta for basis", code=3)
    assert [row["measure"] for row in over["limits"] if row["refused"]] == ["net exposure"]


def test_the_largest_perpetual_moves_no_balance(capsys: Any, book: str) -> None:
    """It keeps the limits that a trade of the same name is held against, and no more than they."""
    found = asked(capsys, "size", book, "BTC-PERP", "--venue", "beta", "--strategy", "basis")
    assert found["price"] == asked(capsys, "size", book, "BTC")["price"]
    for side in ("buy", "sell"):
        units = found[side]["units"]
        assert units > 0.0
        for times, code in ((0.999, 0), (1.001, 3)):
            order = f"{side} {units * times:.9f} BTC-PERP @ beta for basis"
            assert asked(capsys, "trade", book, order, code=code)["refused"] is (code == 3)
    assert "balance" not in found["buy"]["binding"]
    assert run(["market", "size", book, "XYZ-PERP"]) != 0
    assert "no price for XYZ at" in capsys.readouterr().err


def test_selling_what_is_held_takes_gross_exposure_down(capsys: Any, book: str) -> None:
    """12 BTC and 100 ETH either way and 200k of USDC: 880k before; shorts come after holdings."""

    def gross(text: str, code: int = 0) -> float:
        rows = asked(capsys, "trade", book, text, code=code)["limits"]
        return float(next(r["value"] for r in rows if r["measure"] == "gross exposure"))

    assert gross("sell 60 ETH @ beta for core") == pytest.approx(760e3)
    assert gross("sell 60 ETH") == pytest.approx(760e3)
    assert gross("sell 130 ETH @ beta") == pytest.approx(740e3)  # 100 closed, 30 short
    assert gross("sell 60 ETH @ alpha") == pytest.approx(1000e3)  # none is held there
    assert gross("buy 1 BTC @ beta for basis") == pytest.approx(840e3)  # a short is closed


def test_what_is_held_of_an_asset_counts_contracts_by_delta(capsys: Any, book: str) -> None:
    """An inverse contract is so many dollars, not coins: 8 BTC and 40,000 dollars make 9."""
    lots = Path(book).parent / "positions.csv"
    head, *rows = POSITIONS.splitlines()
    rows = [f"{head},instrument,entry,settled", *(f"{row},,," for row in rows)]
    rows.append("BTC,40000,beta,basis,perpetual,40000,inverse")
    lots.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert asked(capsys, "size", book, "BTC")["held"] == pytest.approx(9.0)


def test_a_trade_that_heals_a_breach_is_not_refused(capsys: Any, book: str) -> None:
    found = asked(capsys, "trade", book, "sell 10 ETH @ beta for core")
    rows = {row["measure"]: row for row in found["limits"]}
    assert rows["days to liquidate"]["state"] == "breached"
    assert rows["days to liquidate"]["value"] < rows["days to liquidate"]["before"]
    assert found["worth"] == pytest.approx(-20e3)
    risk = found["risk"][0]
    # CVaR is convex: the slope says no less than the step gives up
    assert risk["incremental"] >= risk["marginal"] - 1e-9
    assert risk["incremental"] == pytest.approx(risk["cvar"][1] - risk["cvar"][0])


def test_contributions_add_up_every_way(capsys: Any, book: str) -> None:
    found = asked(capsys, "contributions", book, "--days", "7", "--level", "0.95")
    for rows in found["contributions"].values():
        assert sum(row["cvar"] for row in rows) == pytest.approx(found["cvar"], rel=1e-12)
    assert {row["name"] for row in found["contributions"]["venue"]} == {"alpha", "beta"}
    assert "circle" in {row["name"] for row in found["contributions"]["issuer"]}


def test_the_morning_page_holds_the_day_s_result(capsys: Any, book: str) -> None:
    found = asked(capsys, "morning", book)
    before, now = closes(book)[-2], closes(book)[-1]
    loss = float((before - now) @ np.array([8.0, 100.0, 200e3]))
    assert found["result"]["loss"] == pytest.approx(loss)
    assert found["result"]["exceeded"] == (loss > found["result"]["var"])
    assert [row["asset"] for row in found["sizes"]] == ["BTC", "ETH"]
    assert run(["market", "morning", book]) == 0
    shown = capsys.readouterr().out
    assert "days to liquidate (ETH)" in shown
    assert "20 days" in shown


def test_a_run_holds_positions_against_the_same_limits(
    capsys: Any, book: str, tmp_path: Path
) -> None:
    assert run(["run", book, "--engine", "exact", "--out", str(tmp_path / "o"), "--json", "-"]) == 0
    rows = {row["measure"]: row for row in json.loads(capsys.readouterr().out)["limits"]}
    assert rows["leverage"]["value"] == pytest.approx(0.88)
    assert rows["leverage"]["unit"] == "times"
    assert rows["days to liquidate"]["breached"]
    page = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert "0.88x" in page
    assert "20 days" in page


@pytest.mark.parametrize("text", ["200 ETH", "buy ETH", "buy -3 ETH", "buy 0 ETH", "hold 3 ETH"])
def test_trades_that_cannot_be_read(text: str) -> None:
    with pytest.raises(MisuseError):
        parse_trade(text)


def test_trades_are_read_as_they_are_said() -> None:
    lot = parse_trade("BUY 1,500.5 sol @ kestrel")
    assert (lot.asset, lot.quantity, lot.venue) == ("sol", 1500.5, "kestrel")
    assert parse_trade("sell 2k ETH").quantity == -2000.0


def test_what_has_no_price_is_not_traded(capsys: Any, book: str) -> None:
    assert run(["market", "size", book, "XYZ"]) != 0
    assert "no price for XYZ" in capsys.readouterr().err


def test_contributions_of_strategies_are_budgets(capsys: Any, book: str) -> None:
    rows = {row["measure"]: row for row in asked(capsys, "limits", book)["limits"]}
    found = asked(capsys, "contributions", book)["contributions"]["strategy"]
    basis = next(row["cvar"] for row in found if row["name"] == "basis")
    assert rows["contribution to 1-day CVaR 97.5 %"]["value"] == pytest.approx(basis, rel=1e-12)


def test_least_cvar_is_less_than_every_mix(capsys: Any, book: str) -> None:
    found = asked(capsys, "propose", book, "--level", "0.95")
    after = {row["asset"]: row["after"] for row in found["trades"]}
    assert sum(after.values()) == pytest.approx(520e3)
    assert after["BTC"] <= 500e3 * (1 + 1e-9)  # the limit on one asset
    moves = closes(book)[1:] / closes(book)[:-1] - 1
    mixes = [
        cvar(-(moves[:, 0] * a + moves[:, 1] * (520e3 - a)), 0.95)
        for a in np.linspace(20e3, 500e3, 481)
    ]
    assert found["cvar"][1] <= min(mixes) * (1 + 1e-9)
    assert found["cvar"][0] == pytest.approx(
        cvar(-(moves[:, 0] * 320e3 + moves[:, 1] * 200e3), 0.95)
    )


def test_each_asset_bears_the_share_that_is_asked(capsys: Any, book: str) -> None:
    found = asked(
        capsys, "propose", book, "--level", "0.95", "--risk", "BTC=75", "--risk", "ETH=25"
    )
    shares = {row["asset"]: row["share"] for row in found["trades"]}
    one = 1 / (299 * 0.05)  # what one day is of the tail
    assert shares["BTC"] == pytest.approx(0.75, abs=one / 2)


@pytest.mark.parametrize(
    "words", [["--risk", "BTC=1"], ["--risk", "BTC=1", "--risk", "XYZ=1"], ["--level", "2"]]
)
def test_proposals_that_make_no_sense(capsys: Any, book: str, words: list[str]) -> None:
    assert run(["market", "propose", book, *words]) == 2
    assert capsys.readouterr().err


def test_liquidity_by_hand(capsys: Any, book: str) -> None:
    found = asked(capsys, "liquidity", book, "--weekend", "0.5")
    prices = closes(book)
    sales = {row["asset"]: row for row in found["sales"]}
    assert set(sales) == {"BTC", "ETH"}
    # 320,000 of BTC at 40,000 a working day: as of a Tuesday; three days, the weekend worth one
    assert sales["BTC"]["days"] == pytest.approx(9.0)
    assert sales["ETH"]["days"] > 20.0  # 200,000 at 10,000 a working day
    vol = np.std(np.diff(np.log(prices[-61:, 0])), ddof=1)
    assert sales["BTC"]["cost"] == pytest.approx(320e3 * vol * np.sqrt(320e3 / 400e3))
    moves = prices[1:] / prices[:-1] - 1.0
    once = -(moves[:, 0] * 320e3 + moves[:, 1] * 200e3)
    assert found["cvar"] == pytest.approx(cvar(once[: found["windows"]], 0.975), rel=0.3)
    assert found["adjusted_cvar"] > found["cvar"] + found["cost"]
    low, high = found["adjusted_cvar_interval"]
    assert low <= found["adjusted_cvar"] <= high
    venues = {row["name"]: row for row in found["concentration"]["venue"]["parts"]}
    assert venues["alpha"]["value"] == pytest.approx(600e3)
    assert found["concentration"]["issuer"]["parts"][0]["name"] == "circle"
    shares = [600 / 720, 120 / 720]
    assert found["concentration"]["venue"]["hhi"] == pytest.approx(sum(s * s for s in shares))


def test_liquidity_that_makes_no_sense(capsys: Any, book: str) -> None:
    assert run(["market", "liquidity", book, "--participation", "0"]) == 2
    assert run(["market", "liquidity", book, "--level", "0.3"]) == 2
    capsys.readouterr()


def test_a_simulation_of_the_book(capsys: Any, book: str) -> None:
    found = asked(capsys, "simulate", book, "--scenarios", "50000", "--level", "0.99")
    again = asked(capsys, "simulate", book, "--scenarios", "50000", "--level", "0.99",
                  "--threads", "1")  # fmt: skip
    assert found == again
    prices = np.log(closes(book))[:, :2]
    spread = np.sqrt(np.array([320e3, 200e3]) @ np.cov(np.diff(prices, axis=0).T) @ [320e3, 200e3])
    figure = found["figures"][0]
    assert 0.85 * 2.326 * spread < figure["var"] < 1.15 * 2.326 * spread  # the moves are normal
    assert figure["var_low"] < figure["var"] < figure["var_high"]
    assert run(["market", "simulate", book, "--level", "1.5"]) == 2
    capsys.readouterr()


def test_a_perpetual_hedges_without_moving_a_balance(capsys: Any, book: str) -> None:
    found = asked(capsys, "trade", book, "sell 8 BTC-PERP @ beta for basis")
    rows = {row["measure"]: row for row in found["limits"]}
    assert rows["net exposure"]["value"] == pytest.approx(200e3 + 200e3)  # ETH and USDC are left
    assert rows["gross exposure"]["value"] == pytest.approx(880e3 + 320e3)
    balance = rows["balance at one exchange"]
    assert balance["value"] == pytest.approx(balance["before"])
    slope, whole = found["risk"][0]["marginal"], found["risk"][0]["incremental"]
    assert slope < 0.0
    assert whole < 0.0


def test_what_stands_at_a_venue_by_positions_or_as_declared(capsys: Any, book: str) -> None:
    """Positions put 600k at alpha; gamma is declared only; beta is declared far from its 200k of
    ETH, which what is owed there (2 BTC) does not make less.
    """
    path = Path(book)
    written = path.read_text(encoding="utf-8")
    more = written.replace("Beta, kind: exchange}", "Beta, kind: exchange, holds: 400k}").replace(
        "  circle: {", "  gamma: {name: Gamma, kind: exchange, holds: 650k}\n  circle: {", 1
    )
    path.write_text(more, encoding="utf-8")
    found = asked(capsys, "limits", book)
    balance = {row["measure"]: row for row in found["limits"]}["balance at one exchange"]
    assert (balance["subject"], balance["value"]) == ("gamma", pytest.approx(650e3))
    assert "`beta` holds $400k as declared, but its positions $200k" in found["findings"]
    out = path.parent / "out"
    assert run(["run", book, "--out", str(out)]) == 0
    screen = " ".join(capsys.readouterr().out.split())
    assert "Warnings `beta` holds $400k as declared, but its positions $200k" in screen
    made = json.loads((out / "run.json").read_text(encoding="utf-8"))
    worth = {each["id"]: each["worth"] for each in made["inventory"]}
    assert worth["alpha"] == pytest.approx(600e3)  # nothing is declared: the positions there
    assert worth["beta"] == pytest.approx(400e3)  # the scenarios take what is declared


def test_contracts_count_in_the_balance_of_their_venue_everywhere(capsys: Any, book: str) -> None:
    """100 ETH at 2,000 bought at 1,900 on 30k of margin: 40k beside beta's 120k of units."""
    folder = Path(book).parent
    lots = """asset,quantity,venue,strategy,instrument,entry,margin
BTC,-2,beta,basis,,,
ETH,100,beta,core,,,
ETH,100,beta,core,perpetual,1900,30000
"""
    (folder / "positions.csv").write_text(lots, encoding="utf-8")
    want = 200e3 - 80e3 + 100 * 100 + 30e3
    found = asked(capsys, "limits", book)
    rows = {row["measure"]: row for row in found["limits"]}
    assert rows["balance at one exchange"]["value"] == pytest.approx(want)
    assert run(["run", book, "--out", str(folder / "out")]) == 0
    capsys.readouterr()
    made = json.loads((folder / "out" / "run.json").read_text(encoding="utf-8"))
    (limit,) = (row for row in made["limits"] if row["measure"] == "balance at one exchange")
    assert (limit["subject"], limit["value"]) == ("beta", pytest.approx(want))


def test_a_limit_of_a_part_is_held_against_the_part_everywhere(capsys: Any, book: str) -> None:
    """`run` and `market limits` by the same figure: the positions of the scope alone, by hand."""
    path = Path(book)
    more = """  - {measure: daily VaR 99 %, at_most: 30k, scope: basis, owner: cro}
  - {measure: weekly CVaR 95 %, at_most: 300k, scope: asset BTC, owner: cro}
  - {measure: 3-day VaR 99 %, at_most: 300k, owner: cro}
  - {measure: 1-day VaR 99 %, at_most: 300k, scope: strategy basics, owner: cro}
"""
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    found = asked(capsys, "limits", book)
    rows = {(row["measure"], row["scope"]): row for row in found["limits"]}
    moves = closes(book)[1:] / closes(book)[:-1] - 1.0
    short = np.sort(80e3 * moves[:, 0])  # 2 BTC sold: what they gain is lost
    level = short[int(np.ceil(0.99 * len(short))) - 1]
    assert rows["daily VaR 99 %", "strategy basis"]["value"] == pytest.approx(level, rel=1e-9)
    assert any("strategy basics: no position is of this strategy" in x for x in found["findings"])
    out = path.parent / "out"
    assert run(["run", book, "--out", str(out)]) == 0
    capsys.readouterr()
    made = json.loads((out / "run.json").read_text(encoding="utf-8"))
    told = {(row["measure"], row["scope"]): row for row in made["limits"]}
    for key in (
        ("daily VaR 99 %", "strategy basis"),
        ("weekly CVaR 95 %", "asset BTC"),
        ("3-day VaR 99 %", ""),
        ("1-day CVaR 97.5 %", "strategy core"),
    ):
        assert told[key]["value"] == pytest.approx(rows[key]["value"], rel=1e-12), key
    assert "chance_of_breach" not in told["daily VaR 99 %", "strategy basis"]
