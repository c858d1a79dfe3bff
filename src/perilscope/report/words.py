# SPDX-License-Identifier: Apache-2.0
"""What each measure means, in one sentence, and plain words for the keys of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEANINGS: dict[str, str] = {
    "ale": "What this costs in an average year, counting the many years in which nothing happens.",
    "sd": "How far the loss of one period usually lies from its average.",
    "probability_of_loss": "The chance that anything at all is lost in the period.",
    "var": "The smallest loss that is exceeded in at most 1 period in 100 (at 99 %; 1 in 20 at "
    "95 %).",
    "cvar": "The average loss of the worst 1 period in 100 (at 99 %), so it says how bad a bad "
    "year is.",
    "exceedance": "For each amount, the chance of losing more than that in the period.",
    "share_of_ale": "The part of the average year that comes from this scenario.",
    "share_of_tail": "The part of the worst 1 year in 100 (CVaR 99 %) that comes from this "
    "scenario.",
    "ale_interval": "Where the average year lies with 90 % probability, given what is only "
    "believed; no number of years averages this out.",
    "largest": "The largest single event of the period, which it exceeds with the same chance "
    "(occurrence; the lines above are the sums of a period).",
    "bounds": "Limits between which a figure lies for certain, found by moving every loss down and "
    "up on the grid.",
    "tornado": "What a figure becomes when one estimate is moved to its low and its high end and "
    "the others stay.",
    "frequency": "How many loss events a year are expected.",
    "magnitude": "What one event costs when it happens.",
    "vulnerability": "The chance that an attempt becomes a loss.",
    "error": "How far the computed figure may be from the exact one, relative to it, estimated "
    "by computing it on a second, coarser grid.",
    "standard_errors": "The difference between the two engines, measured in how far simulation "
    "usually misses; up to 4 is agreement.",
    "rosi": "What a control saves a year beyond its cost, divided by its cost.",
    "ale_reduction": "What a control takes off the average year.",
    "cvar_reduction": "What a control takes off the mean of the worst 1 year in 100.",
    "annual_cost": "What a control costs a year, with its one-time cost spread over its life.",
    "market_var": "The loss of today's portfolio that price moves exceed in at most 1 in 100 "
    "periods of that many days (at 99 %).",
    "market_cvar": "The average loss of today's portfolio in the worst 1 in 100 periods of that "
    "many days (at 99 %).",
    "interval": "The range in which the figure lies with 90 % confidence, given how much data "
    "stands behind it.",
    "grade": "How good the source of an estimate is: own data, expert, industry or guess.",
    "limit": "The most the institution has said it is willing to bear.",
    "used": "The measured value as a part of the limit; above 100 % the limit is breached.",
    "prior": "What was believed before the incident and test logs were read.",
    "posterior": "What is believed after them.",
    "driven_by": "The node of a network whose probability sets a factor of the scenario.",
    "protocol_probability": "The chance that the protocol is exploited within a year, from the "
    "declared facts about it.",
    "worth": "What would be lost if the asset were lost, on the stated basis.",
    "depeg": "What a shock of prices that a network foresees (a de-peg, say) adds to the "
    "portfolio's CVaR.",
}
"""One sentence for each measure; the keys are the words of the run document."""

TERMS: dict[str, str] = {
    "ale": "average year (annual loss expectancy, ALE)",
    "sd": "standard deviation (sd)",
    "probability_of_loss": "chance of loss",
    "var": "value at risk (VaR)",
    "cvar": "mean of the worst (conditional value at risk, CVaR)",
    "exceedance": "exceedance curve",
    "share_of_ale": "share of the average",
    "share_of_tail": "share of a 1-in-100 year",
    "error": "error",
    "ale_interval": "credible interval of the average year",
    "largest": "largest single event (occurrence exceedance, OEP)",
    "bounds": "rigorous bounds",
    "tornado": "what it is sensitive to (tornado)",
    "standard_errors": "difference in standard errors",
    "rosi": "return (return on security investment, ROSI)",
    "ale_reduction": "saves a year",
    "cvar_reduction": "takes off the mean of the worst",
    "annual_cost": "cost a year",
    "market_var": "market VaR",
    "market_cvar": "market CVaR",
    "interval": "90 % interval",
    "prior": "believed before (prior)",
    "posterior": "believed now (posterior)",
    "driven_by": "driven by",
    "protocol_probability": "exploited in a year",
    "depeg": "what a shock of prices adds",
}
"""The name under which each measure is shown, with the field's term; else the key itself."""


def term(measure: str) -> str:
    """Return the name under which a measure is shown.

    Examples
    --------
    >>> term("rosi"), term("worth")
    ('return (return on security investment, ROSI)', 'worth')
    """
    return TERMS.get(measure, measure.replace("_", " "))


_FACTORS = {
    "threat_event_frequency": "threat event frequency",
    "contact_frequency": "contact frequency",
    "probability_of_action": "probability of action",
    "threat_capability": "threat capability",
    "resistance_strength": "resistance strength",
    "fines_and_judgements": "fines and judgements",
    "competitive_advantage": "competitive advantage",
    "primary": "primary loss",
    "secondary": "secondary loss",
}
_QUESTIONS = {
    "frequency": "how often?",
    "threat_event_frequency": "how often is it tried?",
    "contact_frequency": "how often do they meet?",
    "probability_of_action": "how often do they act?",
    "vulnerability": "how often does it succeed?",
    "susceptibility": "how often does it succeed?",
    "threat_capability": "how able are they?",
    "resistance_strength": "how well do we resist?",
    "magnitude": "how much is lost?",
    "secondary": "what follows?",
}


def factor(path: str) -> str:
    """Return the plain name of a factor from its path in the book.

    Examples
    --------
    >>> factor("frequency"), factor("frequency.threat_event_frequency.contact_frequency")
    ('frequency', 'contact frequency')
    >>> factor("magnitude.secondary.probability"), factor("magnitude.primary.response")
    ('secondary loss: probability', 'primary loss: response')
    >>> factor("magnitude.secondary.magnitude.reputation"), factor("magnitude.secondary.magnitude")
    ('secondary loss: reputation', 'secondary loss')
    """
    parts = [part for part in path.split(".") if part not in ("value", "estimate")]
    words = [_FACTORS.get(part, part.replace("_", " ")) for part in parts]
    if len(parts) > 1 and parts[0] == "magnitude":
        kept = [word for word in words[1:] if word != "magnitude"]
        return "magnitude" if kept == ["primary loss"] else ": ".join(kept)
    return words[-1] if words else path


def question(path: str) -> str:
    """Return what to ask the expert about a factor.

    Examples
    --------
    >>> question("frequency"), question("magnitude.primary"), question("worth")
    ('how often?', 'how much is lost?', 'worth?')
    """
    for part in reversed(path.split(".")):
        if part in _QUESTIONS:
            return _QUESTIONS[part]
    return f"{factor(path)}?"


def source(estimate: Mapping[str, Any]) -> str:
    """Return where an estimate comes from: source, who, when and grade, as far as stated.

    Examples
    --------
    >>> source({"source": "own log", "by": "ciso", "on": "2026-10-02", "grade": "own data"})
    'own log, ciso, 2026-10-02 (own data)'
    >>> source({})
    'not stated'
    """
    said = [str(estimate[key]) for key in ("source", "by", "on") if estimate.get(key)]
    grade = estimate.get("grade")
    if grade and grade not in said:
        said.append(f"({grade})" if said else str(grade))
    text = ", ".join(said).replace(", (", " (")
    return text or "not stated"
