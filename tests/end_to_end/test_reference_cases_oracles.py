# SPDX-License-Identifier: Apache-2.0
"""Reference cases, written as books and taken through the whole walk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import perilscope
from perilscope.engines.distributions import Beta, Normal
from perilscope.engines.overcome import overcome

CASES = Path(__file__).parents[3] / "shared" / "data" / "reference" / "cases.yaml"


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    if not CASES.is_file():
        pytest.skip(f"the reference cases are not here: {CASES.name} beside the project")
    found = YAML(typ="safe", pure=True).load(CASES.read_text(encoding="utf-8"))
    return {case["id"]: case for case in (found["cases"] if isinstance(found, dict) else found)}


def severity(law: list[Any]) -> str:
    name, *numbers = law
    if name == "lognormal90":
        return f"lognormal(p5={numbers[0]!r}, p95={numbers[1]!r})"
    if name == "pert":
        return "pert(" + ", ".join(f"{x!r}" for x in numbers) + ")"
    assert name == "const", name
    return f"{numbers[0]!r}"


def book(register: list[dict[str, Any]]) -> dict[str, Any]:
    scenarios = {}
    for i, item in enumerate(register):
        law, rate = item["freq"]
        scenarios[f"s{i}"] = {
            "name": item["name"],
            "asset": "business",
            "frequency": f"{rate!r} per year",
            "counts": "at most one a year" if law == "bernoulli" else "poisson",
            "magnitude": severity(item["sev"]),
        }
    return {
        "institution": {"name": "Reference"},
        "currency": "USD",
        "as_of": "2026-01-31",
        "assets": {"business": {"kind": "other"}},
        "scenarios": scenarios,
    }


@pytest.mark.parametrize("case", ["TRUTH-SEED_DIST", "TRUTH-REG20"])
def test_registers_with_a_converged_truth(case: str, cases: dict[str, Any]) -> None:
    known = cases[case]
    run = perilscope.quantify(
        perilscope.declare(book(known["inputs"]["register"])), engine="both", years=300_000
    )
    expected, checked = known["expected"], 0
    for key, wanted in expected.items():
        name = str(key).lower().replace("_", "")
        for kind, figure in (("var", run.var), ("q", run.var), ("tvar", run.cvar)):
            digits = name.removeprefix(kind)
            if name.startswith(kind) and digits.isdigit():
                level = float(f"0.{digits}")
                assert figure(level) == pytest.approx(float(wanted), rel=1e-5), key
                checked += 1
        if name in ("mean", "ale"):
            assert run.ale == pytest.approx(float(wanted), rel=1e-9)
            checked += 1
    assert checked >= 3, expected
    assert max(abs(z) for z in run.document["checks"].values()) < 4.5


@pytest.mark.parametrize("name", ["equal", "dominant", "hard", "overlap"])
def test_vulnerability_of_two_perts(name: str, cases: dict[str, Any]) -> None:
    case = cases[f"VULN-{name}"]

    def law(key: str) -> Beta:
        a, b, loc, scale = case["inputs"][key]
        return Beta(a, b, loc, loc + scale)

    found = overcome(law("TCap_args"), law("RS_args"))
    assert found == pytest.approx(case["expected"]["vuln"], abs=1e-8)


@pytest.mark.parametrize("name", ["n1", "n2", "n3"])
def test_vulnerability_of_two_normals(name: str, cases: dict[str, Any]) -> None:
    case = cases[f"VULN-normal-{name}"]
    found = overcome(Normal(*case["inputs"]["TCap"]), Normal(*case["inputs"]["RS"]))
    assert found == pytest.approx(case["expected"]["vuln"], abs=1e-9)
