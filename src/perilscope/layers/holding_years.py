# SPDX-License-Identifier: Apache-2.0
"""Caps by the year over several years, where a count is one draw for the whole horizon.

A holding is lost once a year (`at_most` without `refilled: yes`). Over several years that asks in
which year an event happens, which a count of the whole horizon does not say: at most one event, n
chances that are used up, a node that happens somewhere in the horizon. Of one event in a holding
of its own it does not matter, and the cap is one by the event. Elsewhere each year has a draw of
its own, with chances that leave the horizon without an event as likely as before, and a run says
so.
"""

from __future__ import annotations

from collections.abc import Iterator

from perilscope.book import Book, Scenario
from perilscope.layers.frequency import trigger


def group(scenario: Scenario, book: Book, years: float) -> str:
    """The holding whose cap a scenario shares by the year; empty where events are capped alone.

    Parameters
    ----------
    years : float
        The horizon.
    """
    holding = scenario.magnitude.at_most
    if not holding or scenario.refilled:
        return ""
    once = years > 1.0 and scenario.counts.law == "bernoulli"
    return "" if once and not _others(scenario, book) else holding


def apart(book: Book, years: float) -> Iterator[tuple[str, str]]:
    """Scenarios whose draw of the horizon is taken year by year: where each stands, and why."""
    if years <= 1.0:
        return
    for key, scenario in book.scenarios.items():
        whole = scenario.counts.law in ("bernoulli", "binomial") or trigger(scenario) is not None
        holding = group(scenario, book, years)
        if whole and holding:
            yield (
                f"scenarios.{key}",
                f"{holding} is capped year by year, and the count is one draw for the whole "
                f"horizon, which does not say in which of its {years:g} years events fall: each "
                "year has a draw of its own here, so somewhat more events are expected than "
                "without a cap",
            )


def _others(scenario: Scenario, book: Book) -> bool:
    """Whether further scenarios take from the same holding."""
    return any(
        key != scenario.id
        and other.magnitude.at_most == scenario.magnitude.at_most
        and not other.refilled
        for key, other in book.scenarios.items()
    )
