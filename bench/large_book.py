# SPDX-License-Identifier: Apache-2.0
"""A large institution as a book: 200 scenarios, 60 controls, 10 protocols, 4 networks, a desk.

The desk is that of ``desk_book``: 50 positions in 22 assets with 1,600 days of made-up prices.
Everything is the same each time it is written.
"""

from __future__ import annotations

import random
from pathlib import Path

import desk_book

SCENARIOS, CONTROLS, PROTOCOLS, THEFTS = 200, 60, 10, 20
_HEAD = """institution: {name: Large, kind: exchange, net_assets: 600M}
currency: USD
as_of: 2026-10-27
discount_rate: 5 % per year
positions: positions.csv
prices: prices.csv
networks: [usdc-peg.yaml, usdt-peg.yaml, cloud.yaml, staff.yaml]
venues:
  anchor: {name: Anchor, kind: custodian, holds: 80M}
  meridian: {name: Meridian, kind: exchange, holds: 20M}
  kestrel: {name: Kestrel, kind: exchange, holds: 12M}
limits:
  - {measure: expected loss per year, at_most: 90M, owner: board}
  - {measure: loss in a 1-in-100 year, at_most: 200M, owner: board}
  - {measure: mean loss beyond a 1-in-100 year, at_most: 300M, owner: board}
  - {measure: 1-day CVaR 97.5 %, at_most: 8M, scope: trading, owner: cro}
"""
_PEG = """id: {coin}-peg
period: 1 year
nodes:
  stress: {{asks: A year of stress?, states: [calm, stressed], table: [0.8, 0.2]}}
  reserves:
    asks: Do holders doubt the reserves?
    states: [sound, doubtful]
    parents: [stress]
    table: {{calm: [0.97, 0.03], stressed: [0.9, 0.1]}}
  depeg:
    asks: A close more than 2 % below a dollar?
    states: [no, yes]
    parents: [stress, reserves]
    table:
      calm: {{sound: [0.997, 0.003], doubtful: [0.8, 0.2]}}
      stressed: {{sound: [0.98, 0.02], doubtful: [0.5, 0.5]}}
shocks:
  depeg:
    yes: {{{token}: {shock} %}}
"""
_CAUSES = """id: {name}
period: 1 year
nodes:
  change: {{asks: A year of change?, states: [no, yes], table: [0.7, 0.3]}}
  load: {{asks: A busy year?, states: [usual, busy], table: [0.75, 0.25]}}
  failure:
    asks: Does it fail?
    states: [no, yes]
    parents: [change, load]
    table:
      no: {{usual: [0.97, 0.03], busy: [0.93, 0.07]}}
      yes: {{usual: [0.9, 0.1], busy: [0.8, 0.2]}}
  intrusion:
    asks: Does somebody come in?
    states: [no, yes]
    parents: [failure]
    table: {{no: [0.99, 0.01], yes: [0.85, 0.15]}}
"""
_DRIVERS = ("usdc-peg.depeg", "usdt-peg.depeg", "cloud.failure", "cloud.intrusion",
            "staff.failure", "staff.intrusion")  # fmt: skip


def written(folder: Path) -> Path:
    """Write the book, its networks, prices and positions into a folder; returns the book."""
    desk = desk_book.written(folder)
    tokens = desk.read_text().partition("tokens:\n")[2]
    draw = random.Random(11)
    for coin, shock in (("usdc", -12), ("usdt", -15)):
        text = _PEG.format(coin=coin, token=coin.upper(), shock=shock)
        (folder / f"{coin}-peg.yaml").write_text(text)
    for name in ("cloud", "staff"):
        (folder / f"{name}.yaml").write_text(_CAUSES.format(name=name))
    scenarios = [_scenario(k, draw) for k in range(SCENARIOS)]
    controls = [_control(k, draw) for k in range(CONTROLS)]
    assets = [
        f"  wallet-{k}: {{kind: wallet, worth: {draw.randint(2, 20)}M, basis: policy, owner: coo}}"
        for k in range(20)
    ]
    assets.append("  coins: {kind: wallet, holds: {BTC: 900, ETH: 9000}, basis: price, owner: coo}")
    parts = {
        "tokens": [tokens.rstrip()],
        "assets": assets,
        "protocols": [_protocol(k, draw) for k in range(PROTOCOLS)],
        "threats": [f"  threat-{k}: {{actor: outsiders, motive: theft}}" for k in range(21)],
        "scenarios": scenarios,
        "controls": controls,
    }
    text = _HEAD + "".join(f"{key}:\n" + "\n".join(rows) + "\n" for key, rows in parts.items())
    desk.write_text(text)
    return desk


def _scenario(k: int, draw: random.Random) -> str:
    """Each kind of scenario in turn; the protocols' first, then thefts counted in coins."""
    asset, counts = f"wallet-{k % 20}", ""
    low = draw.uniform(1e4, 2e5)
    size = f"{low:.0f} to {low * draw.uniform(5.0, 30.0):.0f}"
    often = f"1 in {draw.randint(2, 40)} years"
    if k < PROTOCOLS:
        asset = f"protocol-{k}"
        often, size = f"from {asset}.exploited", f'"pert(5 %, 55 %, 100 %) of {asset}"'
    elif k < PROTOCOLS + THEFTS:
        coin, most = (("BTC", 60), ("ETH", 900))[k % 2]
        asset, size = "coins", f"{draw.randint(2, most // 10)} to {most} {coin}"
    elif k % 7 == 0:
        often = f'"belief(gamma({draw.randint(2, 8)}, {draw.randint(4, 40)})) per year"'
    elif k % 7 == 1:
        often, counts = f"from {_DRIVERS[k % len(_DRIVERS)]}", "at most one a year"
    elif k % 7 == 2:
        size = f'"lognormal(p5={low:.0f}, p95={20 * low:.0f})"'
    elif k % 7 == 3:
        often = (
            f"{{threat_event_frequency: {draw.randint(2, 12)} per year, "
            f'vulnerability: "belief(beta(2, {draw.randint(30, 80)}))"}}'
        )
    elif k % 7 == 4:
        often, counts = f"{draw.randint(1, 4)} per year", "negative-binomial(1.5)"
    elif k % 7 == 5:
        size = f'"pert({low:.0f}, {2 * low:.0f}, {9 * low:.0f})"'
    threat = k % 21 if asset == "coins" else k // 20
    extra = f", counts: {counts}" if counts else ""
    return (
        f"  s{k}: {{story: S., asset: {asset}, threat: threat-{threat}, frequency: {often}, "
        f"magnitude: {size}{extra}, owner: ciso}}"
    )


def _control(k: int, draw: random.Random) -> str:
    """Cuts of one to four scenarios' factors, every fifth in place, most of them unsure."""
    first = PROTOCOLS + THEFTS
    by = ("frequency", "magnitude")[k % 2]
    hit = draw.sample(range(first, SCENARIOS), 1 + k % 4)
    cuts = ", ".join(
        f"s{j}: {draw.randint(20, 80)} % of {'magnitude' if j % 7 in (1, 3) else by}" for j in hit
    )
    sure = "" if k % 3 == 0 else ", sure: 15 % to 85 %"
    state = "in place" if k % 5 == 0 else "candidate"
    return (
        f"  c{k}: {{state: {state}, costs: {draw.randint(5, 90)}k per year, cuts: {{{cuts}}}"
        f"{sure}, owner: ciso}}"
    )


def _protocol(k: int, draw: random.Random) -> str:
    coin = ("USDC", "USDT")[k % 2]
    return (
        f"  protocol-{k}: {{deposit: {draw.randint(5, 40) * 100}k {coin}, earns: 6 % per year, "
        f"chain: ethereum, audits: {draw.randint(0, 5)}, live_for: {draw.randint(1, 6)} years, "
        f"admin: 4-of-7 multisig, timelock: 48 hours, tvl: {draw.randint(40, 900)}M, "
        f"oracle: chainlink, upgradeable: yes, owner: coo}}"
    )
