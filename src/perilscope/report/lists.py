# SPDX-License-Identifier: Apache-2.0
"""The three lists of the summary: scenarios, controls and limits, each able to give way.

A list that must be shorter keeps its first rows and those that may not be missed (what decides
a bad year, a breached limit), and sums up the others in one last line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perilscope.cycle import amounts
from perilscope.report.columns import Cell, Column, figures, words
from perilscope.report.names import basis, limited

DECIDES = 0.25
"""A scenario with at least this share of the bad year is marked."""
MATTERS = 0.1
"""One with at least this share is shown before others that are larger on average."""
_MARK = "<<"
Row = list[Cell]


@dataclass(frozen=True)
class Listing:
    """One list: its columns, its rows in order, and how it sums up what it leaves out.

    Parameters
    ----------
    columns : tuple of Column
        What each row holds.
    rows : tuple
        All rows, in the order in which they are shown.
    must : frozenset of int
        Places of rows that are kept before others.
    rest : callable
        Places of the rows left out, to the line that sums them up.
    least : int
        Fewest lines the list wants.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    must: frozenset[int]
    rest: Callable[[Sequence[int]], Row]
    least: int

    @property
    def header_lines(self) -> int:
        """Lines above the rows."""
        return max(len(column.header) for column in self.columns)

    def cut(self, lines: int) -> list[Row]:
        """Return at most ``lines`` rows, the last one summing up what does not fit."""
        if len(self.rows) <= lines:
            return list(self.rows)
        wanted = sorted(range(len(self.rows)), key=lambda place: (place not in self.must, place))
        kept = sorted(wanted[: max(lines - 1, 0)])
        left = [place for place in range(len(self.rows)) if place not in kept]
        return [*(self.rows[place] for place in kept), self.rest(left)]


def scenarios(run: Mapping[str, Any], *, narrow: bool = False) -> Listing:
    """Return the register by its average, with each share of the bad year beside it.

    On a narrow screen the header takes two lines.
    """
    title: tuple[str, ...] = ("Where it comes from",)
    average: tuple[str, ...] = ("share of average",)
    span = amounts.span(run["horizon_years"])
    bad: tuple[str, ...] = (f"of 1-in-100 {span}",)
    if narrow:
        title, average, bad = (*title, ""), ("share of", "average"), ("of 1-in-", f"100 {span}")
    entries = sorted(run["scenarios"], key=lambda each: each["rank"])
    currency = run["currency"]
    columns = (
        Column(title, right=False, least=14, most=32),
        Column(("happens",), right=False, least=16, most=16),
        figures("per year"),
        figures(*average),
        figures(*bad),
        Column((), right=False),
        words("rests on", 8, 40),
    )
    rows = [_scenario(each, currency) for each in entries]
    must = [place for place, each in enumerate(entries) if each["share_of_tail"] >= MATTERS]

    def rest(left: Sequence[int]) -> Row:
        some = [entries[place] for place in left]
        # They are smaller unless a rarer one that decides a bad year was kept before them.
        last = len(left) == len(entries) - left[0]
        kind = "others" if not last else "smaller one" if len(some) == 1 else "smaller ones"
        return [
            (f"   and {len(some)} {kind}", "dim"),
            ("", ""),
            (amounts.money(sum(each["ale"] for each in some), currency), "dim"),
            (amounts.share(sum(each["share_of_ale"] for each in some)), "dim"),
            (amounts.share(sum(each["share_of_tail"] for each in some)), "dim"),
            ("", ""),
            ("", ""),
        ]

    return Listing(columns, tuple(rows), frozenset(must[:4]), rest, least=8)


def _scenario(each: Mapping[str, Any], currency: str) -> Row:
    decides = each["share_of_tail"] >= DECIDES
    style = "bold yellow" if decides else ""
    happens = each["happens"].get("text") or amounts.frequency(each["happens"].get("per_year"))
    return [
        (f"{each['rank']:>2} {each['id']}", style),
        (happens, ""),
        (amounts.money(each["ale"], currency), "bold"),
        (amounts.share(each["share_of_ale"]), ""),
        (amounts.share(each["share_of_tail"]), style),
        (_MARK if decides else "", style),
        (each.get("rests_on") or each.get("grade") or "", "dim"),
    ]


def controls(run: Mapping[str, Any]) -> Listing:
    """Return what each control costs, saves and does to a bad year, the best net saving first."""
    entries = sorted(
        run.get("controls", []), key=lambda each: each["annual_cost"] - each["ale_reduction"]
    )
    currency = run["currency"]
    bad = basis(run)["var"]["0.99"]
    cuts = [each.get("var99_reduction") or 0.0 for each in entries]
    best = max(cuts, default=0.0)
    columns = (
        words("What money buys", 12, 34),
        figures("cost a year"),
        figures("saves a year"),
        figures("return"),
        figures(f"1-in-100 {amounts.span(run['horizon_years'])} falls to"),
        Column((), right=False),
    )
    marked = [cut == best and bad > 0 and cut >= 0.1 * bad for cut in cuts]
    rows = [_control(each, mark, currency) for each, mark in zip(entries, marked, strict=True)]

    def rest(left: Sequence[int]) -> Row:
        text = f"and {len(left)} that save less"
        return [(text, "dim"), *([("", "")] * (len(columns) - 1))]

    must = frozenset(place for place, mark in enumerate(marked) if mark)
    return Listing(columns, tuple(rows), must, rest, least=4)


def _control(each: Mapping[str, Any], mark: bool, currency: str) -> Row:
    style = "bold yellow" if mark else ""
    owned = " (in place)" if each.get("state") == "in place" else ""
    return [
        (each["id"] + owned, style),
        (amounts.money(each["annual_cost"], currency), ""),
        (amounts.money(each["ale_reduction"], currency), ""),
        (amounts.gain(each["rosi"]), "red" if (each["rosi"] or 0) < 0 else ""),
        (amounts.money(each.get("var99_with"), currency), style),
        (_MARK if mark else "", style),
    ]


def covers(run: Mapping[str, Any]) -> Listing:
    """Return what each cover costs and pays, and the bad year net of it."""
    currency = run["currency"]
    columns = (
        words("What covers pay", 12, 34),
        figures("cost a year"),
        figures("pays a year"),
        figures("return"),
        figures("pays in"),
        figures(f"1-in-100 {amounts.span(run['horizon_years'])} net"),
    )
    rows = [
        [
            (each["id"] + (" (in place)" if each["state"] == "in place" else ""), ""),
            (amounts.money(each["premium"], currency), ""),
            (amounts.money(each["pays_a_year"], currency), ""),
            (amounts.gain(each["return"]), ""),
            (amounts.probability(each["probability_pays"]), ""),
            (_bad_year(each["var99_net"], _error_of(each), currency), ""),
        ]
        for each in run.get("covers", [])
    ]
    net = run.get("net")
    if net and len(net["covers"]) > 1:
        error = net["simulated"]["var_se"]["0.99"] if net.get("told") == "simulation" else 0.0
        paid, left = amounts.money(net["recoveries"], currency), net["var"]["0.99"]
        left = _bad_year(left, error, currency)
        together = [("all in place", ""), ("", ""), (paid, ""), ("", ""), ("", ""), (left, "")]
        rows.append(together)

    def rest(left: Sequence[int]) -> Row:
        return [(f"and {len(left)} more", "dim"), *([("", "")] * (len(columns) - 1))]

    return Listing(columns, tuple(rows), frozenset(), rest, least=2)


def _error_of(cover: Mapping[str, Any]) -> float:
    """Standard error of the bad year net of a cover that is simulated; else 0."""
    return float(cover["simulated"]["var99_net"][1]) if cover.get("told") == "simulation" else 0.0


def _bad_year(value: float, error: float, currency: str) -> str:
    """A figure, with its standard error where it is simulated."""
    shown = amounts.money(value, currency)
    return f"{shown} ±{amounts.money(error, currency)}" if error > 0.0 else shown


def limits(run: Mapping[str, Any]) -> Listing:
    """Return each limit with its value, its use and its owner, the breached ones kept first."""
    entries = list(run.get("limits", []))
    currency = run["currency"]
    columns = (
        words("Limits", 16, 52),
        figures("now"),
        figures("limit"),
        figures("used"),
        Column((), right=False),
        words("", 6, 24),
    )
    rows = [_limit(each, currency) for each in entries]

    def rest(left: Sequence[int]) -> Row:
        broken = sum(1 for place in left if entries[place]["breached"])
        text = f"and {len(left)} more" + (
            f", {broken} of them breached" if broken else ", all kept"
        )
        return [(text, "bold red" if broken else "dim"), *([("", "")] * (len(columns) - 1))]

    must = frozenset(place for place, each in enumerate(entries) if each["breached"])
    return Listing(columns, tuple(rows), must, rest, least=min(max(3, len(must) + 1), 6))


def _limit(each: Mapping[str, Any], currency: str) -> Row:
    unit = each.get("unit", "money")
    now, most = (amounts.measured(each[key], unit, currency) for key in ("value", "limit"))
    state, style = ("", "")
    if each["breached"]:
        state, style = "BREACHED", "bold red"
    elif each.get("warned"):
        state, style = "near", "yellow"
    return [
        (limited(each), ""),
        (now, style),
        (most, ""),
        (amounts.share(each["used"]), style),
        (state, style),
        (each.get("owner") or "", "dim"),
    ]
