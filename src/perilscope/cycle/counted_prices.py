# SPDX-License-Identifier: Apache-2.0
"""Prices of tokens that losses are counted in but that are not held, beside those of what is."""

from __future__ import annotations

from collections.abc import Iterable

from perilscope.book import Scenario
from perilscope.cycle.workspace import Workspace, held_prices
from perilscope.errors import DataError
from perilscope.evidence.prices import History

TODAY = "thefts counted in it take today's price (but for shocks)"


def counted_in(scenarios: Iterable[Scenario], currency: str) -> list[str]:
    """Tokens that magnitudes are written in."""
    units = (
        estimate.value.unit
        for scenario in scenarios
        for _, estimate in scenario.estimates()
        if estimate.value.dimension == "money"
    )
    return list(dict.fromkeys(unit for unit in units if unit not in ("", currency)))


def with_counted(
    workspace: Workspace, held: History | None
) -> tuple[History | None, list[tuple[str, str]]]:
    """Prices of what is held and of what losses are counted in, over the days of what is held.

    A custodian answers for coins that it does not own: a theft of them costs what they are worth
    when it happens, which is in the file of prices all the same.

    Parameters
    ----------
    workspace : Workspace
    held : History or None
        Of what is held; the days of the tokens count where that is nothing.

    Returns
    -------
    history : History or None
        ``held`` itself where nothing can be added.
    notes : list of (token, sentence)
        Tokens that losses are counted in and whose prices cannot be used, with the reason.
    """
    found = held
    notes: list[tuple[str, str]] = []
    if workspace.history is None:
        return held, notes
    book = workspace.book
    for token in counted_in(book.scenarios.values(), book.currency):
        if found is not None and token in found.assets:
            continue
        try:
            more = _more(workspace, found, token)
        except DataError as error:
            notes.append((token, f"{error.faults[0].what}: {TODAY}"))
            continue
        if more is None:
            notes.append((token, f"no price history: {TODAY}"))
        elif held is not None and more.days != held.days:
            first, last = more.days[0], more.days[-1]
            notes.append(
                (token, f"its prices do not reach over the days of what is held, {first} to {last} "
                        f"are all that they share: {TODAY}")
            )  # fmt: skip
        else:
            found = more
    return found, notes


def _more(workspace: Workspace, found: History | None, token: str) -> History | None:
    """What was found with one more token; None where it has no usable prices."""
    known = () if found is None else found.assets
    more, _ = held_prices(workspace, [*known, token])
    return more if more is not None and token in more.assets else None
