# SPDX-License-Identifier: Apache-2.0
"""What the figures say, in sentences. Every word of number in them is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from perilscope.cycle.amounts import gain, money, share

Row = Mapping[str, Any]
"""One entry of ``scenarios`` or ``controls`` in the run document."""

MATERIAL = 0.02
"""Scenarios below this share of the average are not compared in words."""
NOTICED = 0.005
"""By how much shares may add up to more than everything before it is said."""


def scenario(row: Row, currency: str, span: str = "year") -> str:
    """One scenario in one sentence; its bad case is of the horizon, which ``span`` names."""
    happens, size = row["happens"], row["magnitude"]["mean"]
    if happens["per_year"] == 0.0:
        return f"{row['id']} cannot happen under what is declared and observed."
    bad = row["var"]["0.99"]
    tail = (
        f"1 {span} in 100 costs more than {money(bad, currency)}"
        if bad > 0
        else f"even 99 {span}s in 100 pass without it"
    )
    return (
        f"{row['id']} happens {often(happens['per_year'])} and then costs "
        f"{money(size, currency)} on average; {tail}."
    )


def register(rows: Sequence[Row], currency: str, span: str = "year") -> Iterator[str]:
    """What the register says as a whole; rows come ranked by the average."""
    yield from shared(rows)
    yield from _misleading_pairs([r for r in rows if r["share_of_ale"] >= MATERIAL])
    worst = max(rows, key=lambda r: (r["share_of_tail"], r["id"]), default=None)
    if worst is not None and worst["share_of_tail"] > 0 and worst["rank"] > 1:
        yield (
            f"The order by the average misleads: {worst['id']} ranks {_ordinal(worst['rank'])} "
            f"by it, but makes {share(worst['share_of_tail'])} of a 1-in-100 {span}."
        )


def shared(rows: Sequence[Row]) -> Iterator[str]:
    """Why rows add up to more than the average of everything, where they do.

    Examples
    --------
    >>> list(shared([{"share_of_ale": 0.75}, {"share_of_ale": 0.62}]))[0][:45]
    'The rows add up to 137 % of the average year:'
    >>> list(shared([{"share_of_ale": 0.75}, {"share_of_ale": 0.25}]))
    []
    """
    added = sum(row["share_of_ale"] for row in rows)
    if added > 1.0 + NOTICED:
        yield (
            f"The rows add up to {share(added)} of the average year: each is of its scenario by "
            "itself, and what several could take from one holding is lost once in all of it."
        )


def _misleading_pairs(rows: Sequence[Row]) -> Iterator[str]:
    """Neighbours in the ranking of which the one that costs less a year costs more at once."""
    for first, second in pairwise(rows):
        if first["magnitude"]["mean"] < second["magnitude"]["mean"] and second["ale"] > 0:
            more = first["ale"] / second["ale"] - 1.0
            if more < 0.005:
                continue
            yield (
                f"{first['id']} costs {share(more)} more a year than {second['id']}, "
                f"which costs more when it happens."
            )
            return


def control(row: Row, cuts: str, currency: str) -> str:
    """One control in one sentence; ``cuts`` says what it does in the words of the book."""
    saves = f"saves {money(row['ale_reduction'], currency)} a year"
    if row["annual_cost"] == 0.0:
        return f"{row['id']} ({cuts}) {saves} at no cost."
    return (
        f"{row['id']} ({cuts}) costs {money(row['annual_cost'], currency)} a year and "
        f"{saves}: ROSI {gain(row['rosi']).lstrip('+')}."
    )


def controls(rows: Sequence[Row]) -> Iterator[str]:
    """The best control by return, and by what it does to a bad year, where they differ."""
    paid = [r for r in rows if r["rosi"] is not None and r["state"] != "in place"]
    if not paid:
        return
    best = max(paid, key=lambda r: (r["rosi"], r["id"]))
    yield best["sentence"]
    tail = max(paid, key=lambda r: (r["var99_reduction"], r["id"]))
    if tail["id"] != best["id"] and tail["var99_reduction"] > 0:
        yield (
            f"The best return on money is {best['id']}; "
            f"a bad year is shortened most by {tail['id']}."
        )


def often(per_year: float) -> str:
    """How often something happens, in words.

    Examples
    --------
    >>> often(0.2), often(3.0), often(1.0), often(0.0)
    ('about once in 5 years', 'about 3 times a year', 'about once a year', 'never')
    """
    if per_year <= 0.0:
        return "never"
    if per_year < 0.95:
        return f"about once in {_few(1.0 / per_year)} years"
    return "about once a year" if per_year < 1.05 else f"about {_few(per_year)} times a year"


def _few(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


def _ordinal(n: int) -> str:
    if 10 <= n % 100 <= 20:
        return f"{n}th"
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
