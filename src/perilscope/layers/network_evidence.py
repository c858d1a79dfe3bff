# SPDX-License-Identifier: Apache-2.0
"""The networks of a book and what is known of them: before anything was observed, and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from perilscope.errors import MisuseError
from perilscope.layers.drivers import Drivers
from perilscope.layers.networks import (
    Driver,
    check_possible,
    check_state,
    declared,
    near,
    placed,
    places,
)

if TYPE_CHECKING:
    from perilscope.book import Book


def prior(book: Book, extra: Mapping[str, Driver] | None = None) -> Drivers:
    """All networks before anything was observed; what ``extra`` says of itself is kept.

    The factors a protocol declares describe it, they are not observations of the year.
    """
    bare = {net: Driver(d.network, d.years, d.conditions) for net, d in declared(book).items()}
    return Drivers({**bare, **(extra or {})})


def drivers(
    book: Book,
    evidence: Mapping[str, str] | None = None,
    extra: Mapping[str, Driver] | None = None,
) -> Drivers:
    """All networks of a book, and those the caller adds, under the evidence.

    Parameters
    ----------
    book : Book
        Its networks, with what they say was observed.
    evidence : mapping of ``network.node`` to state
        As :func:`parse_evidence` returns it; wins over what the book says was observed.
    extra : mapping of id to Driver
        Networks from elsewhere; the protocol layer's stand under the id of the protocol.

    Raises
    ------
    MisuseError
        Evidence names what does not exist, or cannot have happened.

    Examples
    --------
    A chance of a quarter in one year is one of 1 - (3/4)^2 in two:

    >>> from perilscope.book import from_mapping
    >>> nodes = {"rain": {"table": [0.75, 0.25]}}
    >>> tree = {"institution": {"name": "x"}, "currency": "USD", "as_of": "2026-11-20"}
    >>> book = from_mapping({**tree, "networks": {"weather": {"nodes": nodes}}})
    >>> round(drivers(book).horizon_probability("weather", "rain", "yes", 2.0), 9)
    0.4375
    >>> drivers(book, {"weather.rain": "yes"}).probability("weather", "rain")
    1.0
    """
    asked: dict[str, Driver] = {**declared(book), **(extra or {})}
    known = places(asked)
    for place, state in (evidence or {}).items():
        if place not in known:
            raise MisuseError(f"evidence {place}={state}: no such node{near(place, known)}")
        net, node = known[place]
        check_state(place, state, asked[net].states(node))
        asked[net] = asked[net].given({node: state})
    for net, driver in asked.items():
        check_possible(net, driver)
    return Drivers(asked)


def parse_evidence(
    items: Iterable[str], book: Book, extra: Mapping[str, Driver] | None = None
) -> dict[str, str]:
    """``NODE=STATE`` or ``NETWORK.NODE=STATE``, names exactly as declared -> place to state.

    Parameters
    ----------
    items : iterable of str
        Each is split at its first ``=``.
    book : Book
        Where the names are declared.
    extra : mapping of id to Driver
        Networks from elsewhere, as given to :func:`drivers`.

    Raises
    ------
    MisuseError
        No ``=``, an unknown or ambiguous node, an unknown state, two states for one node.

    Examples
    --------
    >>> from perilscope.book import from_mapping
    >>> nodes = {"rain": {"table": [0.75, 0.25]}}
    >>> tree = {"institution": {"name": "x"}, "currency": "USD", "as_of": "2026-11-20"}
    >>> book = from_mapping({**tree, "networks": {"weather": {"nodes": nodes}}})
    >>> parse_evidence(["rain=yes"], book)
    {'weather.rain': 'yes'}
    """
    asked: dict[str, Driver] = {**declared(book), **(extra or {})}
    known = places(asked)
    found: dict[str, str] = {}
    for item in items:
        name, equals, state = item.partition("=")
        name, state = name.strip(), state.strip()
        if not equals or not name or not state:
            raise MisuseError(
                f"evidence {item!r}: write NODE=STATE, for example usdc-peg.depeg=yes"
            )
        place = placed(name, known)
        net, node = known[place]
        check_state(name, state, asked[net].states(node))
        if found.setdefault(place, state) != state:
            raise MisuseError(f"evidence {place}: both {found[place]} and {state} are given")
    return found
