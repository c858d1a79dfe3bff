# SPDX-License-Identifier: Apache-2.0
"""How the numbers of one scenario came about: its tree, what follows from it, how sure all is."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.cycle.amounts import (
    money,
    money_in_full,
    number,
    probability,
    relative,
    share,
)
from perilscope.errors import MisuseError
from perilscope.report import tornado, tree
from perilscope.report.columns import Cell, Column, figures, lay, words, wrapped
from perilscope.report.names import cleaned

WIDTH = 110
_LEVELS = {"0.95": "1 in 20", "0.99": "1 in 100", "0.999": "1 in 1,000"}
_AGREE = 4.0
"""Standard errors up to which a difference between the engines is chance."""
_LEAST, _MOST = 60, 130
"""Columns between which the screen is laid out."""
_BAR = 20
"""Cells a bar wants; where they are not left, the moved estimate stands below its bar."""

Row = Mapping[str, Any]


def render(document: Row, scenario: str, *, width: int = WIDTH) -> Group:
    """Draw where one scenario's figures come from.

    Parameters
    ----------
    document : mapping
        The run document.
    scenario : str
        Id of the scenario.
    width : int
        Columns of the terminal.

    Raises
    ------
    MisuseError
        No scenario of the run has this id.
    """
    shown = cleaned(document)
    rows = {row["id"]: row for row in shown["scenarios"]}
    for failed in shown["failed"]:
        if failed["id"] == scenario:
            return Group(Text(f"{scenario} could not be assessed: {failed['reason']}", "yellow"))
    if scenario not in rows:
        near = difflib.get_close_matches(scenario, list(rows), n=3, cutoff=0.4)
        known = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(rows)}"
        raise MisuseError(f"no scenario is called {scenario!r}; {known}")
    return Group(*_Page(shown, rows[scenario], min(max(width, _LEAST), _MOST)).lines())


class _Page:
    """The screen of one scenario."""

    def __init__(self, shown: Row, row: Row, width: int) -> None:
        self.shown, self.row, self.width = shown, row, width
        self.currency = str(shown["currency"])
        self.span = "year" if shown["horizon_years"] == 1 else "period"
        self.nodes = tree.lines(row["tree"], self.currency)

    def lines(self) -> Iterator[Text]:
        """Every line, section by section; a section with nothing to say is left out."""
        row = self.row
        title = ": ".join(part for part in (row["id"], row["name"]) if part)
        yield from wrapped(title, self.width, 9, style="bold", indent="")
        if row["story"]:
            yield from wrapped(row["story"], self.width, 99, indent="")
        sections = {
            "What it is made of": [*self._tree(), *self._learned(), *self._driven()],
            "How it multiplies up": list(self._sums()),
            "What follows": list(self._follows()),
            "Chance, and what is not known": list(self._uncertain()),
            "What the worst years are sensitive to": list(self._tornado()),
            "How sure the arithmetic is": list(self._sure()),
        }
        for title, lines in sections.items():
            if lines:
                yield Text()
                yield Text(title, "bold")
                yield from lines

    def _say(self, text: str, indent: str = "  ", style: str = "") -> list[Text]:
        return wrapped(text, self.width, 99, style=style, indent=indent)

    def _lay(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[Text]:
        lines = lay(columns, rows, self.width - 1)
        return [Text(" ", no_wrap=True, overflow="ignore").append_text(line) for line in lines]

    def _money(self, value: float | None) -> str:
        return "without bound" if value is None else money(value, self.currency)

    # --- what it is made of

    def _tree(self) -> Iterator[Text]:
        """Figures of each node on one line; below it what is declared, its source, its notes."""
        columns = (
            words("", 14, 60), figures("mean"), figures("90 % interval"), words("by", 6, 6),
        )  # fmt: skip
        cells = [
            [(node.lead + node.name, ""), (node.mean, "bold"), (node.interval, ""),
             (node.varies, "dim")]
            for node in self.nodes
        ]  # fmt: skip
        header, *rows = self._lay(columns, cells)
        yield header
        for node, line in zip(self.nodes, rows, strict=True):
            yield line
            said = [": ".join(part for part in (node.declared, node.source) if part), *node.notes]
            for text in filter(None, said):
                yield from self._say(text, f"  {node.under}  ", "dim")

    def _learned(self) -> Iterator[Text]:
        for update in self.shown["learning"]:
            if update["scenario"] == self.row["id"]:
                before, after = update["prior"], update["posterior"]
                yield from self._say(
                    f"The log changed {update['factor'].replace('_', ' ')}: "
                    f"{number(before['mean'])} ({number(before['low'])} to "
                    f"{number(before['high'])}) became {number(after['mean'])} "
                    f"({number(after['low'])} to {number(after['high'])}), from "
                    f"{update['events']} events"
                )
        for against in self.shown["against"]:
            if against["scenario"] == self.row["id"]:
                yield from self._say(f"Not changed, but seen: {against['sentence']}")

    def _driven(self) -> Iterator[Text]:
        for place in filter(None, self.row["driven_by"].split(", ")):
            network, _, node = place.partition(".")
            states = self.shown["networks"].get(network, {}).get(node, {})
            said = ", ".join(f"{state} {probability(p)}" for state, p in states.items())
            yield from self._say(f"From network {network}: {node} is {said}")

    # --- what follows

    def _sums(self) -> Iterator[Text]:
        for name, made in tree.sums(self.row["tree"], self.currency):
            yield from self._say(f"{name}: {made}")

    def _follows(self) -> Iterator[Text]:
        row = self.row
        columns = (
            words("", 10, 20), figures("exceeds"), figures("and then costs"), figures("error"),
        )  # fmt: skip
        cells = [
            [(odds.replace("1", f"1 {self.span}", 1), ""), (self._money(row["var"][level]), "bold"),
             (self._money(row["cvar"][level]), ""), (relative(row["error"].get(level)), "dim")]
            for level, odds in _LEVELS.items()
        ]  # fmt: skip
        yield from self._lay(columns, cells)
        yield from self._say(
            f"Something is lost with {probability(row['probability_of_loss'])}; events are "
            "counted, so several can fall into one year and most years may have none."
        )
        yield from self._say(
            f"It makes {share(row['share_of_ale'])} of the average year of everything and "
            f"{share(row['share_of_tail'])} of its 1-in-100 {self.span}."
        )

    def _uncertain(self) -> Iterator[Text]:
        row = self.row
        bad, worst = (self._money(row["var"][level]) for level in ("0.99", "0.999"))
        yield from self._say(
            f"Chance: 1 {self.span} in 100 exceeds {bad}, 1 in 1,000 exceeds {worst}."
        )
        low, high = row["ale_interval"]
        if low == high:
            yield from self._say(
                "Not knowing: nothing is declared as a belief, so the average year counts as "
                f"known: {self._money(row['ale'])}."
            )
        else:
            yield from self._say(
                f"Not knowing: the average year lies between {self._money(low)} and "
                f"{self._money(high)} (90 %)."
            )

    def _tornado(self) -> Iterator[Text]:
        """A bar for each estimate: the mean of the worst 1 in 100, as it is moved."""
        bars = tornado.bars(self.row["tornado"], self.row["cvar"]["0.99"])
        if not bars:
            return
        yield from self._say(
            f"Mean of the worst 1 {self.span} in 100 ({self._money(self.row['cvar']['0.99'])}), "
            "when one estimate moves and the others stay:"
        )
        names, moved = [bar.name for bar in bars], [tornado.moved(bar) for bar in bars]
        ends = [[self._money(end) for end in sorted(bar.ends)] for bar in bars]
        room = self.width - _widest(names) - 9
        room -= sum(_widest([end[side] for end in ends]) for side in (0, 1))
        wide = room - _widest(moved) - 2 >= _BAR
        cells = max(min(room - wide * (_widest(moved) + 2), 2 * _BAR), _BAR // 2)
        aside = [words("", 12, 50)] if wide else []
        columns = [words("", 16, 40), *aside, figures(), words("", cells, cells), words("", 5, 24)]
        rows = [
            [(name, ""), *([(how, "dim")] if wide else []), (low, ""),
             (tornado.drawn(bar, cells), ""), (high, "")]
            for name, how, bar, (low, high) in zip(names, moved, bars, ends, strict=True)
        ]  # fmt: skip
        for line, how in zip(self._lay(columns, rows), moved, strict=True):
            yield line
            if not wide:
                yield from self._say(how, "    ", "dim")
        yield from self._say(tornado.KEY, style="dim")

    # --- how sure

    def _sure(self) -> Iterator[Text]:
        row = self.row
        yield from self._say(
            f"{row['method']}: {self._money(row['ale'])} a year; error at 1 in 100: "
            f"{relative(row['error']['0.99'])}"
        )
        proven = row.get("bounds", {}).get("0.99")
        if proven:
            (low, high), (least, most) = (
                [money_in_full(end, self.currency) for end in proven[what]]
                for what in ("var", "cvar")
            )
            yield from self._say(
                f"proven: 1 {self.span} in 100 exceeds something between {low} and {high}, and the "
                f"mean beyond lies between {least} and {most}"
            )
        simulated = row["simulation"]
        if simulated:
            gap = self.shown["checks"].get(row["id"]) or 0.0
            verdict = "the engines agree" if abs(gap) <= _AGREE else "the engines DISAGREE"
            yield from self._say(
                f"simulated: {self._money(simulated['ale'])} a year, standard error "
                f"{self._money(simulated['se'])}; z-score of the largest gap {gap:+.1f}: {verdict}"
            )
            if row["sd"] is None:
                yield from self._say(
                    "the spread of this law is infinite: no number of simulated years settles its "
                    "average"
                )
        prior = (
            f"; {share(row['prior_share'])} prior, the rest data" if "prior_share" in row else ""
        )
        yield from self._say(f"rests on: {row['rests_on']}{prior}")


def _widest(texts: Sequence[str]) -> int:
    return max(map(len, texts), default=0)
