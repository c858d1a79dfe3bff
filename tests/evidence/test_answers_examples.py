# SPDX-License-Identifier: Apache-2.0
"""Files of experts' answers: both forms say the same, and every fault has its place."""

from __future__ import annotations

import pytest

from perilscope.errors import DataError
from perilscope.evidence.answers import MOST_ITEMS, parse_study

YAML = b"""\
experts: [ciso, quant]
quantiles: [5 %, 50 %, 95 %]
items:
  phish: {truth: 12, answers: {ciso: [4, 10, 30], quant: [8, 11, 16]}}
  theft: {kind: money, answers: {quant: [100k, 2M, 9M]}}
"""
CSV = b"""\
item,expert,p5,p50,p95,truth,kind
phish,ciso,4,10,30,12,
phish,quant,8,11,16,,
theft,quant,100k,2M,9M,,money
"""


def test_both_forms_say_the_same() -> None:
    assert parse_study("a.yaml", YAML) == parse_study("a.csv", CSV)


def test_columns_of_quantiles_stand_in_any_order() -> None:
    turned = b"p95,item,p5,expert,p50\n30,phish,4,ciso,10\n"
    study = parse_study("a.csv", turned)
    assert study.levels == (0.05, 0.5, 0.95)
    assert study.items[0].answers == ((4.0, 10.0, 30.0),)


def test_weights_and_scales() -> None:
    text = YAML.replace(b"items:", b"weights: {quant: 3}\nitems:").replace(
        b"truth: 12,", b"truth: 12, scale: uniform,"
    )
    study = parse_study("a.yml", text)
    assert study.weights == (0.0, 3.0)
    assert [item.scale for item in study.items] == ["uniform", "log"]


def test_numbers_that_reach_zero_are_on_a_plain_scale() -> None:
    text = YAML.replace(b"[4, 10, 30]", b"[0, 10, 30]")
    assert parse_study("a.yaml", text).items[0].scale == "uniform"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (b"[4, 10, 30]", b"[4, 10]", 4, "3 quantiles are wanted"),
        (b"[4, 10, 30]", b"[4, 10, 9]", 4, "rise"),
        (b"[4, 10, 30]", b"[4, ten, 30]", 4, "cannot read 'ten'"),
        (b"[4, 10, 30]", b"[4, 1 to 2, 30]", 4, "not a plain number"),
        (b"truth: 12", b"truth: -12, scale: log", 4, "above zero"),
        (b"truth: 12", b"trueth: 12", 4, "`trueth` is not known"),
        (b"kind: money", b"kind: cash", 5, "'cash' is not one of"),
        (b"ciso: [4", b"cio: [4", 4, "`cio` is not known"),
        (b"5 %, 50 %, 95 %", b"50 %, 5 %, 95 %", 1, "rise"),
        (b"5 %, 50 %, 95 %", b"5, 50, 95", 2, "between 0 and 100 %"),
        (b"[ciso, quant]", b"ciso", 1, "is a list"),
        (b"[ciso, quant]", b"[ciso, quant, quant]", 1, "same name"),
        (b"{quant: [100k, 2M, 9M]}", b"{}", 1, "nobody answered"),
        (b"items:", b"thing: 1\nitems:", 3, "`thing` is not known"),
    ],
)
def test_a_fault_of_yaml_has_its_place(old: bytes, new: bytes, line: int, says: str) -> None:
    with pytest.raises(DataError, match=says) as refused:
        parse_study("a.yaml", YAML.replace(old, new))
    assert line in [fault.line for fault in refused.value.faults]


@pytest.mark.parametrize("text", [b"", b"# nothing", b"- a\n- b\n", b"{", b"just words"])
def test_what_is_no_study_is_refused(text: bytes) -> None:
    with pytest.raises(DataError):
        parse_study("a.yaml", text)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (b"4,10,30,12", b"4,ten,30,12", 2, "cannot read 'ten'"),
        (b"4,10,30,12", b"4,,30,12", 2, "some quantiles are missing"),
        (b"8,11,16,,", b"8,11,16,13,", 3, "another truth further up"),
        (b"phish,quant", b"phish,ciso", 3, "twice"),
        (b"theft,quant", b"theft,", 4, "names an item and an expert"),
        (b"p5,p50", b"p5,p5", 1, "twice"),
        (b"item,expert", b"item,name", 1, "columns are missing"),
        (b"p5,p50,p95", b"p0,p50,p95", 1, "between p0 and p100"),
        (b"4,10,30,12", b"4,10,9,12", 2, "rise"),
    ],
)
def test_a_fault_of_csv_has_its_line(old: bytes, new: bytes, line: int, says: str) -> None:
    with pytest.raises(DataError, match=says) as refused:
        parse_study("a.csv", CSV.replace(old, new))
    assert line in [fault.line for fault in refused.value.faults]


def test_a_panel_too_large_is_refused_before_it_is_combined() -> None:
    rows = b"".join(b"i%d,ciso,1,2,3\n" % n for n in range(MOST_ITEMS + 1))
    with pytest.raises(DataError, match="at most"):
        parse_study("a.csv", b"item,expert,p5,p50,p95\n" + rows)
