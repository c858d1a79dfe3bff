# SPDX-License-Identifier: Apache-2.0
"""Questions to runs and institutions from Python: what moved, capital, a horizon in slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perilscope.api import Chart, Institution, Run, load
from perilscope.cycle.inputs import Made, reopen
from perilscope.cycle.questions.capital import LEVEL, SLICES, SURVIVAL
from perilscope.cycle.questions.capital import capital as look
from perilscope.cycle.questions.feedback import PATHS
from perilscope.cycle.questions.feedback import feedback as sliced
from perilscope.cycle.questions.moved import MEASURES, moved
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import Workspace
from perilscope.errors import MisuseError
from perilscope.store.documents import write_text


def diff(before: Run | str | Path, after: Run | str | Path) -> Moved:
    """What moved from one run to another, and why: a waterfall that adds up.

    Parameters
    ----------
    before, after : Run or path
        Runs of this session, or the folders (or ``run.json``) that they were saved in.

    Raises
    ------
    StoreError
        There is no run in a folder, or it is none.
    MisuseError
        The runs count in different currencies.

    Examples
    --------
    >>> import perilscope
    >>> rare, often = "theft: 1 in 4 years, 1M", "theft: 1 in 2 years, 1M"
    >>> runs = [perilscope.quantify(line, engine="exact") for line in (rare, often)]
    >>> found = perilscope.diff(*runs)
    >>> found.moved("ale"), [bar["kind"] for bar in found.bars("ale")]
    (250000.0, ['model'])
    """
    return Moved(moved(_made(before), _made(after)))


def _made(run: Run | str | Path) -> Made:
    if isinstance(run, Run):
        return Made(run.document, run.result.workspace, run.result.settings)
    return reopen(Path(run))


@dataclass(frozen=True)
class Moved:
    """What ``diff`` found; ``document`` is what ``perilscope diff --json`` prints.

    Examples
    --------
    Twice the frequency and twice the loss: 250k a year become 1M. By itself each adds 250k, after
    the other 500k; the bars are the means.

    >>> import perilscope
    >>> lines = "theft: 1 in 4 years, 1M", "theft: 1 in 2 years, 2M"
    >>> found = perilscope.diff(*(perilscope.quantify(x, engine="exact") for x in lines))
    >>> found.moved("ale"), sum(bar["value"] for bar in found.bars("ale"))
    (750000.0, 750000.0)
    """

    document: dict[str, Any]

    def moved(self, measure: str = "cvar_0.99") -> float:
        """By how much a measure moved, in money.

        Raises
        ------
        MisuseError
            There is no such measure.
        """
        return float(self._measure(measure)["moved"])

    def bars(self, measure: str = "cvar_0.99") -> list[dict[str, Any]]:
        """What moved a measure, adding up to the move: ``kind``, ``name``, ``value``."""
        return list(self._measure(measure)["bars"])

    def plot(self, measure: str = "cvar_0.99") -> Chart:
        """The waterfall of a measure."""
        from perilscope.report import waterfall

        self._measure(measure)
        return Chart(waterfall.chart(self.document, measure))

    def save(self, path: str | Path) -> Path:
        """Write an HTML page that stands by itself."""
        from perilscope.report import pages

        write_text(Path(path), pages.moved(self.document))
        return Path(path)

    def _measure(self, measure: str) -> Mapping[str, Any]:
        if measure not in self.document["measures"]:
            raise MisuseError(f"no measure is called {measure!r}; there are {', '.join(MEASURES)}")
        found: Mapping[str, Any] = self.document["measures"][measure]
        return found

    def __str__(self) -> str:
        from perilscope.report import waterfall

        return _text(waterfall.render(self.document))


def capital(
    what: Institution | str | Path,
    *,
    level: float = LEVEL,
    survival: float = SURVIVAL,
    slices: int = SLICES,
    evidence: Mapping[str, str] | None = None,
    **settings: Any,
) -> Capital:
    """Risk capital in every sense, and what it earns.

    Parameters
    ----------
    what : Institution or path
    level : float
        Of VaR and CVaR.
    survival : float
        Probability with which capital is to last the horizon.
    slices : int
        How often within the horizon it is looked whether it lasted.
    evidence : mapping, optional
        Node (or ``network.node``) to its observed state.
    settings
        ``horizon``, ``seed`` as on the command line.

    Raises
    ------
    BookError, DataError, MisuseError
        As on the command line.

    Examples
    --------
    >>> import perilscope
    >>> book = perilscope.declare(theft="1 in 20 years, 1M", fraud="1 in 10 years, 2M")
    >>> found = perilscope.capital(book, slices=4)
    >>> found.document["enterprise"]["var"], round(found.lasting / 1e6, 1)
    (2000000.0, 2.0)
    """
    workspace, chosen = _asked("capital", what, evidence, settings)
    return Capital(look(workspace, chosen, level=level, survival=survival, slices=slices))


def _asked(
    name: str,
    what: Institution | str | Path,
    evidence: Mapping[str, str] | None,
    settings: Mapping[str, Any],
) -> tuple[Workspace, Settings]:
    institution = what if isinstance(what, Institution) else load(what)
    given = tuple(f"{node}={state}" for node, state in (evidence or {}).items())
    try:
        return institution.workspace, Settings(engine="exact", evidence=given, **settings)
    except TypeError as error:
        raise MisuseError(f"{name}: {error}") from error


@dataclass(frozen=True)
class Capital:
    """What ``capital`` found; ``document`` is what ``perilscope capital --json`` prints."""

    document: dict[str, Any]

    @property
    def lasting(self) -> float | None:
        """Capital that lasts with the probability asked for; None where none was found."""
        found = self.document["lasting"]
        return None if found is None else float(found["capital"])

    def save(self, path: str | Path) -> Path:
        """Write an HTML page that stands by itself."""
        from perilscope.report import pages

        write_text(Path(path), pages.capital(self.document))
        return Path(path)

    def __str__(self) -> str:
        from perilscope.report import capital as drawn

        return _text(drawn.render(self.document))


def feedback(
    what: Institution | str | Path,
    *,
    slices: int | None = None,
    survival: float = SURVIVAL,
    evidence: Mapping[str, str] | None = None,
    years: int = PATHS,
    **settings: Any,
) -> Feedback:
    """The horizon in slices: states that act on each other, and the capital that lasts.

    Exact where exposure is restored in each slice (`perilscope.engines.slices`); simulated where
    holdings run on.

    Parameters
    ----------
    what : Institution or path
        Its book declares ``feedback:``.
    slices : int, optional
        Of the horizon, instead of the book's.
    survival : float
        Probability with which capital is to last the horizon.
    evidence : mapping, optional
        Node of the feedback, as it is now, or ``network.node``, to its observed state.
    years : int
        Simulated horizons, where holdings run on.
    settings
        ``horizon``, ``seed`` as on the command line.

    Raises
    ------
    BookError, DataError, MisuseError, AssessmentError
        As on the command line.

    Examples
    --------
    A state that begins with 1 in 10 in each of two slices and stays, and costs 100 when it begins:

    >>> import perilscope
    >>> table = {"no": [0.9, 0.1], "yes": [0, 1]}
    >>> broken = {"parents": ["before broken"], "table": table}
    >>> loss = {"node": "broken", "costs": 100}
    >>> tree = {"slices": 2, "nodes": {"broken": broken}, "losses": {"breaks": loss}}
    >>> book = perilscope.declare({"feedback": tree}, theft="1 in 20 years, 1M")
    >>> found = perilscope.feedback(book)
    >>> round(found.mean, 6), round(found.var(0.95), 6)
    (19.0, 100.0)
    """
    workspace, chosen = _asked("feedback", what, evidence, {"years": years, **settings})
    return Feedback(sliced(workspace, chosen, slices=slices, survival=survival))


@dataclass(frozen=True)
class Feedback:
    """What ``feedback`` found; ``document`` is what ``perilscope feedback --json`` prints."""

    document: dict[str, Any]

    @property
    def mean(self) -> float:
        """Expected loss over the horizon, in money."""
        return float(self.document["law"]["mean"])

    def var(self, level: float = 0.99) -> float | None:
        """Loss over the horizon that is exceeded with probability ``1 - level``."""
        return self._figure("var", level)

    def cvar(self, level: float = 0.99) -> float | None:
        """Mean of the worst ``1 - level`` of horizons; None where too few paths tell it."""
        return self._figure("cvar", level)

    @property
    def lasting(self) -> float:
        """Capital that lasts the horizon with the probability asked for."""
        return float(self.document["capital"]["capital"])

    def save(self, path: str | Path) -> Path:
        """Write an HTML page that stands by itself."""
        from perilscope.report import pages

        write_text(Path(path), pages.feedback(self.document))
        return Path(path)

    def _figure(self, measure: str, level: float) -> float | None:
        known: Mapping[str, float | None] = self.document["law"][measure]
        if f"{level:g}" not in known:
            raise MisuseError(f"no level {level:g}; there are {', '.join(known)}")
        return known[f"{level:g}"]

    def __str__(self) -> str:
        from perilscope.report import feedback as drawn

        return _text(drawn.render(self.document))


def _text(shown: Any) -> str:
    """What the terminal shows, as text."""
    from rich.console import Console

    console = Console(width=110, color_system=None, force_terminal=False)
    with console.capture() as got:
        console.print(shown)
    return got.get()


__all__ = ["Capital", "Feedback", "Moved", "capital", "diff", "feedback"]
