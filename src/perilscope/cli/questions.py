# SPDX-License-Identifier: Apache-2.0
"""The questions of `elicit` in their order: extremes before the middle, and a bet at the end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from perilscope.cli.dialogue import Dialogue, one_of
from perilscope.cycle.people import implied
from perilscope.errors import MisuseError
from perilscope.evidence.questions import Given, Question, claim
from perilscope.evidence.questions import interval as typed_interval
from perilscope.learning.experts import METHODS, Method
from perilscope.report import elicit as drawn

_WHAT = (
    "In a few words, like: loss per event of a phished mailbox; how often an exchange we use stops "
    "withdrawals; chance that an attempt succeeds."
)
_VALUE = (
    "Money like 200k or 1.5M; how often like 0.2 per year or 1 in 5 years; a probability like 4 % "
    "or 1 in 25."
)
_BET = (
    "Two bets that both pay $1,000. In one you win if the truth lies inside your interval. In the "
    "other you draw a ball from an urn with 9 white balls and 1 black, and win on white. If you "
    "prefer the urn, you do not believe your interval to hold 9 in 10: widen it. If you prefer the "
    "interval, it holds more than that: narrow it."
)


def interval(dialogue: Dialogue, *, kind: str, what: str, **fixed: Any) -> dict[str, Any]:
    """An interval, asked for until one would bet on it as on 9 white balls in 10."""
    what = what or dialogue.ask("What do you estimate?", _WHAT, str)
    while True:
        low = _end(dialogue, "Low end: only 1 case in 20 lies below", kind)
        named = kind or implied.kind_of(low)
        high = _end(dialogue, "High end: only 1 case in 20 lies above", named, above=low)
        try:
            found = implied.interval(low, high, kind=named, what=what, **fixed)
        except MisuseError as error:  # one by one the ends were good, together they make no law
            dialogue.say(str(error))
            continue
        choice = dialogue.ask(
            f"Rather bet on {low} to {high} (interval), on 9 white balls in 10 (urn), or all the "
            "same (same)?",
            _BET,
            one_of({"interval": "i", "urn": "u", "same": "s"}),
        )
        if choice == "same":
            return found
        wider = "Then it is too narrow: give ends that are further apart."
        dialogue.say(wider if choice == "urn" else "Then it is too wide: give closer ends.")


def quantiles(dialogue: Dialogue, *, kind: str, what: str, **fixed: Any) -> dict[str, Any]:
    """Quantiles: the extremes first, then the middle, then as many more as wanted."""
    what = what or dialogue.ask("What do you estimate?", _WHAT, str)
    low = _end(dialogue, "5 %: so low that only 1 case in 20 lies below", kind)
    named = kind or implied.kind_of(low)
    high = _end(dialogue, "95 %: so high that only 1 case in 20 lies above", named, above=low)
    middle = _end(dialogue, "50 %: as many cases above as below", named, above=low, below=high)
    given = {0.05: low, 0.5: middle, 0.95: high}

    def another(text: str) -> dict[str, Any] | None:
        if text.lower() in ("d", "done"):
            return implied.quantiles(given, kind=named, what=what, **fixed)
        more = {**given, **implied.levels([text])}
        implied.quantiles(more, kind=named, what=what, **fixed)  # refuses what cannot be
        given.update(more)
        return None

    explain = "Another quantile, like 25=120k: 25 % of all cases lie below 120k. done ends."
    while True:
        found = dialogue.ask("Another, like 25=120k, or done?", explain, another)
        if found is not None:
            return found


def training(
    dialogue: Dialogue, picked: Sequence[Question], answers: list[tuple[Question, Given]]
) -> None:
    """The questions of a round; every answer is added as it is given, and the truth is shown."""
    from perilscope.cycle.people.training import row

    numbers = (
        "Two numbers between which you are 90 % sure that the truth lies, like 8k to 12k or "
        "2008 2012. Wide is right where you know little."
    )
    words = (
        "true or false, and how sure you are: true 80 %. 50 % is a coin, 100 % is certain. Whoever "
        "is 80 % sure is right 8 times in 10."
    )
    for count, question in enumerate(picked, 1):
        head = f"{count}/{len(picked)} {question.text}"
        if question.is_statement:
            given = dialogue.ask(f"{head} True or false, how sure?", words, claim)
        else:
            given = dialogue.ask(
                f"{head} 90 % interval:",
                numbers,
                partial(typed_interval, question=question),
            )
        answers.append((question, given))
        dialogue.console.print(drawn.answered(row(question, given)))


def experts(dialogue: Dialogue) -> tuple[Path, Method | None]:
    """A file of answers, and the way to combine them."""
    explain = (
        "A YAML or CSV file of experts' answers; the guide on estimates from people shows one."
    )
    file = Path(dialogue.ask("File of answers?", explain, str))
    methods: dict[str, Method | None] = {"best": None, **{method: method for method in METHODS}}
    explain = (
        "best takes Cooke's model where some questions have known answers, else equal weights."
    )
    chosen = dialogue.ask(
        f"How ({', '.join(methods)})?", explain, one_of({name: name for name in methods})
    )
    return file, methods[chosen]


def _end(dialogue: Dialogue, question: str, kind: str, above: str = "", below: str = "") -> str:
    """A number of a kind, as typed, that lies where it must."""

    def understand(text: str) -> str:
        named = kind or implied.kind_of(text)
        value = implied.value_of(text, named)
        if not value > (implied.value_of(above, named) if above else 0.0):
            raise MisuseError(f"this lies above {above or 'zero'}; here {text}")
        if below and not value < implied.value_of(below, named):
            raise MisuseError(f"this lies below {below}; here {text}")
        return text

    return dialogue.ask(f"{question}:", _VALUE, understand)
