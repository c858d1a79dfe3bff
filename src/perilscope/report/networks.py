# SPDX-License-Identifier: Apache-2.0
"""Answers about a network, drawn for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.cycle.amounts import probability
from perilscope.report.columns import Column, figures, lay, words, wrapped
from perilscope.report.names import cleaned

WIDTH = 110
_BAR = 24
_MOST_NODES = 60
_MOST_ENTRIES = 20
_NOTHING = 1e-12
_LEAST_BITS = 5e-4
"""What tells less than that is not listed: it would read as zero."""

Shown = Mapping[str, Any]


def shown(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw what a network consists of, and the probability of every state."""
    run = cleaned(document, ordered=False)
    period = run["period_years"]
    head = [
        f"{len(run['nodes'])} nodes, {run['arcs']} arcs",
        f"largest table {run['largest_table']:,} joint states",
        f"probabilities for {period:g} years" if period and period != 1 else "",
    ]
    lines = [Text(run["network"], "bold"), Text(" " + "; ".join(filter(None, head)))]
    given = {node["id"]: node["observed"] for node in run["nodes"]}
    parents = {node["id"]: node["parents"] for node in run["nodes"]}
    lines += _laws(run["marginals"], width, given, parents)
    if not run["marginals"]:
        lines.append(Text(" too large for every probability at once; ask for some nodes", "yellow"))
    return Group(*lines, *_notes(run, width))


def answered(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw marginals and the probability of what is known."""
    run = cleaned(document, ordered=False)
    lines = [Text(run["network"], "bold")]
    if run["findings"]:
        lines += wrapped(f"Given {', '.join(run['findings'])}", width, 6)
    if run["interventions"]:
        lines += wrapped(f"Set from outside: {', '.join(run['interventions'])}", width, 6)
    lines += _laws(run["marginals"], width, {}, {})
    lines += _together(run["joint"], width)
    if run["probability_of_evidence"] is not None and run["findings"]:
        lines.append(Text(f" probability of what is known: {run['probability_of_evidence']:.6g}"))
    lines.append(Text(f" {run['algorithm']}", "dim"))
    return Group(*lines, *_notes(run, width))


def swayed(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw a tornado of the table entries that move a target most."""
    run = cleaned(document, ordered=False)
    now = run["probability"]
    plain = [f for f in run["functions"] if not f["told_by_other"]]
    listed = plain[: run["top"] or _MOST_ENTRIES]
    said = f"{run['target']} has probability {probability(now)}"
    given = f" given {', '.join(run['findings'])}" if run["findings"] else ""
    lines = [
        *wrapped(f"{said}{given}.", width, 6),
        *wrapped(
            f"The {len(listed)} of {run['entries']:,} table entries that move it most when "
            "their odds are halved and doubled, the rest of each row in proportion:",
            width, 4,
        ),
    ]  # fmt: skip
    swings = [sorted((f["odds_halved"], f["odds_doubled"])) for f in listed]
    top = max((high for _, high in swings), default=1.0) or 1.0
    bottom = min((low for low, _ in swings), default=0.0)
    columns = (
        words("entry", 20, 54),
        figures("is"),
        figures("from"),
        words("", _BAR, _BAR),
        figures("to"),
    )
    rows = [
        [(f["entry"], ""), (probability(f["value"]), ""), (probability(low), ""),
         (_bar(low, now, high, bottom, top), ""), (probability(high), "")]
        for f, (low, high) in zip(listed, swings, strict=True)
    ]  # fmt: skip
    return Group(*lines, *lay(columns, rows, width))


def _bar(low: float, now: float, high: float, bottom: float, top: float) -> str:
    wide = max(top - bottom, 1e-300)
    a, m, b = (round((x - bottom) / wide * (_BAR - 1)) for x in (low, now, high))
    cells = ["░" if a <= i < m else "█" if m < i <= b else " " for i in range(_BAR)]
    cells[min(max(m, 0), _BAR - 1)] = "│"
    return "".join(cells)


def explained(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw how a belief came about."""
    run = cleaned(document, ordered=False)
    before, after = probability(run["before"]), probability(run["after"])
    text = f"Before anything was known {before}, now {after}."
    return Group(
        Text(run["target"], "bold"),
        *wrapped(text, width, 3),
        *_shares(run["shares"], width),
        *_conflict(run["conflict_bits"], width),
        *_worth_knowing(run["worth_knowing"], width),
        *_most_relevant(run["most_relevant"], width),
        *_most_probable(run["most_probable"], width),
    )


def _shares(shares: Sequence[Shown], width: int) -> Iterator[Text]:
    """What each finding did to the target."""
    if not shares:
        return
    columns = (
        words("What is known", 20, 54),
        figures("its share"),
        figures("alone"),
        figures("as the last"),
    )
    rows = [
        [(s["finding"], ""), *((_points(s[key]), "") for key in ("share", "alone", "last"))]
        for s in sorted(shares, key=lambda s: -abs(s["share"]))
    ]
    yield Text()
    yield from lay(columns, rows, width)
    widest = 100 * max(s["standard_error"] for s in shares)
    if widest > 0.0:
        text = f"shares are means over orders drawn at random; standard error {widest:.1g} points"
        yield from wrapped(text, width, 2, style="dim")


def _conflict(bits: float | None, width: int) -> Iterator[Text]:
    """Whether the findings speak for or against each other."""
    if bits is None:
        return
    tells = "they support each other" if bits <= 0 else "they speak against each other"
    yield Text()
    yield from wrapped(f"Conflict of what is known: {bits:+.2f} bits; {tells}.", width, 3)


def _worth_knowing(nodes: Sequence[Shown], width: int) -> Iterator[Text]:
    """What finding out a node would tell of the target."""
    rows = [
        [
            (each["node"], ""),
            (f"{each['bits']:.3f} bits", ""),
            (probability(each["low"]), ""),
            (probability(each["high"]), ""),
        ]
        for each in nodes
        if each["bits"] >= _LEAST_BITS
    ]
    if rows:
        columns = (
            words("Worth finding out", 20, 54),
            figures("information"),
            figures("then from"),
            figures("to"),
        )
        yield Text()
        yield from lay(columns, rows, width)


def _most_relevant(explanations: Sequence[Shown], width: int) -> Iterator[Text]:
    """What makes the findings most probable compared with its contrary."""
    if not explanations:
        return
    columns = (
        words("What explains it best", 20, 60),
        figures("before"),
        figures("now"),
        figures("times"),
    )
    rows = [
        [
            (_states(each["states"]), ""),
            (probability(each["before"]), "dim"),
            (probability(each["after"]), ""),
            (_times(each["factor"]), ""),
        ]
        for each in explanations
    ]
    yield Text()
    yield from lay(columns, rows, width)
    text = "times: the generalised Bayes factor, how many times likelier it makes what is known"
    yield from wrapped(text, width, 2, style="dim")


def _most_probable(best: Shown | None, width: int) -> Iterator[Text]:
    """The likeliest joint state of everything."""
    if not best:
        return
    told = f"Most probable of all ({probability(best['probability'])}): {_states(best['states'])}"
    yield Text()
    yield from wrapped(told, width, 12)


def _states(states: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={state}" for name, state in states.items())


def _times(factor: float | None) -> str:
    if factor is None:
        return "only so"
    return f"{factor:.3g}" if factor < 1e6 else "over a million"


def bounded(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw between what a probability lies when tables are doubted."""
    run = cleaned(document, ordered=False)
    given = f" given {', '.join(run['findings'])}" if run["findings"] else ""
    whose = f"the {len(run['nodes'])} doubted tables" if len(run["nodes"]) > 1 else run["nodes"][0]
    low, high = run["lower"], run["upper"]
    text = (
        f"{run['target']} has probability {probability(run['probability'])}{given}. If the odds of "
        f"every entry of {whose} are wrong by up to a factor of {run['odds']:g} it lies between "
        f"{probability(low['value'])} ({low['kind']}) and {probability(high['value'])} "
        f"({high['kind']})."
    )
    lines = wrapped(text, width, 6)
    if "inner" in (low["kind"], high["kind"]):
        outer = (
            "inner: some tables meet it, and others may pass it. For certain it lies between "
            f"{probability(run['outer_lower']['value'])} and "
            f"{probability(run['outer_upper']['value'])} (outer)."
        )
        lines += wrapped(outer, width, 3, style="dim")
    return Group(*lines)


def _points(change: float) -> str:
    """A change in percentage points; what only rounding left is nothing."""
    return f"{100 * change:+.2g} points" if abs(change) > _NOTHING else "0 points"


def _laws(
    marginals: Mapping[str, Mapping[str, float]],
    width: int,
    observed: Mapping[str, str],
    parents: Mapping[str, Sequence[str]],
) -> Iterator[Text]:
    """One line for each node: its states with their probabilities."""
    columns = [words("node", 12, 34), Column(("",), right=False, least=20, most=width)]
    if parents:
        columns.insert(1, words("depends on", 8, 34))
    rows = []
    for name, law in list(marginals.items())[:_MOST_NODES]:
        told = "   ".join(f"{state} {_exactly(p)}" for state, p in law.items())
        seen = f"   (observed: {observed[name]})" if observed.get(name) else ""
        row = [(name, ""), (told + seen, "bold" if seen else "")]
        if parents:
            row.insert(1, (", ".join(parents.get(name, ())), "dim"))
        rows.append(row)
    yield from lay(columns, rows, width)
    more = len(marginals) - _MOST_NODES
    if more > 0:
        yield Text(
            f" and {more} nodes more; --target NODE asks for one, --json has them all", "dim"
        )


def _together(joint: Sequence[Shown], width: int) -> Iterator[Text]:
    """The joint states that are most probable, with their probabilities."""
    if not joint:
        return
    columns = [words("together", 12, width - 24), figures("")]
    first = sorted(joint, key=lambda one: -one["probability"])[:_MOST_NODES]
    rows = [[(_states(one["states"]), ""), (_exactly(one["probability"]), "")] for one in first]
    yield Text()
    yield from lay(columns, rows, width)
    if len(joint) > len(first):
        yield Text(f" and {len(joint) - len(first):,} less probable; --json has them all", "dim")


def _exactly(p: float) -> str:
    return probability(p) if 0.0 < p < 1.0 else f"{p:.0%}".replace("%", " %")


def _notes(run: Shown, width: int) -> Iterator[Text]:
    for note in run["notes"]:
        yield from wrapped(f"note: {note}", width, 4, style="yellow")
