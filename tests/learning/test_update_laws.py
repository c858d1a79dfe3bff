# SPDX-License-Identifier: Apache-2.0
"""For any log: moves add up, order does not matter, what is taken out leaves no bit behind."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.book import Book, load_text
from perilscope.evidence.incidents import Incident, Trial
from perilscope.learning.update import learn

SINCE, AS_OF = date(2022, 3, 1), date(2026, 11, 20)
BOOK: Book = load_text("""
institution: {name: Northlight, kind: hedge fund}
currency: USD
as_of: 2026-11-20
incidents: incidents.csv
observed_since: 2022-03-01
assets: {desk: {kind: other}}
scenarios:
  theft: {asset: desk, frequency: "belief(gamma(0.7, 3.3)) per month", magnitude: 1M}
  phishing:
    asset: desk
    frequency:
      threat_event_frequency: belief(gamma(mean=4, sd=3)) per year
      vulnerability: belief(beta(mean=0.13, sd=0.07))
    magnitude: 1M
  plain: {asset: desk, frequency: 1 in 5 years, magnitude: 1M}
controls:
  training: {cuts: {phishing: 80 % of vulnerability}, sure: 60 % to 90 %}
""")

days = st.integers(0, (AS_OF - SINCE).days).map(lambda d: SINCE + timedelta(days=d))
incidents = st.builds(
    Incident,
    on=days,
    scenario=st.sampled_from(["theft", "phishing", "plain"]),
    outcome=st.sampled_from(["loss", "near miss", "blocked"]),
    line=st.integers(2, 10**6),
)
logs = st.lists(incidents, max_size=12, unique_by=lambda i: i.line)
trials = st.lists(
    st.integers(1, 50).flatmap(
        lambda n: st.builds(
            Trial,
            on=days,
            target=st.sampled_from(["training", "phishing"]),
            trials=st.just(n),
            successes=st.integers(0, n),
            line=st.integers(2, 10**6),
        )
    ),
    max_size=4,
    unique_by=lambda t: t.line,
)


@settings(deadline=None, max_examples=60)
@given(log=logs, tests=trials)
def test_what_each_event_moved_adds_up_to_what_was_learned(
    log: list[Incident], tests: list[Trial]
) -> None:
    for found in learn(BOOK, log, tests, AS_OF).factors:
        gap = found.posterior.mean - found.prior.mean
        assert sum(m for _, m in found.moves) == pytest.approx(gap, rel=1e-9, abs=1e-14)


@settings(deadline=None, max_examples=60)
@given(log=logs, tests=trials, extra=incidents)
def test_an_incident_taken_out_restores_every_bit(
    log: list[Incident], tests: list[Trial], extra: Incident
) -> None:
    before = learn(BOOK, log, tests, AS_OF)
    learn(BOOK, [*log, extra], tests, AS_OF)
    assert learn(BOOK, log, tests, AS_OF) == before


@settings(deadline=None, max_examples=60)
@given(log=logs, tests=trials, extra=incidents)
def test_an_incident_of_one_scenario_leaves_the_others_to_the_bit(
    log: list[Incident], tests: list[Trial], extra: Incident
) -> None:
    before, after = (learn(BOOK, events, tests, AS_OF) for events in (log, [*log, extra]))
    kept = [[u for u in x.factors if u.scenario != extra.scenario] for x in (before, after)]
    assert kept[0] == kept[1]


@settings(deadline=None, max_examples=60)
@given(log=logs, tests=trials, data=st.data())
def test_the_order_of_the_log_does_not_matter(
    log: list[Incident], tests: list[Trial], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(log))
    one, other = (learn(BOOK, events, tests, AS_OF) for events in (log, mixed))
    assert (one.factors, one.against) == (other.factors, other.against)


@settings(deadline=None, max_examples=60)
@given(log=logs, extra=incidents.filter(lambda i: i.outcome == "loss"))
def test_a_loss_raises_every_belief_that_it_bears_on(log: list[Incident], extra: Incident) -> None:
    few, many = (learn(BOOK, events, [], AS_OF) for events in (log, [*log, extra]))
    raised = {u.factor: u for u in many.factors if u.scenario == extra.scenario}
    for u in few.factors:
        if u.scenario == extra.scenario:
            assert raised[u.factor].posterior.mean > u.posterior.mean


@settings(deadline=None, max_examples=60)
@given(log=logs)
def test_posteriors_depend_on_the_totals_alone(log: list[Incident]) -> None:
    moved = [Incident(SINCE, i.scenario, i.outcome, 1.0, "other", i.line) for i in log]
    one, other = (learn(BOOK, events, [], AS_OF) for events in (log, moved))
    assert [u.posterior for u in one.factors] == [u.posterior for u in other.factors]
