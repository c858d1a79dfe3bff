# SPDX-License-Identifier: Apache-2.0
"""What the logs teach: declared beliefs before and after, and what each event moved.

=====================================  =========================  ================================
written in the book                    law of the evidence        what counts
=====================================  =========================  ================================
``frequency: belief(gamma(..)) per ..``  Poisson, years watched   losses
``threat_event_frequency``, likewise   Poisson, years watched     losses, near misses, blocked
``vulnerability: belief(beta(..))``    binomial                   losses for it; near misses and
                                                                  blocked against it; tests
``sure: a to b`` of a control          binomial                   tests in which it held
anything else                          never changed              shown as evidence against it
=====================================  =========================  ================================

The posterior is computed from whole totals, so that an incident taken out of the log restores every
bit. The change of the mean splits exactly, and in no particular order, into what each observation
moved: for a gamma belief (shape s, rate r) after E years an event moves the mean by 1/(r+E) and the
time by -m E/(r+E), m the prior mean; for a beta belief of size S after n trials, k successes out of
t move it by (k - m t)/(S+n).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from perilscope.beliefs.efficacy import efficacy, mirrored
from perilscope.beliefs.law import Reading, reading
from perilscope.book import Book, Control, Frequency, From, Leaf, Scenario, ThreatEvents
from perilscope.book import quantity as written
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.distributions import Beta, Distribution, Gamma
from perilscope.errors import AssessmentError
from perilscope.evidence.incidents import Incident, Trial
from perilscope.learning.against import Against, Weighted, rate_against, share_against
from perilscope.learning.conjugate import beta_binomial, gamma_poisson
from perilscope.learning.observed import Finding, Watch, watch

__all__ = ["Against", "Finding", "Learned", "Update", "learn"]

Moves = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Update:
    """One belief before and after.

    Parameters
    ----------
    scenario, factor : str
        Whose belief it is: a scenario and the path of one of its factors
        (``frequency.vulnerability``), or a control and ``sure``.
    prior, posterior : Distribution
        Events per year, a probability, or the effect of a control.
    prior_text, posterior_text : str
        As the book writes them.
    moves : tuple of (str, float)
        What each observation moved; the changes add up to the change of the mean.
    events : int
        Events, or successes of the trials.
    exposure_years, trials : float, int
        How long, or how often, it was looked at; the other one is zero.
    """

    scenario: str
    factor: str
    prior: Distribution
    posterior: Distribution
    prior_text: str
    posterior_text: str
    moves: Moves
    events: int
    exposure_years: float = 0.0
    trials: int = 0


@dataclass(frozen=True)
class Learned:
    """Everything the logs say about the book's estimates.

    Parameters
    ----------
    factors : tuple of Update
        Beliefs that were updated, scenarios first, then controls, in the order of the book.
    against : tuple of Against
        Estimates that are never changed, with what was seen.
    findings : tuple of Finding
        Lines that did not count, and readings of the log that deserve a look.
    """

    factors: tuple[Update, ...] = ()
    against: tuple[Against, ...] = ()
    findings: tuple[Finding, ...] = ()

    def distribution(self, scenario: str, factor: str) -> Distribution | None:
        """Law to use in place of the declared belief, or None where the declared one stands.

        Parameters
        ----------
        scenario : str
            Id of a scenario, or of a control.
        factor : str
            Path of a factor; its last word decides. For a control ``sure``, and the law is then
            that of the share which survives it.
        """
        name = factor.rsplit(".", 1)[-1]
        for update in self.factors:
            if update.scenario == scenario and update.factor.rsplit(".", 1)[-1] == name:
                return mirrored(update.posterior) if name == "sure" else update.posterior
        return None


@dataclass
class _Gathering:
    """What has been found so far, while the book is gone through."""

    updates: list[Update] = field(default_factory=list)
    against: list[Against] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def note(self, where: str, what: str, mend: str = "") -> None:
        self.findings.append(Finding(where, what, mend))


def learn(
    book: Book, incidents: Sequence[Incident], trials: Sequence[Trial], as_of: date
) -> Learned:
    """Update the book's beliefs by its two logs.

    Parameters
    ----------
    book : Book
        Declares the beliefs, and with ``observed_since`` the day the incident log starts.
    incidents : sequence of Incident
        The incident log. When the book names a log, an empty one is evidence as well: of quiet.
    trials : sequence of Trial
        The control-test log.
    as_of : date
        The day to which the logs are complete.

    Returns
    -------
    Learned
        Posteriors, evidence against what cannot be updated, and findings.

    Notes
    -----
    Gamma-Poisson and Beta-Binomial conjugacy: Gelman et al., *Bayesian Data Analysis*, 3rd ed.,
    sections 2.4 and 2.6. Threat events and vulnerability have independent posteriors because each
    threat event is a trial of the vulnerability (MODEL, section 7); this takes blocked attempts to
    be logged as faithfully as losses.
    """
    seen = watch(book, incidents, trials, as_of)
    gathering = _Gathering(findings=list(seen.findings))
    # What cannot be read here cannot be assessed either, and the assessment says why.
    for scenario in book.scenarios.values():
        with suppress(AssessmentError):
            _scenario(scenario, seen, gathering)
    for control in book.controls.values():
        with suppress(AssessmentError):
            _control(control, seen.trials.get(control.id, ()), gathering)
    return Learned(tuple(gathering.updates), tuple(gathering.against), tuple(gathering.findings))


# --- scenarios ------------------------------------------------------------------------------------


def _scenario(scenario: Scenario, seen: Watch, found: _Gathering) -> None:
    incidents = seen.incidents.get(scenario.id, ())
    trials = seen.trials.get(scenario.id, ())
    factor: Any = scenario.frequency
    if isinstance(factor, Frequency):
        path = "frequency.threat_event_frequency"
        _rate(scenario, factor.threat_event_frequency, path, incidents, seen.years, found)
        _vulnerability(scenario, factor.vulnerability, incidents, trials, found)
        return
    _rate(scenario, factor, "frequency", incidents, seen.years, found)
    if trials:
        found.note(
            f"scenarios.{scenario.id}",
            "its tests change nothing: it declares no vulnerability, only a frequency",
            "split the frequency into threat_event_frequency and vulnerability",
        )


def _rate(
    scenario: Scenario,
    factor: Any,
    path: str,
    incidents: Sequence[Incident],
    years: float | None,
    found: _Gathering,
) -> None:
    """A frequency, of losses or of threat events, by the incidents that are instances of it."""
    if years is None:
        return
    losses_only = path == "frequency"
    counted = sum(not losses_only or i.outcome == "loss" for i in incidents)
    leaves = _leaves(factor)
    if leaves is None:
        if incidents:
            what = f"its incidents ({len(incidents)}) change nothing: a network gives its frequency"
            found.note(f"scenarios.{scenario.id}", what)
        return
    readings = [reading(leaf.estimate.value) for leaf in leaves]
    text = " x ".join(written.spell(leaf.estimate.value) for leaf in leaves)
    prior = _named(leaves, readings, "gamma")
    if isinstance(prior, Gamma) and scenario.counts.law == "poisson":
        found.updates.append(_gamma(scenario.id, path, prior, text, incidents, counted, years))
        return
    if isinstance(prior, Gamma):
        found.note(
            f"scenarios.{scenario.id}",
            f"its frequency is not updated: a gamma belief learns from `counts: poisson`, not from "
            f"`counts: {scenario.counts.law}`",
        )
    found.against.append(rate_against(scenario.id, path, text, _points(readings), counted, years))


def _gamma(
    scenario: str,
    path: str,
    prior: Gamma,
    text: str,
    incidents: Sequence[Incident],
    counted: int,
    years: float,
) -> Update:
    before = 1.0 / prior.scale
    shape, rate = gamma_poisson(prior.shape, before, counted, years)
    each = 1.0 / rate
    moves = [(f"{years:.3g} years watched", -prior.mean * years / rate)]
    for incident in incidents:
        counts = path != "frequency" or incident.outcome == "loss"
        label = _label(incident) + ("" if counts else ": no loss, so it does not count here")
        moves.append((label, each if counts else 0.0))
    return Update(
        scenario,
        path,
        prior,
        Gamma(shape, 1.0 / rate),
        text,
        f"belief(gamma(shape={shape:.6g}, rate={rate:.6g})) per year",
        tuple(moves),
        events=counted,
        exposure_years=years,
    )


def _vulnerability(
    scenario: Scenario,
    factor: Any,
    incidents: Sequence[Incident],
    trials: Sequence[Trial],
    found: _Gathering,
) -> None:
    """Vulnerability, by what became of each threat event and by tests of it."""
    if not incidents and not trials:
        return
    where = f"scenarios.{scenario.id}"
    if not isinstance(factor, Leaf):
        what = "a network" if isinstance(factor, From) else "capability against strength"
        found.note(where, f"the outcomes logged do not change its vulnerability: {what} gives it")
        return
    losses = sum(i.outcome == "loss" for i in incidents)
    if losses and losses == len(incidents) and not trials:
        found.note(
            where,
            f"all {losses} logged events are losses, so its vulnerability is read as if no attempt "
            "was ever stopped",
            "log blocked attempts and near misses too, or declare only a frequency of losses",
        )
    cases = [(_label(i), int(i.outcome == "loss"), 1) for i in incidents]
    cases += [(_tested(t, "came through"), t.successes, t.trials) for t in trials]
    read = reading(factor.estimate.value)
    path, text = "frequency.vulnerability", written.spell(factor.estimate.value)
    prior = _named([factor], [read], "beta")
    if isinstance(prior, Beta):
        found.updates.append(_beta(scenario.id, path, prior, text, cases))
        return
    successes, total = sum(c[1] for c in cases), sum(c[2] for c in cases)
    found.against.append(share_against(scenario.id, path, text, _points([read]), successes, total))


def _beta(
    owner: str, path: str, prior: Beta, text: str, cases: Sequence[tuple[str, int, int]]
) -> Update:
    """A beta belief after cases of (label, successes, trials)."""
    successes, trials = sum(c[1] for c in cases), sum(c[2] for c in cases)
    a, b = beta_binomial(prior.a, prior.b, successes, trials)
    mean = prior.mean
    posterior = Beta(a, b)
    return Update(
        owner,
        path,
        prior,
        posterior,
        text,
        f"belief(beta({a:.6g}, {b:.6g}))" if path != "sure" else _percents(posterior),
        tuple((label, (k - mean * n) / (a + b)) for label, k, n in cases),
        events=successes,
        trials=trials,
    )


# --- controls -------------------------------------------------------------------------------------


def _control(control: Control, trials: Sequence[Trial], found: _Gathering) -> None:
    """How surely a control works, by its tests; one belief for all that it cuts."""
    if not trials:
        return
    where = f"controls.{control.id}"
    stated = [(cut.by, cut.sure or control.sure) for cut in control.cuts]
    if not stated:
        found.note(where, "its tests change nothing: it cuts no factor of a scenario")
        return
    if any(other != stated[0] for other in stated):
        found.note(
            where,
            "its tests change nothing: it cuts several factors by different amounts, and a test "
            "does not say which",
            "declare one control for each effect",
        )
        return
    by, sure = stated[0]
    prior = efficacy(by, sure)
    text = written.spell(by) + (f", sure: {written.spell(sure)}" if sure is not None else "")
    cases = [(_tested(t, "held"), t.successes, t.trials) for t in trials]
    if isinstance(prior, Beta) and prior.support == (0.0, 1.0):
        found.updates.append(_beta(control.id, "sure", prior, text, cases))
        return
    nodes, weights = prior.gauss(16)
    points = list(zip(weights.tolist(), nodes.tolist(), strict=True))
    successes, total = sum(c[1] for c in cases), sum(c[2] for c in cases)
    found.against.append(share_against(control.id, "sure", text, points, successes, total))


# --- the parts ------------------------------------------------------------------------------------


def _leaves(factor: Any) -> list[Leaf] | None:
    """The estimates whose product a frequency is; None where a network has a part in it."""
    parts = [factor]
    if isinstance(factor, ThreatEvents):
        parts = [factor.contact_frequency, factor.probability_of_action]
    return parts if all(isinstance(part, Leaf) for part in parts) else None


def _named(leaves: Sequence[Leaf], readings: Sequence[Reading], law: str) -> Distribution | None:
    """The prior, where one leaf is written ``belief(law(...))`` with plain numbers."""
    node = leaves[0].estimate.value.node
    if len(leaves) > 1 or not isinstance(node, written.Belief):
        return None
    if not isinstance(node.of, written.Call) or node.of.law != law:
        return None
    return readings[0].alone


def _points(readings: Sequence[Reading]) -> Weighted:
    """Weights and values of a product of numbers whose beliefs are integrated."""
    counts = [len(read.beliefs) for read in readings]
    points = quadrature.nodes([b for read in readings for b in read.beliefs], effort=3)
    weighted = []
    for weight, theta in points:
        value, at = 1.0, 0
        for read, count in zip(readings, counts, strict=True):
            value *= float(read.number(theta[at : at + count]))
            at += count
        weighted.append((weight, value))
    return weighted


def _label(incident: Incident) -> str:
    return f"{incident.on.isoformat()} {incident.outcome}" + _line(incident.line)


def _tested(trial: Trial, verb: str) -> str:
    held = f"{trial.successes} of {trial.trials} tests {verb}"
    return f"{trial.on.isoformat()} {held}{_line(trial.line)}"


def _line(line: int) -> str:
    return f" (line {line})" if line else ""


def _percents(law: Distribution) -> str:
    low, high = float(law.ppf(0.05)), float(law.ppf(0.95))
    return f"{100 * law.mean:.3g} %, sure: {100 * low:.3g} % to {100 * high:.3g} %"
