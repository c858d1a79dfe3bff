# SPDX-License-Identifier: Apache-2.0
"""The committed schema takes what a run may be and refuses what it may not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from perilscope.report.schema import schema

Document = dict[str, Any]


@pytest.fixture
def check() -> Callable[[Document], None]:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema()).validate


def test_full_empty_and_hostile_runs_are_taken(
    check: Callable[[Document], None],
    run: Document,
    bare: Document,
    hostile: Callable[[str], Document],
) -> None:
    check(run)
    check(bare)
    check(hostile("<script>"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: run.update(seconds=3.2),
        lambda run: run["scenarios"][0].update(started="10:00"),
        lambda run: run["scenarios"][0].pop("ale"),
        lambda run: run["scenarios"][0].update(probability_of_loss=1.2),
        lambda run: run["scenarios"][0].update(layer="market"),
        lambda run: run["scenarios"][0]["var"].pop("0.999"),
        lambda run: run["enterprise"].update(ale="875k"),
        lambda run: run["enterprise"]["exceedance"].append([1.0]),
        lambda run: run["networks"]["staff"]["click"].update(yes=-0.1),
        lambda run: run["controls"][0].pop("rosi"),
        lambda run: run["limits"][0].update(unit="percent"),
        lambda run: run["book"].update(hash="7f3a1c"),
        lambda run: run["provenance"]["data"][0].update(path="/home"),
        lambda run: run.update(as_of="20 November 2026"),
        lambda run: run.update(format=2),
    ],
)
def test_what_a_run_may_not_be_is_refused(
    check: Callable[[Document], None], run: Document, spoil: Callable[[Document], None]
) -> None:
    spoil(run)
    with pytest.raises(ValidationError):
        check(run)


def test_the_schema_names_everything_a_reader_was_promised() -> None:
    promised = {
        "book", "as_of", "horizon_years", "seed", "currency", "scenarios", "failed", "layers",
        "enterprise", "market", "networks", "controls", "limits", "sentences", "findings", "checks",
        "provenance",
    }  # fmt: skip
    assert promised <= set(schema()["required"])
    measures = {"ale", "sd", "probability_of_loss", "var", "cvar", "error", "method"}
    for part in ("scenario", "measures", "enterprise"):
        assert measures <= set(schema()["$defs"][part]["required"])


def test_a_copy_is_handed_out() -> None:
    schema()["properties"].clear()
    assert schema()["properties"]
    assert not math.isnan(len(schema()))
