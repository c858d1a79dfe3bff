# SPDX-License-Identifier: Apache-2.0
"""Which method assesses what, why that one, and whether its data are there.

The choice follows from what the book declares: the kind of institution, how much moves through it,
which contracts it relies on, who it trades with, and what its appetite is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from perilscope.book import Book, Frequency, From, Scenario
from perilscope.book.quantity import spell
from perilscope.cycle.workspace import Workspace, held_prices, portfolio
from perilscope.layers.frequency import drivers_of, trigger
from perilscope.monitoring.review import STALE_DAYS, Due, due


@dataclass(frozen=True)
class Method:
    """How one thing is assessed.

    Parameters
    ----------
    data : tuple of (what, state)
        State is ``present``, ``stale`` or ``missing``.
    """

    what: str
    method: str
    why: str
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Cell:
    """One asset under one threat: has a scenario, ruled out by someone, or never looked at."""

    asset: str
    threat: str
    state: str


@dataclass(frozen=True)
class Guide:
    """All that ``check`` says about a book that is well-formed."""

    methods: tuple[Method, ...]
    coverage: tuple[Cell, ...]
    hangs: tuple[tuple[str, tuple[str, ...]], ...]
    due: tuple[Due, ...]


def guide(workspace: Workspace) -> Guide:
    """Read a workspace and say how each part of it will be assessed."""
    book = workspace.book
    methods = [
        *(_scenario(scenario, workspace) for scenario in book.scenarios.values()),
        *(_protocol(item, workspace) for item in book.protocols.values()),
        *_portfolio(workspace),
    ]
    return Guide(tuple(methods), tuple(_coverage(book)), tuple(_hangs(book)), due(book, book.as_of))


def _scenario(scenario: Scenario, workspace: Workspace) -> Method:
    source = trigger(scenario)
    asked = drivers_of(scenario)
    book = workspace.book
    if source is not None:
        method = "FAIR, frequency from a network"
        why = "a network says whether it happens; the book says what it costs"
    elif asked:
        method = "FAIR, vulnerability from a network"
        why = "a network says how often an attempt succeeds"
    elif isinstance(scenario.frequency, Frequency):
        method, why = "FAIR tree", "attempts are seen more often than losses, so causes are counted"
    else:
        method, why = "FAIR", _why_fair(scenario, book)
    return Method(
        f"scenarios.{scenario.id}", method, why, tuple(_scenario_data(scenario, workspace))
    )


def _why_fair(scenario: Scenario, book: Book) -> str:
    """Why events and losses are declared outright: from what the institution says of itself."""
    if scenario.asset in book.venues:
        once = ", and at most once a year" if scenario.counts.most == 1 else ""
        many = (
            f"one of {len(book.venues)} counterparties"
            if len(book.venues) > 1
            else "a counterparty"
        )
        return f"{many}: it fails seldom{once}"
    if scenario.asset in book.protocols:
        return (
            f"one of {len(book.protocols)} protocols used, with a declared frequency: "
            "its network stands beside as a comparison"
        )
    said = book.institution
    moved = said.withdrawals_per_year or said.transactions_per_year
    if moved is None:
        return (
            "a loss event that can be counted and priced; `institution: transactions_per_year` "
            "and `withdrawals_per_year` would say how many chances there are"
        )
    what = "withdrawals" if said.withdrawals_per_year else "transactions"
    return (
        f"a loss event that can be counted and priced; {_a(said.kind)} with {moved:,} {what} a year"
    )


def _scenario_data(scenario: Scenario, workspace: Workspace) -> Iterator[tuple[str, str]]:
    book = workspace.book
    for path, estimate in scenario.estimates():
        if estimate.on is None:
            state = "present" if estimate.source else "missing"
            yield (f"{path}: {estimate.source or 'source and date'}", state)
        else:
            old = book.as_of - estimate.on > timedelta(days=STALE_DAYS)
            yield (
                f"{path}: {estimate.source or 'estimate'}, {estimate.on}",
                "stale" if old else "present",
            )
    for asked in drivers_of(scenario):
        known = asked.network in book.networks or asked.network in book.protocols
        yield (f"network {asked.network}", "present" if known else "missing")
    learns = any(spell(e.value).startswith("belief(") for _, e in scenario.estimates())
    if learns and not book.incidents:
        yield ("incident log (would update the belief)", "missing")


def _protocol(protocol: Any, workspace: Workspace) -> Method:
    asked = {
        "deposit": protocol.deposit,
        "audits": protocol.audits,
        "age": protocol.live_for,
        "admin keys": protocol.admin,
        "timelock": protocol.timelock,
        "oracle": protocol.oracle,
        "value locked": protocol.tvl,
    }
    data = tuple((name, "missing" if value is None else "present") for name, value in asked.items())
    driven = [
        key
        for key, scenario in workspace.book.scenarios.items()
        if isinstance(scenario.frequency, From) and scenario.frequency.network == protocol.id
    ]
    count = len(workspace.book.protocols)
    use = f"drives {', '.join(driven)}" if driven else "stands beside what is declared"
    return Method(
        f"protocols.{protocol.id}",
        "Bayesian network",
        f"{'1 contract is' if count == 1 else f'{count} contracts are'} relied on; their flaws, "
        "oracles, governance and keys share causes; "
        f"it {use}",
        data,
    )


def _a(kind: str) -> str:
    """A kind of institution with its article."""
    return f"{'an' if kind[:1].lower() in tuple('aeiou') else 'a'} {kind}"


def _portfolio(workspace: Workspace) -> Iterator[Method]:
    book = workspace.book
    held = sorted(each for each in portfolio(workspace) if each != book.currency)
    if not held:
        return
    kinds = {limit.measure.kind for limit in book.limits}
    asked = [limit.measure.text for limit in book.limits if limit.measure.kind.startswith("market")]
    names = "CVaR" if kinds & {"market_cvar"} and not kinds & {"market_var"} else "VaR and CVaR"
    because = f"the appetite names {', '.join(asked)}" if asked else "the appetite names no measure"
    kind = book.institution.kind or "institution"
    count = len(held)
    tokens = "one token whose price moves" if count == 1 else f"{count} tokens whose prices move"
    why = f"{_a(kind)} that holds {tokens} daily; {because}"
    yield Method("portfolio", names, why, tuple(_price_data(workspace, held)))
    shocks = [(n.id, node) for n in book.networks.values() for node in n.shocks]
    if shocks:
        yield Method(
            "portfolio under shocks",
            "CVaR, hybrid",
            f"{', '.join(map('.'.join, shocks))}: moves of prices that history may not show",
            tuple((f"network {name}", "present") for name in dict.fromkeys(n for n, _ in shocks)),
        )


def _price_data(workspace: Workspace, held: list[str]) -> Iterator[tuple[str, str]]:
    history = workspace.history
    if history is None:
        yield ("price history", "missing")
        return
    kept, findings = held_prices(workspace, held)  # refuses gaps and zeros in what is held
    if kept is not None:
        yield (f"prices {kept.days[0]} to {kept.days[-1]}", "stale" if findings else "present")
    for text in findings:
        yield (text, "stale")
    for asset in held:
        if asset not in history.assets and asset != workspace.book.currency:
            yield (f"prices of {asset}", "missing")


def _coverage(book: Book) -> Iterator[Cell]:
    ruled = {(r.asset, r.threat): r.by for r in book.no_scenario}
    has = {(s.asset, s.threat) for s in book.scenarios.values() if s.threat}
    for asset in [*book.assets, *book.venues, *book.protocols]:
        for threat in book.threats:
            if (asset, threat) in has:
                yield Cell(asset, threat, "scenario")
            elif (asset, threat) in ruled:
                yield Cell(asset, threat, f"ruled out by {ruled[asset, threat] or 'nobody named'}")
            else:
                yield Cell(asset, threat, "never looked at")


def _hangs(book: Book) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Pieces that several things depend on: everything that goes down with one of them."""
    users: dict[str, list[str]] = {}
    for kind in ("assets", "venues", "protocols"):
        for item in getattr(book, kind).values():
            for piece in (
                *getattr(item, "depends_on", ()),
                *([item.at] if getattr(item, "at", None) else ()),
            ):
                users.setdefault(piece, []).append(item.id)
    for scenario in book.scenarios.values():
        users.setdefault(scenario.asset, []).append(f"scenario {scenario.id}")
        for asked in drivers_of(scenario):
            users.setdefault(asked.network, []).append(f"scenario {scenario.id}")
    for piece in sorted(users):
        distinct = tuple(dict.fromkeys(users[piece]))
        if len(distinct) > 1:
            yield piece, distinct
