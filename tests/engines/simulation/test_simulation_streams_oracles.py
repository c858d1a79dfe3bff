# SPDX-License-Identifier: Apache-2.0
"""The keyed function of a counter as a source of random numbers: what chance would do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.simulation.vectorised import draws
from perilscope.engines.streams import words

N = 1 << 18
UNLIKELY = 1e-5
"""A test fails wrongly about once in this many; streams are fixed, so it fails always or never."""


def one_stream() -> np.ndarray:
    return draws(0, N, words(7, "theft", "event", 0))


def many_blocks() -> np.ndarray:
    """The first numbers of many blocks, as short streams use them."""
    return np.concatenate([draws(0, 64, words(7, "theft", "event", b)) for b in range(N // 64)])


def neighbouring_lines() -> np.ndarray:
    return np.stack([draws(0, N // 16, words(7, f"line {i}", "event", 0)) for i in range(16)], 1)


SOURCES = [one_stream, many_blocks, neighbouring_lines]


def flat(source) -> np.ndarray:
    return source().reshape(-1)


def assert_chance(p: float) -> None:
    assert UNLIKELY < p < 1 - UNLIKELY


@pytest.mark.parametrize("source", SOURCES)
def test_every_byte_is_uniform(source):
    for byte in flat(source).view(np.uint8).reshape(-1, 8).T:
        assert_chance(stats.chisquare(np.bincount(byte, minlength=256)).pvalue)


@pytest.mark.parametrize("source", SOURCES)
def test_every_bit_is_fair_and_no_two_go_together(source):
    bits = np.unpackbits(flat(source).view(np.uint8).reshape(-1, 8), axis=1).astype(np.float64)
    z = (bits.mean(axis=0) - 0.5) * 2 * np.sqrt(len(bits))
    assert np.max(np.abs(z)) < 5  # 64 of them
    correlation = np.corrcoef(bits.T) - np.eye(64)
    assert np.max(np.abs(correlation)) * np.sqrt(len(bits)) < 5.5  # 2,016 pairs


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("lag", [1, 2, 3, 64])
def test_neighbours_in_a_sequence_are_independent(source, lag):
    r = flat(source)
    high = (r >> np.uint64(60)).astype(np.int64)
    low = (r & np.uint64(15)).astype(np.int64)
    for one, two in ((high, high), (low, low), (high, low), (low, high)):
        pairs = np.bincount(one[:-lag] * 16 + two[lag:], minlength=256)
        assert_chance(stats.chisquare(pairs).pvalue)


def test_a_bit_of_the_counter_turns_half_of_the_bits():
    key = words(7, "theft", "event", 0)
    r = draws(0, 1 << 12, key)
    for bit in range(40):
        start = 1 << bit
        other = draws(start, 1, key)
        turned = int(np.bitwise_count(other ^ r[:1])[0])
        assert 8 < turned < 56  # 32 on average, sd 4
    for bit in range(12):
        turned = np.bitwise_count(r ^ r[np.arange(1 << 12) ^ (1 << bit)]).mean()
        assert abs(turned - 32) < 6 * 4 / np.sqrt(1 << 11)


def test_gaps_between_close_numbers_are_those_of_chance():
    # birthday spacings (Marsaglia 1985): equal gaps among 4,096 of 2^32 days, mean n^3 / 4 days
    count = 0
    for block in range(64):
        days = np.sort(draws(0, 4096, words(1, "days", "gaps", block)) >> np.uint64(32))
        gaps = np.sort(np.diff(days))
        count += int(np.count_nonzero(np.diff(gaps) == 0))
    mean = 64 * 4096**3 / (4 * 2.0**32)
    assert_chance(float(stats.poisson(mean).cdf(count)))


def test_names_alike_share_nothing():
    keys = {words(1, key, purpose, b) for key in "ab" for purpose in "cd" for b in range(50)}
    assert len(keys) == 200
    assert words(1, "a:1", "b", 1) != words(1, "a", "1:b", 1)
    assert words(1, "a", "b", 11) != words(11, "a", "b", 1)
    assert words(1, "a", "b1", 1) != words(1, "a", "b", 11)
