# SPDX-License-Identifier: Apache-2.0
"""Scorecards of protocols, drawn for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.cycle.amounts import money, points, probability, share
from perilscope.report.columns import figures, lay, words, wrapped
from perilscope.report.names import cleaned

WIDTH = 110
_BAR = 30

Shown = Mapping[str, Any]


def scored(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw a card for each protocol, and what hangs together."""
    run = cleaned(document)
    lines: list[Text] = []
    for card in run["protocols"]:
        lines += [*_card(card, run["currency"], width), Text()]
    return Group(*lines, *_together(run, width), *_scale(run, width))


def compared(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw protocols side by side: a row for each, the safest first."""
    run = cleaned(document)
    cards = sorted(run["protocols"], key=lambda card: card["probability"])
    columns = (
        words("protocol", 12, 28),
        figures("rating"),
        figures("exploited", "in a year"),
        figures("90 % interval"),
        words("mostly by", 6, 12),
        figures("then lost", "of all"),
        figures("costs us", "a year"),
        figures("worst 1 %", "of years"),
        words("most moved by", 14, 24),
    )
    rows = []
    for card in cards:
        position = card["position"] or {}
        rows.append(
            [
                (card["name"] or card["id"], "bold"),
                (card["rating"], ""),
                (probability(card["probability"]), ""),
                (_interval(card), ""),
                (max(card["causes"], key=card["causes"].get), ""),
                (share(card["severity"]["mean"]), ""),
                (money(position.get("expected"), run["currency"]), ""),
                (money(position["cvar"]["0.99"], run["currency"]) if position else "–", ""),
                (_most(card), "dim"),
            ]
        )
    lines = lay(columns, rows, width)
    return Group(*lines, Text(), *_together(run, width), *_scale(run, width))


def _card(card: Shown, currency: str, width: int) -> Iterator[Text]:
    name = card["name"] or card["id"]
    low, high = card["rating_range"]
    head = Text(f"{name}  ", "bold")
    head.append(f"{card['rating']}", "bold reverse")
    head.append(f"  {probability(card['probability'])} a year, {_interval(card)} with 90 %", "bold")
    head.append(f"  (rating {high} to {low})" if low != high else "", "dim")
    yield head
    base = card["base_rate"]
    text = (
        f"Before anything is known of it {probability(base['probability'])}: {base['what']} "
        f"({base['events']:g} in {base['protocol_years']:,.0f} protocol-years)."
    )
    yield from wrapped(text, width, 3, style="dim")
    yield from _causes(card, width)
    yield from _losses(card, currency, width)
    yield from _facts(card, width)
    for tie in card["relies_on"]:
        others = ", ".join(tie["with"])
        yield from wrapped(f"Shares {tie['kind']} {tie['name']} with {others}.", width, 3)
    if card["unread"]:
        text = f"Not understood, so left open: {'; '.join(card['unread'])}."
        yield from wrapped(text, width, 3, style="yellow")


def _causes(card: Shown, width: int) -> Iterator[Text]:
    causes = sorted(card["causes"].items(), key=lambda pair: -pair[1])
    top = max((p for _, p in causes), default=0.0) or 1.0
    rows = [
        [(cause, ""), (probability(p), ""), ("█" * round(p / top * _BAR) or "▏", "dim")]
        for cause, p in causes
    ]
    columns = (words("by cause", 8, 14), figures("a year"), words("", 8, _BAR))
    yield from lay(columns, rows, width)


def _losses(card: Shown, currency: str, width: int) -> Iterator[Text]:
    bands = ", ".join(
        f"{band['lost']} {share(band['probability'])}" for band in card["severity"]["bands"]
    )
    mean = share(card["severity"]["mean"])
    yield from wrapped(
        f"When it is exploited {mean} of what is locked is lost ({bands}).", width, 3
    )
    position = card["position"]
    if position is None:
        return
    low, high = (money(x, currency) for x in position["expected_range"])
    text = (
        f"Our {money(card['deposit'], currency)}, leaving {position['exits']}: "
        f"{share(position['share'])} lost on average, {money(position['expected'], currency)} a "
        f"year ({low} to {high}); the worst 1 % of years cost "
        f"{money(position['cvar']['0.99'], currency)} on average."
    )
    yield from wrapped(text, width, 4)
    if position["by_exit"]:
        told = ", ".join(f"{each['exits']} {share(each['share'])}" for each in position["by_exit"])
        yield from wrapped(f"Lost of it by who leaves first: {told}.", width, 3, style="dim")


def _facts(card: Shown, width: int) -> Iterator[Text]:
    if card["factors"]:
        rows = [
            [(f["name"].replace("_", " "), ""), (str(f["value"]), ""), (points(f["effect"]), "")]
            for f in card["factors"]
        ]
        columns = (words("what is known", 14, 24), words("", 14, 60), figures("does"))
        yield from lay(columns, rows, width)
    if card["changes"]:
        rows = [
            [(_change(c), ""), (probability(c["probability"]), ""), (_about(c), "dim")]
            for c in card["changes"]
        ]
        columns = (words("what would change it most", 24, 48), figures("then"), words("", 8, 20))
        yield from lay(columns, rows, width)


def _change(change: Shown) -> str:
    return f"{change['name'].replace('_', ' ')}: {change['state']}"


def _most(card: Shown) -> str:
    names = [change["name"].replace("_", " ") for change in card["changes"][:1]]
    return names[0] if names else ""


def _about(change: Shown) -> str:
    return "declared otherwise" if change["known"] else "not known yet"


def _interval(card: Shown) -> str:
    return f"{probability(card['low'])} to {probability(card['high'])}"


def _together(run: Shown, width: int) -> Iterator[Text]:
    if not run["together"]:
        return
    rows = [
        [(" and ".join(pair["protocols"]), ""), (", ".join(pair["shared"]), ""),
         (probability(pair["both"]), ""), (probability(pair["if_independent"]), "dim")]
        for pair in run["together"]
    ]  # fmt: skip
    columns = (
        words("exploited in the same year", 20, 40),
        words("share", 12, 50),
        figures("chance"),
        figures("if they did", "not share"),
    )
    yield from lay(columns, rows, width)
    yield Text()


def _scale(run: Shown, width: int) -> Iterator[Text]:
    told = ", ".join(
        f"{each['rating']} below {probability(each['below'])}" for each in run["ratings"][:-1]
    )
    yield from wrapped(f"Ratings by the chance a year: {told}, D above.", width, 4, style="dim")
