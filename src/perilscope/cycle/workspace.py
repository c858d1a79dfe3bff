# SPDX-License-Identifier: Apache-2.0
"""A book and everything it names, read once and checked: what a run starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from perilscope.beliefs.law import point
from perilscope.book import Book, FrozenDict, Protocol, content_hash, load
from perilscope.book.model import MOST_YEARS
from perilscope.book.network_file import Nodes
from perilscope.cycle.settings import Settings
from perilscope.errors import AssessmentError, BookError, DataError, Fault, MisuseError
from perilscope.evidence import prices
from perilscope.evidence.admission import screened
from perilscope.evidence.alerts import Alert, parse_alerts
from perilscope.evidence.incidents import Incident, Trial, parse_incidents, parse_tests
from perilscope.evidence.positions import Position, parse_positions
from perilscope.evidence.prices import History
from perilscope.evidence.quotes import converted, doubtful, foreign
from perilscope.evidence.scanner import parse_findings
from perilscope.evidence.surfaces import parse_surfaces
from perilscope.layers.days import calendar_of
from perilscope.layers.revaluation import plain
from perilscope.layers.surfaces import Quotes, filled_in
from perilscope.layers.valuation import Valuation
from perilscope.sources import files

Read = TypeVar("Read")


@dataclass(frozen=True)
class DataFile:
    """A data file a run rests on: its name as the book gives it, its digest, its own note."""

    name: str
    sha256: str
    note: str = ""


@dataclass(frozen=True)
class Origin:
    """A book as it was read.

    Parameters
    ----------
    book : Book
    base : Path
        The folder that its paths start from.
    files, beside : mapping of str to bytes
        The files of the book, and the networks it names.
    notes : tuple of (str, str)
        File of a network, and what was changed when it was read.
    """

    book: Book
    base: Path
    files: Mapping[str, bytes]
    beside: Mapping[str, bytes]
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Workspace:
    """A book with its observations.

    Parameters
    ----------
    hash : str
        Of the book as it was read; a horizon given for one run does not change it.
    origin : Origin or None
        None of a book built in Python.
    notes : tuple of str
        What was noticed in the surfaces of volatilities.
    """

    book: Book
    hash: str
    history: History | None
    positions: tuple[Position, ...]
    incidents: tuple[Incident, ...]
    trials: tuple[Trial, ...]
    data: tuple[DataFile, ...]
    alerts: tuple[Alert, ...] = ()
    origin: Origin | None = None
    notes: tuple[str, ...] = ()


def open_book(path: Path) -> tuple[Book, Path]:
    """Read and validate a book; returns it with the folder that its paths start from.

    Raises
    ------
    BookError
        Every fault of the book, with its place.
    DataError, MisuseError
        The file is not there or cannot be read.
    """
    found = _origin(path)
    return found.book, found.base


def _origin(path: Path) -> Origin:
    sources, read, base = files.book_files(path)
    beside: dict[str, bytes] = {}
    notes: list[tuple[str, str]] = []

    def kept(name: str) -> bytes:
        beside[name] = read(name)
        return beside[name]

    def tables(name: str, data: bytes) -> Nodes:
        from perilscope.cycle.networks.book_form import declared  # only where a book names one

        found = declared(name, data)
        notes.extend((name, each) for each in found.notes)
        return found.nodes

    return Origin(load(sources, kept, tables), base, sources, beside, tuple(notes))


def open_workspace(path: Path, settings: Settings | None = None) -> Workspace:
    """Read a book and all data it names.

    Raises
    ------
    BookError, DataError
        What is wrong in them, all faults with their places.
    """
    settings = settings or Settings()
    origin = _origin(path)
    book, base = origin.book, origin.base
    faults: list[Fault] = []
    data: list[DataFile] = []
    history = _prices(book, base, settings, data, faults)
    positions: tuple[Position, ...] = ()
    incidents: tuple[Incident, ...] = ()
    trials: tuple[Trial, ...] = ()
    where = settings.positions or (base / book.positions if book.positions else None)
    if where is not None:
        positions = _parsed(where, book.positions, parse_positions, data, faults) or ()
    if book.incidents:
        incidents = (
            _parsed(base / book.incidents, book.incidents, parse_incidents, data, faults) or ()
        )
    if book.tests:
        trials = _parsed(base / book.tests, book.tests, parse_tests, data, faults) or ()
    alerts: tuple[Alert, ...] = ()
    if book.alerts:
        alerts = _parsed(base / book.alerts, book.alerts, parse_alerts, data, faults) or ()
    quotes: Quotes = {}
    if book.market.surfaces:
        where = base / book.market.surfaces
        quotes = _parsed(where, book.market.surfaces, parse_surfaces, data, faults) or {}
    stated = content_hash(book)
    book = _scanned(book, base, data, faults)
    if faults:
        raise DataError(faults)
    found = Workspace(
        book, stated, history, positions, incidents, trials, tuple(data), alerts, origin
    )
    return _with_volatilities(found, quotes)


def _with_volatilities(workspace: Workspace, quotes: Quotes) -> Workspace:
    """The same with the volatilities of options that name a surface."""
    if not any(lot.terms.surface for lot in workspace.positions):
        return workspace
    book, valuation = workspace.book, Valuation(workspace.book, closes_of(workspace))

    def spot(lot: Position) -> float:
        quote = lot.terms.quote
        unit = 1.0 if quote in ("", book.currency) else valuation.price(quote)
        return valuation.price(lot.asset) / unit

    year = calendar_of(book).days_a_year
    positions, notes = filled_in(workspace.positions, quotes, spot, book.as_of, year)
    return replace(workspace, positions=positions, notes=notes)


def portfolio(workspace: Workspace) -> dict[str, float]:
    """Units held by token: the positions, or without them our own token holdings.

    Never both, because the same coin would count twice; clients' holdings are left out. Of the
    positions those that are units of an asset; `instruments` has the others.
    """
    held: dict[str, float] = {}
    for position in workspace.positions:
        if plain(position):
            held[position.asset] = held.get(position.asset, 0.0) + position.quantity
    if workspace.positions:
        return held
    for asset in workspace.book.assets.values():
        if asset.belongs_to != "clients":
            for token, amount in asset.holds.items():
                units = point(amount.value, price=lambda _token: 1.0)
                held[token] = held.get(token, 0.0) + units
    return held


def instruments(workspace: Workspace) -> tuple[Position, ...]:
    """The positions that are more than units of an asset."""
    return tuple(position for position in workspace.positions if not plain(position))


def closes_of(workspace: Workspace) -> dict[str, float]:
    """Last close of every asset on or before the as-of date, where there is one."""
    found: dict[str, float] = {}
    history = workspace.history
    if history is None:
        return found
    for asset in history.assets:
        try:
            found[asset] = history.price(asset, workspace.book.as_of)
        except AssessmentError:
            continue
    return found


def held_prices(
    workspace: Workspace, held: Sequence[str]
) -> tuple[History | None, tuple[str, ...]]:
    """Prices of what is held over the days they have in common, and what was noticed.

    Raises
    ------
    DataError
        Gaps, repeated days or prices of zero in something that is held and not accepted.
    """
    history = workspace.history
    moving = [] if history is None else [asset for asset in held if asset in history.assets]
    if history is None or not moving:
        return None, ()
    book = workspace.book
    pegs = {token.id: token.peg for token in book.tokens.values() if token.peg}
    notes = foreign(history, moving, book.currency)
    notes += doubtful(history, moving, pegs, book.currency)
    history, moving, told = screened(history, moving, book.as_of, book.market.accept)
    notes += told
    if not moving:
        return None, tuple(notes)
    kept, findings = prices.gate(history, moving, book.as_of, book.market.stale_after_days)
    return kept, (*notes, *findings)


def with_horizon(workspace: Workspace, text: str) -> Workspace:
    """The same workspace with another horizon, like ``"2 years"`` or ``"quarter"``."""
    from perilscope.book.quantity import parse

    try:
        horizon = parse(text, "years")
        book = workspace.book.model_copy(update={"horizon": horizon})
        years = book.horizon_years
    except ValueError as error:
        raise MisuseError(
            f"--horizon {text!r}: {error}. Write it like '1 year' or '6 months'"
        ) from error
    if not 0 < years <= MOST_YEARS:
        raise MisuseError(
            f"--horizon {text!r}: more than zero and at most {MOST_YEARS} years are possible"
        )
    return replace(workspace, book=book)


def _scanned(book: Book, base: Path, data: list[DataFile], faults: list[Fault]) -> Book:
    """The book with the findings of scanners in place of the names of their files."""
    read: dict[str, Protocol] = {}
    for key, item in book.protocols.items():
        if item.findings is not None and item.findings.file:
            name = item.findings.file
            found = _parsed(base / name, name, parse_findings, data, faults)
            read[key] = item.model_copy(update={"findings": found})
    if not read:
        return book
    return book.model_copy(update={"protocols": FrozenDict({**book.protocols, **read})})


def _prices(
    book: Book, base: Path, settings: Settings, data: list[DataFile], faults: list[Fault]
) -> History | None:
    where = settings.prices or (base / book.prices if book.prices else None)
    if where is None:
        return None
    try:
        history = files.read_prices([where], calendar_of(book))
    except DataError as error:
        faults.extend(error.faults)
        return None
    data.append(DataFile(_name(where, book.prices), history.digest, history.note))
    return converted(history, book.currency)[0]


def _parsed(
    where: Path,
    named: str | None,
    parse: Callable[[str, bytes], Read],
    data: list[DataFile],
    faults: list[Fault],
) -> Read | None:
    """What a table says; None where it is refused, its faults then among ``faults``."""
    try:
        text, digest = files.read_table(where)
        name = _name(where, named)
        data.append(DataFile(name, digest))
        return parse(name, text)
    except DataError as error:
        faults.extend(error.faults)
        return None


def _name(where: Path, named: str | None) -> str:
    """A name that says which file it is and nothing about the machine."""
    return named if named and where.as_posix().endswith(named.strip("/")) else where.name


__all__ = ["BookError", "DataFile", "Workspace", "open_book", "open_workspace", "with_horizon"]
