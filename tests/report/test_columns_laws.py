# SPDX-License-Identifier: Apache-2.0
"""Lines are shared fairly, columns fit, and no figure is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from perilscope.report.columns import allot, figures, lay, words, wrapped

wants = st.lists(st.integers(0, 40), min_size=1, max_size=4)


@given(st.integers(4, 60), wants)
def test_lists_get_what_they_want_or_all_lines_are_used(lines: int, wanted: list[int]) -> None:
    given_ = allot(lines, wanted, [4] * len(wanted))
    assert all(got <= want for got, want in zip(given_, wanted, strict=True))
    assert sum(given_) == min(lines, sum(wanted))


@given(st.lists(st.tuples(st.text("abc ", max_size=60), st.integers(0, 10**9)), max_size=8))
def test_names_give_way_and_figures_stay(rows: list[tuple[str, int]]) -> None:
    cells = [[(name, ""), (str(amount), "")] for name, amount in rows]
    lines = lay([words("name", 8, 60), figures("amount")], cells, 40)
    assert all(cell_len(line.plain) <= 40 for line in lines)
    for line, (_, amount) in zip(lines[1:], rows, strict=True):
        assert line.plain.split()[-1] == str(amount)


@given(st.lists(st.integers(0, 10**6), max_size=60), st.integers(12, 60), st.integers(1, 4))
def test_a_sentence_is_cut_between_words(numbers: list[int], width: int, most: int) -> None:
    lines = [line.plain for line in wrapped(" ".join(map(str, numbers)), width, most)]
    assert len(lines) <= most
    assert all(len(line) <= width for line in lines)
    shown = [word for line in lines for word in line.split() if word != "…"]
    assert shown == list(map(str, numbers))[: len(shown)]
