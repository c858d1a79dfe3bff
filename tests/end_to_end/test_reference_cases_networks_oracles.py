# SPDX-License-Identifier: Apache-2.0
"""Every reference case of networks and detectors, asked as a user asks where a command can.

The cases and networks stand beside the project, in data that is not published: without them these
tests skip. A case of a kind that is checked here and that no check knows fails.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perilscope.cli import run
from perilscope.engines.networks.alertfilter import Condition, Detector, Sign, reading
from perilscope.engines.networks.structure_search import family_score

from ..reference import case, wanted

DATA = Path(__file__).parents[3] / "shared" / "data"
KINDS = {"bn_posterior", "noisy_or", "noisy_max", "base_rate", "lr_odds", "ctmc_alert_filter"}
KINDS |= {"dirichlet"}


def asked(capsys: Any, *words: str) -> dict[str, Any]:
    assert run(["network", *words, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


NETWORKS = ("BN-01-asia", "BN-02-asia", "BN-06-cancer", "BN-09-alarm")
OTHERS = {"NOISYOR-01", "NOISYMAX-01", "BAYES-01", "SOFT-02", "FILTER-01", "CONJ-DIR-01"}


def test_every_case_of_these_kinds_is_known() -> None:
    mine = {name for name, each in wanted().items() if each.get("kind") in KINDS}
    assert mine == {*NETWORKS, *OTHERS}


@pytest.mark.parametrize("name", NETWORKS)
def test_published_networks_by_the_command(capsys: Any, name: str) -> None:
    entry = case(name)
    words = [f"{node}={state}" for node, state in entry["evidence"].items()]
    file = str(DATA / "networks" / f"{entry['network']}.bif")
    found = asked(
        capsys, "query", file, *(["--evidence", *words] if words else []),
        "--target", *entry["expected_posterior"],
    )  # fmt: skip
    assert set(found["marginals"]) == set(entry["expected_posterior"])
    for node, law in entry["expected_posterior"].items():
        assert found["marginals"][node] == pytest.approx(law, abs=1e-12)
    assert found["probability_of_evidence"] == pytest.approx(
        entry["expected_P_evidence"], abs=1e-12
    )


def book(nodes: dict[str, Any]) -> str:
    """A book with one network, as text that is JSON and therefore YAML."""
    return json.dumps(
        {
            "institution": {"name": "Reference"},
            "currency": "USD",
            "as_of": "2026-01-31",
            "networks": {"asked": {"period": "1 year", "nodes": nodes}},
        }
    )


def test_noisy_or_in_a_book(capsys: Any, tmp_path: Path) -> None:
    entry = case("NOISYOR-01")
    names = [f"p{i}" for i in range(len(entry["p"]))]
    nodes: dict[str, Any] = {n: {"states": ["no", "yes"], "table": [0.5, 0.5]} for n in names}
    nodes["y"] = {
        "states": ["no", "yes"],
        "parents": names,
        "table": {"noisy-or": dict(zip(names, entry["p"], strict=True)), "leak": entry["leak"]},
    }
    path = tmp_path / "book.yaml"
    path.write_text(book(nodes), encoding="utf-8")
    for at, expected in entry["expected"].items():
        words = [f"{n}={'yes' if s == '1' else 'no'}" for n, s in zip(names, at, strict=True)]
        found = asked(capsys, "query", str(path), "-e", *words, "-t", "y")
        assert found["marginals"]["y"]["yes"] == pytest.approx(expected, abs=entry["tol_abs"])


def test_noisy_max_in_a_book(capsys: Any, tmp_path: Path) -> None:
    entry = case("NOISYMAX-01")
    states = ["low", "medium", "high"]

    def law(key: str) -> list[float]:
        return [float(step) for step in np.diff(entry[key], prepend=0.0)]

    nodes: dict[str, Any] = {n: {"states": ["no", "yes"], "table": [0.5, 0.5]} for n in "ab"}
    effects = {"a": {"yes": law("cause_A_cdf")}, "b": {"yes": law("cause_B_cdf")}}
    table = {"noisy-max": effects, "leak": law("leak_cdf")}
    nodes["y"] = {"states": states, "parents": ["a", "b"], "table": table}
    path = tmp_path / "book.yaml"
    path.write_text(book(nodes), encoding="utf-8")
    found = asked(capsys, "query", str(path), "-e", "a=yes", "b=yes", "-t", "y")
    assert list(found["marginals"]["y"].values()) == pytest.approx(entry["expected"], abs=1e-14)


def detector(prior: float, hits: list[tuple[float, float]]) -> str:
    """A condition and what detectors of given sensitivity and false-positive rate say, as BIF."""
    lines = [
        "network detectors {}",
        "variable x { type discrete [ 2 ] { no, yes }; }",
        f"probability ( x ) {{ table {1 - prior!r}, {prior!r}; }}",
    ]
    for k, (sensitivity, false) in enumerate(hits):
        lines += [
            f"variable d{k} {{ type discrete [ 2 ] {{ quiet, fired }}; }}",
            f"probability ( d{k} | x ) {{ (no) {1 - false!r}, {false!r}; "
            f"(yes) {1 - sensitivity!r}, {sensitivity!r}; }}",
        ]
    return "\n".join(lines)


def test_a_test_of_a_disease(capsys: Any, tmp_path: Path) -> None:
    """Prevalence 8 %, sensitivity 75 %, specificity 96 %."""
    entry = case("BAYES-01")
    path = tmp_path / "test.bif"
    path.write_text(detector(0.08, [(0.75, 1 - 0.96)]), encoding="utf-8")
    fired = asked(capsys, "query", str(path), "-e", "d0=fired")["marginals"]["x"]
    quiet = asked(capsys, "query", str(path), "-e", "d0=quiet")["marginals"]["x"]
    assert fired["yes"] == pytest.approx(entry["expected"]["PPV"], abs=entry["tol_abs"])
    assert quiet["no"] == pytest.approx(entry["expected"]["NPV"], abs=entry["tol_abs"])


def test_two_detectors_as_findings_and_as_likelihoods(capsys: Any, tmp_path: Path) -> None:
    entry = case("SOFT-02")
    path = tmp_path / "detectors.bif"
    pairs = [(each["tpr"], each["fpr"]) for each in entry["detectors"]]
    path.write_text(detector(entry["prior"], pairs), encoding="utf-8")
    said = ["fired" if each["fired"] else "quiet" for each in entry["detectors"]]
    hard = asked(capsys, "query", str(path), "-e", *(f"d{k}={s}" for k, s in enumerate(said)))
    pairs = [
        (f, s) if each["fired"] else (1 - f, 1 - s)
        for (s, f), each in zip(pairs, entry["detectors"], strict=True)
    ]
    no, yes = (math.prod(pair[k] for pair in pairs) for k in (0, 1))
    soft = asked(capsys, "query", str(path), "--likelihood", f"x={no!r},{yes!r}", "-t", "x")
    for found in (hard, soft):
        assert found["marginals"]["x"]["yes"] == pytest.approx(
            entry["expected"], abs=entry["tol_abs"]
        )
    assert soft["probability_of_evidence"] == pytest.approx(hard["probability_of_evidence"])


def test_the_filter_of_alerts_and_silence() -> None:
    entry = case("FILTER-01")
    condition = Condition(onset=entry["onset_rate"], clears=entry["clear_rate"])
    watch = {"watch": Detector(entry["alert_rate_true"], entry["alert_rate_false"])}
    signs = [Sign(float(at), "watch") for at in entry["alerts"]]
    for now, expected in entry["expected"].items():
        seen = [sign for sign in signs if sign.at <= float(now)]
        found = reading(condition, watch, seen, start=0.0, now=float(now)).probability
        assert found == pytest.approx(expected, abs=entry["tol_abs"])


def test_a_row_learnt_by_the_command(capsys: Any, tmp_path: Path) -> None:
    """One row of three states, a uniform prior of three records, seven records."""
    entry = case("CONJ-DIR-01")
    assert entry["prior"] == [1, 1, 1]
    states = ["a", "b", "c"]
    path, rows, out = tmp_path / "one.json", tmp_path / "rows.csv", tmp_path / "learnt.json"
    node = {"name": "x", "states": states, "parents": [], "table": [0.2, 0.3, 0.5]}
    path.write_text(json.dumps({"perilscope": "network", "version": 1, "nodes": [node]}))
    drawn = [s for s, n in zip(states, entry["counts"], strict=True) for _ in range(n)]
    rows.write_text("\n".join(["x", *drawn]) + "\n")
    asked(
        capsys, "learn", str(path), str(rows), "--ess", "3", "--prior", "uniform", "--out", str(out)
    )
    found = asked(capsys, "query", str(out))["marginals"]["x"]
    assert list(found.values()) == pytest.approx(entry["expected"]["mean"], abs=entry["tol_abs"])
    places = np.array([[states.index(s)] for s in drawn])
    evidence = family_score(places, np.ones(len(drawn)), [], 3, "bdeu", 3.0)
    assert evidence == pytest.approx(entry["expected"]["log_marginal"], abs=entry["tol_abs"])
