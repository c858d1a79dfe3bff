# SPDX-License-Identifier: Apache-2.0
"""What each line of the logs moves, by the closed forms; what it may not move; what is reported."""

from __future__ import annotations

from datetime import date

import pytest

from perilscope.book import Book, load_text
from perilscope.engines.laws.distributions import Beta, Gamma
from perilscope.evidence.incidents import Incident, Outcome, Trial
from perilscope.learning.update import Against, Learned, Update, learn

AS_OF = date(2026, 11, 20)
SINCE = date(2024, 11, 20)
YEARS = 730 / 365.25
TEF = "frequency.threat_event_frequency"
VULNERABILITY = "frequency.vulnerability"

TEXT = """
institution: {name: Northlight, kind: hedge fund}
currency: USD
as_of: 2026-11-20
incidents: incidents.csv
tests: tests.csv
observed_since: 2024-11-20
assets: {desk: {kind: other}}
vulnerabilities: {weak-mail: {where: mail}}
networks:
  net: {nodes: {click: {states: [no, yes], table: [0.9, 0.1]}}}
scenarios:
  theft: {asset: desk, frequency: "belief(gamma(2, 10)) per year", magnitude: 1M}
  monthly: {asset: desk, frequency: "belief(gamma(2, 10)) per month", magnitude: 1M}
  phishing:
    asset: desk
    vulnerability: weak-mail
    frequency:
      threat_event_frequency: belief(gamma(mean=4, sd=2)) per year
      vulnerability: belief(beta(2, 8))
    magnitude: 1M
  plain: {asset: desk, frequency: 1 in 5 years, magnitude: 1M}
  guessed: {asset: desk, frequency: "belief(0.1 to 0.5) per year", magnitude: 1M}
  split:
    asset: desk
    frequency:
      threat_event_frequency:
        contact_frequency: 2 per week
        probability_of_action: belief(beta(2, 38))
      vulnerability: 10 %
    magnitude: 1M
  strong:
    asset: desk
    frequency:
      threat_event_frequency: 3 per year
      vulnerability: {threat_capability: "beta(2, 3)", resistance_strength: "beta(5, 2)"}
    magnitude: 1M
  driven: {asset: desk, frequency: from net.click, magnitude: 1M}
  yearly:
    asset: desk
    frequency: belief(gamma(2, 10)) per year
    counts: at most one a year
    magnitude: 1M
controls:
  training: {cuts: {phishing: 80 % of vulnerability}, sure: 60 % to 90 %}
  filter: {cuts: {phishing: 50 % of threat_event_frequency}}
  mixed:
    cuts: {phishing: 50 % of threat_event_frequency, theft: 20 % of frequency}
    sure: 10 % to 80 %
"""


def firm(old: str = "", new: str = "") -> Book:
    assert old in TEXT
    return load_text(TEXT.replace(old, new) if old else TEXT)


def incident(
    scenario: str, outcome: Outcome = "loss", on: str = "2025-06-01", line: int = 0
) -> Incident:
    return Incident(date.fromisoformat(on), scenario, outcome, None, "desk", line)


def trial(target: str, trials: int, successes: int, on: str = "2025-06-01", line: int = 0) -> Trial:
    return Trial(date.fromisoformat(on), target, trials, successes, line)


def updated(learned: Learned, owner: str, factor: str) -> Update:
    (found,) = [u for u in learned.factors if (u.scenario, u.factor) == (owner, factor)]
    return found


def against(learned: Learned, owner: str, factor: str) -> Against:
    (found,) = [a for a in learned.against if (a.scenario, a.factor) == (owner, factor)]
    return found


def said(learned: Learned) -> str:
    return "\n".join(map(str, learned.findings))


# --- frequencies ----------------------------------------------------------------------------------


def test_a_loss_moves_a_believed_frequency_by_the_closed_form() -> None:
    found = updated(learn(firm(), [incident("theft")], [], AS_OF), "theft", "frequency")
    assert found.prior == Gamma(2.0, 0.1)
    assert isinstance(found.posterior, Gamma)
    assert found.posterior.shape == 3.0
    assert found.posterior.mean == pytest.approx(3 / (10 + YEARS), rel=1e-15)
    assert (found.events, found.exposure_years) == (1, YEARS)
    assert found.prior_text == "belief(gamma(shape=2, rate=10)) per year"
    assert found.posterior_text == "belief(gamma(shape=3, rate=11.9986)) per year"


def test_quiet_alone_is_evidence() -> None:
    found = updated(learn(firm(), [], [], AS_OF), "theft", "frequency")
    assert found.posterior.mean == pytest.approx(2 / (10 + YEARS), rel=1e-15)
    assert len(found.moves) == 1


def test_a_belief_per_month_is_updated_per_year() -> None:
    found = updated(learn(firm(), [incident("monthly")], [], AS_OF), "monthly", "frequency")
    assert found.prior.mean == pytest.approx(2.4, rel=1e-15)
    assert found.posterior.mean == pytest.approx(3 / (10 / 12 + YEARS), rel=1e-14)


def test_a_near_miss_does_not_move_a_frequency_of_losses_and_this_is_said() -> None:
    log = [incident("theft", "near miss", line=7), incident("theft", "blocked", line=8)]
    quiet, found = (
        updated(learn(firm(), events, [], AS_OF), "theft", "frequency") for events in ([], log)
    )
    assert found.posterior == quiet.posterior
    assert found.moves[1:] == (
        ("2025-06-01 near miss (line 7): no loss, so it does not count here", 0.0),
        ("2025-06-01 blocked (line 8): no loss, so it does not count here", 0.0),
    )


def test_every_outcome_counts_for_threat_events_and_decides_the_vulnerability() -> None:
    log = [
        incident("phishing", "loss"),
        incident("phishing", "blocked", "2025-07-01"),
        incident("phishing", "near miss", "2025-08-01"),
    ]
    learned = learn(firm(), log, [], AS_OF)
    threat = updated(learned, "phishing", TEF)
    assert threat.posterior.mean == pytest.approx((4 + 3) / (1 + YEARS), rel=1e-14)
    assert updated(learned, "phishing", VULNERABILITY).posterior == Beta(3.0, 10.0)


def test_the_moves_are_the_closed_forms_and_add_up() -> None:
    log = [incident("phishing", "loss"), incident("phishing", "blocked", "2025-07-01")]
    learned = learn(firm(), log, [], AS_OF)
    threat = updated(learned, "phishing", TEF)
    each = 1 / (1 + YEARS)
    assert [m for _, m in threat.moves] == pytest.approx([-4 * YEARS * each, each, each], rel=1e-14)
    weak = updated(learned, "phishing", VULNERABILITY)
    assert [m for _, m in weak.moves] == pytest.approx([0.8 / 12, -0.2 / 12], rel=1e-14)
    for found in (threat, weak):
        gap = found.posterior.mean - found.prior.mean
        assert sum(m for _, m in found.moves) == pytest.approx(gap, rel=1e-13)


def test_the_posterior_is_what_the_assessment_asks_for() -> None:
    learned = learn(firm(), [incident("theft")], [trial("training", 40, 33)], AS_OF)
    theft = updated(learned, "theft", "frequency")
    assert learned.distribution("theft", "frequency") is theft.posterior
    assert learned.distribution("phishing", VULNERABILITY) is None
    assert learned.distribution("phishing", TEF) is updated(learned, "phishing", TEF).posterior
    assert learned.distribution("plain", "frequency") is None
    effect = updated(learned, "training", "sure").posterior
    survives = learned.distribution("training", "sure")
    assert survives is not None
    assert survives.mean == pytest.approx(1 - effect.mean, rel=1e-14)


# --- tests of controls and weak points ------------------------------------------------------------


def test_tests_of_a_control_update_how_sure_its_effect_is() -> None:
    trials = [trial("training", 20, 17), trial("training", 20, 16, "2026-01-05")]
    found = updated(learn(firm(), [], trials, AS_OF), "training", "sure")
    assert isinstance(found.prior, Beta)
    assert isinstance(found.posterior, Beta)
    assert found.prior.mean == pytest.approx(0.8, rel=1e-15)
    assert float(found.prior.ppf(0.95) - found.prior.ppf(0.05)) == pytest.approx(0.3, rel=1e-10)
    assert found.posterior.a == found.prior.a + 33
    assert found.posterior.b == found.prior.b + 7
    assert (found.events, found.trials) == (33, 40)
    gap = found.posterior.mean - found.prior.mean
    assert sum(m for _, m in found.moves) == pytest.approx(gap, rel=1e-12)
    assert found.prior_text == "80 %, sure: 60 % to 90 %"


@pytest.mark.parametrize(
    "target",
    ["phishing", "phishing.vulnerability", "phishing.frequency.vulnerability", "weak-mail"],
)
def test_tests_of_a_weak_point_update_the_vulnerability(target: str) -> None:
    found = updated(learn(firm(), [], [trial(target, 20, 1)], AS_OF), "phishing", VULNERABILITY)
    assert found.posterior == Beta(3.0, 27.0)


def test_incidents_and_tests_of_a_weak_point_add_up() -> None:
    learned = learn(firm(), [incident("phishing", "blocked")], [trial("phishing", 20, 1)], AS_OF)
    assert updated(learned, "phishing", VULNERABILITY).posterior == Beta(3.0, 28.0)


def test_a_control_that_cuts_by_different_amounts_does_not_learn() -> None:
    learned = learn(firm(), [], [trial("mixed", 3, 1)], AS_OF)
    assert learned.distribution("mixed", "sure") is None
    assert "controls.mixed: its tests change nothing" in said(learned)


def test_tests_of_a_scenario_without_a_vulnerability_are_reported() -> None:
    assert "scenarios.theft: its tests change nothing" in said(
        learn(firm(), [], [trial("theft", 3, 1)], AS_OF)
    )


# --- what is never changed ------------------------------------------------------------------------


def test_a_plain_number_is_never_changed_and_the_evidence_is_shown() -> None:
    learned = learn(firm(), [incident("plain")] * 3, [], AS_OF)
    assert learned.distribution("plain", "frequency") is None
    found = against(learned, "plain", "frequency")
    assert (found.declared, found.observed) == (0.2, 3)
    assert found.expected == pytest.approx(0.2 * YEARS, rel=1e-15)
    assert "declared as 1 in 5 years" in found.sentence
    assert "0.79 % of cases" in found.sentence


def test_a_belief_of_another_law_is_never_changed_either() -> None:
    learned = learn(firm(), [incident("guessed")], [], AS_OF)
    assert learned.distribution("guessed", "frequency") is None
    assert against(learned, "guessed", "frequency").observed == 1


def test_contacts_and_actions_are_compared_as_their_product() -> None:
    learned = learn(firm(), [incident("split", "blocked")], [], AS_OF)
    found = against(learned, "split", TEF)
    assert found.declared == pytest.approx(2 * 365.25 / 7 * 0.05, rel=1e-12)
    weak = against(learned, "split", VULNERABILITY)
    assert (weak.observed, weak.trials, weak.probability) == (0, 1, pytest.approx(0.9))


def test_a_plain_effect_of_a_control_is_shown_against_its_tests() -> None:
    found = against(learn(firm(), [], [trial("filter", 10, 1)], AS_OF), "filter", "sure")
    assert found.probability == pytest.approx(11 / 1024, rel=1e-12)
    assert found.sentence.startswith("filter: effect is declared as 50 %; of 10 cases 5 were")


def test_a_gamma_belief_about_another_law_of_counts_is_not_updated() -> None:
    learned = learn(firm(), [incident("yearly")], [], AS_OF)
    assert learned.distribution("yearly", "frequency") is None
    assert "scenarios.yearly: its frequency is not updated" in said(learned)
    assert against(learned, "yearly", "frequency").observed == 1


def test_what_a_network_gives_is_left_alone_and_said() -> None:
    learned = learn(firm(), [incident("driven")], [], AS_OF)
    assert "scenarios.driven: its incidents (1) change nothing" in said(learned)
    assert "scenarios.driven" not in said(learn(firm(), [], [], AS_OF))


def test_capability_against_strength_is_left_alone_and_said() -> None:
    learned = learn(firm(), [incident("strong", "blocked")], [], AS_OF)
    assert "scenarios.strong: the outcomes logged do not change its vulnerability" in said(learned)


# --- the log itself -------------------------------------------------------------------------------


def test_lines_that_do_not_count_are_reported_with_their_place() -> None:
    log = [
        incident("theff", line=3),
        incident("theft", on="2026-11-21", line=4),
        incident("theft", on="2024-11-19", line=5),
        incident("theft", on="2024-11-18", line=6),
    ]
    learned = learn(firm(), log, [trial("nothing", 3, 1, line=2)], AS_OF)
    assert updated(learned, "theft", "frequency").events == 0
    text = said(learned)
    assert "line 3 not counted: no scenario is called 'theff'. Did you mean `theft`?" in text
    assert "line 4 not counted: after the as-of date 2026-11-20" in text
    assert "lines 5, 6 not counted: before the watch began on 2024-11-20" in text
    assert "tests: line 2 not counted: nothing that can be tested is called 'nothing'" in text


def test_both_ends_of_the_watch_belong_to_it() -> None:
    log = [incident("theft", on="2024-11-20"), incident("theft", on="2026-11-20")]
    assert updated(learn(firm(), log, [], AS_OF), "theft", "frequency").events == 2


def test_tests_after_the_as_of_date_do_not_count() -> None:
    learned = learn(firm(), [], [trial("training", 3, 1, "2026-12-01", line=2)], AS_OF)
    assert learned.distribution("training", "sure") is None
    assert "tests: line 2 not counted: after the as-of date" in said(learned)


def test_a_line_that_stands_twice_counts_twice_and_is_reported() -> None:
    learned = learn(firm(), [incident("theft", line=2), incident("theft", line=9)], [], AS_OF)
    assert updated(learned, "theft", "frequency").events == 2
    assert "line 9 says the same as line 2" in said(learned)


def test_without_a_start_of_the_watch_no_frequency_learns() -> None:
    book = firm("observed_since: 2024-11-20\n", "")
    learned = learn(book, [incident("theft"), incident("phishing", "blocked")], [], AS_OF)
    assert learned.distribution("theft", "frequency") is None
    assert updated(learned, "phishing", VULNERABILITY).posterior == Beta(2.0, 9.0)
    assert "since when the log is kept" in said(learned)


def test_without_a_log_nothing_is_learned_from_silence() -> None:
    book = firm("incidents: incidents.csv\n", "")
    assert learn(book, [], [], AS_OF) == Learned()


def test_a_watch_that_starts_after_its_end() -> None:
    learned = learn(firm(), [], [], date(2024, 1, 1))
    assert not learned.factors
    assert "the watch starts on 2024-11-20" in said(learned)


def test_a_watch_of_no_days_counts_events_only() -> None:
    learned = learn(firm(), [incident("theft", on="2024-11-20")], [], SINCE)
    found = updated(learned, "theft", "frequency")
    assert found.posterior.mean == pytest.approx(0.3, rel=1e-15)


def test_a_log_of_losses_alone_is_questioned_when_attempts_should_be_in_it() -> None:
    log = [incident("phishing"), incident("phishing", on="2025-07-01")]
    learned = learn(firm(), log, [], AS_OF)
    assert "all 2 logged events are losses" in said(learned)
    assert updated(learned, "phishing", VULNERABILITY).posterior == Beta(4.0, 8.0)


def test_hostile_names_in_a_log_are_quoted_and_short() -> None:
    text = said(learn(firm(), [incident("<b>\x1b[31m" + "x" * 500)], [], AS_OF))
    assert "\x1b" not in text
    assert len(text) < 300


def test_an_estimate_that_cannot_be_read_stops_nothing_else() -> None:
    book = firm("sure: 60 % to 90 %", "sure: 10 % to 30 %")  # does not contain the mean
    learned = learn(book, [incident("theft")], [trial("training", 40, 33)], AS_OF)
    assert learned.distribution("training", "sure") is None
    assert updated(learned, "theft", "frequency").events == 1
