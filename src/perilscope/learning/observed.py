# SPDX-License-Identifier: Apache-2.0
"""What the two logs say about one book: counts for each scenario and control, and what they leave.

Nothing is dropped in silence. A line that names what the book does not know, or a day outside the
watch, counts for nothing and is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from perilscope.book import Book
from perilscope.book.words import near
from perilscope.evidence.incidents import Incident, Trial

DAYS_PER_YEAR = 365.25
_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """Something about the logs that a reader must know."""

    where: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.mend})" if self.mend else "")


@dataclass(frozen=True)
class Watch:
    """What was seen and for how long.

    Parameters
    ----------
    years : float or None
        Exposure of the incident log; None where there is no log, or its start is not declared.
    incidents, trials : mapping
        Scenario id, or id of a control or a scenario, to its lines in order of day and line.
    """

    years: float | None
    incidents: Mapping[str, tuple[Incident, ...]]
    trials: Mapping[str, tuple[Trial, ...]]
    findings: tuple[Finding, ...] = ()


def watch(book: Book, incidents: Sequence[Incident], trials: Sequence[Trial], as_of: date) -> Watch:
    """Sort the lines of both logs under what they are evidence about.

    Parameters
    ----------
    book : Book
        Says which scenarios, vulnerabilities and controls exist, and ``observed_since``.
    incidents, trials : sequences
        Both logs, in any order.
    as_of : date
        Last day of the watch.

    Returns
    -------
    Watch
        Exposure in years of 365.25 days, the lines that count, and findings about the others.
    """
    findings: list[Finding] = []
    logged = bool(incidents) or book.incidents is not None
    years = _exposure(book, as_of, findings) if logged else None
    left: dict[tuple[str, str], list[int]] = {}
    seen: dict[str, list[Incident]] = {}
    for incident in incidents:
        why = _outside(incident.on, book.observed_since, as_of)
        if incident.scenario not in book.scenarios:
            hint = near(incident.scenario, book.scenarios)
            why = f"no scenario is called {incident.scenario[:60]!r}. {hint}".strip()
        if why:
            left.setdefault(("incidents", why), []).append(incident.line)
        else:
            seen.setdefault(incident.scenario, []).append(incident)
    tested: dict[str, list[Trial]] = {}
    for trial in trials:
        targets = _targets(book, trial.target)
        why = _outside(trial.on, None, as_of)
        if not targets:
            hint = near(trial.target, [*book.controls, *book.scenarios, *book.vulnerabilities])
            why = f"nothing that can be tested is called {trial.target[:60]!r}. {hint}".strip()
        if why:
            left.setdefault(("tests", why), []).append(trial.line)
            continue
        for target in targets:
            tested.setdefault(target, []).append(trial)
    findings += [
        Finding(log, f"{_lines(lines)} not counted: {why}") for (log, why), lines in left.items()
    ]
    findings += _twice(incidents)
    return Watch(
        years,
        {key: tuple(sorted(of, key=lambda i: (i.on, i.line))) for key, of in seen.items()},
        {key: tuple(sorted(of, key=lambda t: (t.on, t.line))) for key, of in tested.items()},
        tuple(findings),
    )


def _exposure(book: Book, as_of: date, findings: list[Finding]) -> float | None:
    since = book.observed_since
    if since is None:
        findings.append(
            Finding(
                "incidents",
                "no frequency is updated: the book does not say since when the log is kept",
                "give `observed_since: 2024-01-01` beside `incidents:`",
            )
        )
        return None
    if since > as_of:
        findings.append(
            Finding("incidents", f"the watch starts on {since}, after the as-of date {as_of}")
        )
        return None
    return (as_of - since).days / DAYS_PER_YEAR


def _outside(on: date, since: date | None, as_of: date) -> str:
    if on > as_of:
        return f"after the as-of date {as_of}"
    if since is not None and on < since:
        return f"before the watch began on {since}"
    return ""


def _targets(book: Book, target: str) -> tuple[str, ...]:
    """Controls and scenarios that a tested id stands for; a flaw stands for its scenarios."""
    if target in book.controls or target in book.scenarios:
        return (target,)
    scenario, dot, factor = target.partition(".")
    if dot and scenario in book.scenarios and factor.rsplit(".", 1)[-1] in _VULNERABILITY:
        return (scenario,)
    return tuple(key for key, scenario in book.scenarios.items() if scenario.flaw == target)


_VULNERABILITY = ("vulnerability", "susceptibility")


def _twice(incidents: Sequence[Incident]) -> list[Finding]:
    """Lines that say the same; they count, since two alike on one day can both be true."""
    first: dict[tuple[object, ...], int] = {}
    found = []
    for i in incidents:
        same = (i.on, i.scenario, i.outcome, i.amount, i.source)
        if same in first:
            what = f"line {i.line} says the same as line {first[same]}; both are counted"
            found.append(Finding("incidents", what, "take one out if it is one event"))
        first.setdefault(same, i.line)
    return found


def _lines(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:_SHOWN]))
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"line {shown}" if len(lines) == 1 else f"lines {shown}{more}"
