# SPDX-License-Identifier: Apache-2.0
"""The run document holds what its schema says, and nothing of the machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import perilscope
from perilscope.engines.networks import agrum
from perilscope.report import html, press
from perilscope.report.schema import schema

from .conftest import EXAMPLE, ROOT


@pytest.mark.parametrize("engine", ["exact", "simulation", "both"])
def test_a_run_by_each_engine_fits_the_schema(engine: str) -> None:
    run = perilscope.quantify(EXAMPLE, engine=engine, years=20_000, band=engine == "exact")
    problems = list(Draft202012Validator(schema()).iter_errors(run.document))
    assert not problems, problems[0].message


def test_every_number_of_a_scenario_stands_in_its_tree(exact: dict[str, Any]) -> None:
    for row in exact["scenarios"]:
        nodes = list(_walk(row["tree"]))
        assert nodes[0]["mean"] == pytest.approx(row["ale"], rel=1e-12)
        often, much = nodes[0]["children"]
        before_caps = nodes[0]["uncapped"] if nodes[0]["uncapped"] is not None else row["ale"]
        assert often["mean"] * much["mean"] == pytest.approx(before_caps, rel=1e-12)
        texts = {node["path"]: node["text"] for node in nodes}
        for leaf in row["factors"]:
            assert texts[leaf["path"]] == leaf["text"]
        low, high = row["ale_interval"]
        assert low <= row["ale"] * (1 + 1e-12)
        assert row["ale"] <= high * (1 + 1e-12)


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from _walk(child)


def test_a_tornado_moves_every_estimate_of_its_scenario(perilscope: Any) -> None:
    key = "account-takeover"
    done = perilscope("explain", EXAMPLE, key, "--engine", "exact", "--json", "-")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert {s["path"] for s in row["tornado"]} == {leaf["path"] for leaf in row["factors"]}
    widths = [abs(s["cvar99"][1] - s["cvar99"][0]) for s in row["tornado"]]
    assert widths == sorted(widths, reverse=True)
    for swing in row["tornado"]:
        assert min(swing["cvar99"]) <= row["cvar"]["0.99"] <= max(swing["cvar99"])


def test_it_names_no_path_and_no_time_of_day(both: dict[str, Any]) -> None:
    text = json.dumps(both)
    assert str(ROOT) not in text
    assert not re.search(r"\d{2}:\d{2}:\d{2}", text)


def test_the_sample_history_says_what_it_is_wherever_it_is_shown(both: dict[str, Any]) -> None:
    assert "NOT REAL PRICES" in both["market"]["note"]
    assert "NOT REAL PRICES" in html.render(both)


def test_networks_agree_with_the_second_route(both: dict[str, Any]) -> None:
    run = perilscope.quantify(EXAMPLE, engine="exact")
    for name, driver in run.result.drivers.networks.items():
        other = agrum.marginals(driver.network, driver.evidence)
        for node, states in both["networks"][name].items():
            assert np.allclose(
                [states[s] for s in states], [other[node][s] for s in states], atol=1e-12
            )


def test_limits_of_a_year_do_not_move_with_the_horizon() -> None:
    one = perilscope.quantify(EXAMPLE, engine="exact").document["limits"]
    two = perilscope.quantify(EXAMPLE, engine="exact", horizon="2 years").document["limits"]
    for a, b in zip(one, two, strict=True):
        assert a["value"] == pytest.approx(b["value"], rel=1e-9)


def test_the_horizon_given_for_a_run_is_not_part_of_the_book() -> None:
    one = perilscope.quantify(EXAMPLE, engine="exact").document["book"]["hash"]
    two = perilscope.quantify(EXAMPLE, engine="exact", horizon="2 years").document["book"]["hash"]
    assert one == two


def test_the_report_is_the_same_from_the_process_beside(both: dict[str, Any]) -> None:
    with press.Press() as printed:
        assert printed.page(both)() == html.render(both)


def test_without_a_second_process_the_report_is_made_here(
    both: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(press.subprocess, "Popen", none)
    with press.Press() as printed:
        assert printed.page(both)() == html.render(both)


def test_what_is_written_is_what_is_printed(perilscope: Any, tmp_path: Path) -> None:
    done = perilscope("run", EXAMPLE, "--years", "10000", "--out", tmp_path / "o", "--json", "-")
    assert (tmp_path / "o" / "run.json").read_text(encoding="utf-8") == done.stdout
