# SPDX-License-Identifier: Apache-2.0
"""``perilscope network new``: every template is a network that a book takes and a run can use."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

import perilscope
from perilscope.book import load_text
from perilscope.cli import run
from perilscope.cycle.networks.scaffold import TEMPLATES, concentration, depeg_rate, scaffold
from perilscope.engines.networks import elimination
from perilscope.errors import MisuseError
from perilscope.layers import networks

BOOK = """
institution: {{name: Small Fund, kind: hedge fund, net_assets: 20M}}
currency: USD
as_of: 2026-11-20
tokens:
  USDC: {{kind: stablecoin, peg: USD}}
assets:
  treasury: {{kind: wallet, worth: 5M, basis: market price, owner: coo}}
networks:
  {name}:
{network}
scenarios:
  it-happens:
    story: It happens.
    asset: treasury
    frequency: {frequency}
    {vulnerability}
    counts: at most one a year
    magnitude: 5 % of treasury
    owner: coo
"""
DRIVES = {
    "depeg": ("depeg", ["threshold=5 %", "days=2"]),
    "chain": ("halt", []),
    "counterparty": ("default", ["kind=custodian"]),
    "keys": ("compromise", []),
    "staff": ("transfer", []),
}


def once(rate: float) -> float:
    return -math.expm1(-rate)


def book(template: str, settings: list[str]) -> str:
    text = scaffold(template, "net", settings)
    inner = "\n".join("    " + line for line in text.splitlines() if not line.startswith("id:"))
    return BOOK.format(name="net", network=inner, frequency="1 per year", vulnerability="")


def network(template: str, settings: list[str]) -> Any:
    return networks.network(load_text(book(template, settings)).networks["net"])


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_drives_a_scenario(template: str, tmp_path: Path) -> None:
    node, settings = DRIVES[template]
    text = book(template, settings).replace("frequency: 1 per year", f"frequency: from net.{node}")
    path = tmp_path / "book.yaml"
    path.write_text(text, encoding="utf-8")
    found = perilscope.quantify(path, engine="exact").document
    chance = found["networks"]["net"][node]["yes"]
    assert found["enterprise"]["ale"] == pytest.approx(0.05 * 5e6 * chance, rel=1e-9)
    assert found["network_details"]["net"]["nodes"]


@pytest.mark.parametrize(
    ("template", "node", "settings", "chance"),
    [
        ("depeg", "depeg", ["chance=3 %"], 0.03),
        ("depeg", "depeg", ["threshold=5 %", "days=2"], once(depeg_rate(0.05, 2, "reserves"))),
        ("depeg", "depeg", ["backing=other"], once(depeg_rate(0.02, 1, "other"))),
        ("chain", "halt", ["halt=11 %"], 0.11),
        ("chain", "rewrite", [], 0.002),
        ("counterparty", "default", ["kind=bank"], 0.005),
        ("counterparty", "default", ["chance=1 in 30"], 1 / 30),
        ("keys", "compromise", ["chance=0.4 %"], 0.004),
        ("staff", "click", ["clicks=4 %"], 0.04),
        ("staff", "transfer", [], 0.005),
    ],
)
def test_the_overall_chance_is_what_is_asked_for(
    template: str, node: str, settings: list[str], chance: float
) -> None:
    net = network(template, settings)
    # three digits stand in the text
    assert elimination.marginal(net, node)["yes"] == pytest.approx(chance, rel=5e-3)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_worse_state_never_helps(template: str) -> None:
    """First states are the good ones: knowing a later one of any cause raises the end."""
    net = network(template, [])
    last = DRIVES[template][0]
    for node in net.above([last]):
        if node.name != last:
            known = [
                elimination.marginal(net, last, {node.name: state})["yes"] for state in node.states
            ]
            assert known == sorted(known), node.name


def test_rates_of_pegs_are_near_their_counts() -> None:
    """Years with such a close, of 21.5 coin-years: each within its own Poisson noise."""
    counts = {0.005: 9, 0.01: 6, 0.02: 4, 0.03: 2, 0.05: 2, 0.10: 1}
    for threshold, count in counts.items():
        mean = 21.5 * depeg_rate(threshold, 1, "other")
        assert abs(count - mean) < 1.0 * math.sqrt(mean) + 0.5
    for threshold, count in {0.005: 7, 0.01: 2, 0.02: 1, 0.10: 1}.items():
        mean = 21.5 * depeg_rate(threshold, 2, "other")
        assert abs(count - mean) < 1.5 * math.sqrt(mean) + 0.5


def test_concentration_by_hand() -> None:
    assert concentration([25, 25, 25, 25]) == (0.25, 2)
    assert concentration([1] * 100) == (0.01, 34)
    assert concentration([40, 60]) == (0.52, 1)
    # a third exactly is not more than a third
    assert concentration([1, 1, 1]) == (round(1 / 3, 12), 2)


def test_what_is_measured_of_a_chain_is_observed() -> None:
    text = scaffold("chain", "eth", ["shares=10,9,8,7" + ",1" * 66, "clients=70,30", "token=ETH"])
    assert re.findall(r"observed: (\S+)", text) == ["spread", "dominant"]
    assert "4 operators hold more than a third" in text
    assert "yes: {ETH: -8 %}" in text


@pytest.mark.parametrize(
    ("template", "settings", "what"),
    [
        ("peg", [], "no template is called"),
        ("depeg", ["coins=USDC"], "has the settings"),
        ("depeg", ["threshold=120 %"], "is above 1"),
        ("depeg", ["days=soon"], "days=soon"),
        ("depeg", ["coin={evil}"], "a plain word"),
        ("depeg", ["backing=hope"], "reserves or other"),
        ("chain", ["shares=a,b"], "numbers with commas"),
        ("chain", ["finality=soon"], "minutes, hours"),
        ("counterparty", ["kind=friend"], "exchange, custodian"),
        ("keys", ["chance=0"], "more than 0"),
    ],
)
def test_settings_that_make_no_sense(template: str, settings: list[str], what: str) -> None:
    with pytest.raises(MisuseError, match=what):
        scaffold(template, "net", settings)


def test_the_command_lists_writes_and_does_not_write_over(capsys: Any, tmp_path: Path) -> None:
    assert run(["network", "new"]) == 0
    assert "threshold=2 %" in capsys.readouterr().out
    assert run(["network", "new", "keys"]) == 0
    assert "compromise:" in capsys.readouterr().out
    out = tmp_path / "peg.yaml"
    words = ["network", "new", "depeg", "--id", "usdt-peg", "--set", "coin=USDT", "--out", str(out)]
    assert run(words) == 0
    assert "id: usdt-peg" in out.read_text(encoding="utf-8")
    assert run(words) == 2
    assert "--force" in capsys.readouterr().err
