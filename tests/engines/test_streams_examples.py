# SPDX-License-Identifier: Apache-2.0
"""Named streams: the same name gives the same numbers, another name gives others."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest

from perilscope.engines.streams import stream

NAMES = [
    (1, "theft", "loss", 0),
    (2, "theft", "loss", 0),
    (1, "thefts", "loss", 0),
    (1, "theft", "count", 0),
    (1, "theft", "loss", 1),
    (1, "theft", "loss", 2**64),
    (1, "thef", "tloss", 0),
    (1, "theft:4:loss", "", 0),
    (11, "theft", "loss", 0),
    (1, "diebstahl-ÄÖ", "loss", 0),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gives_the_same_numbers_every_time(name):
    np.testing.assert_array_equal(stream(*name).random(5), stream(*name).random(5))


def test_different_names_give_different_numbers():
    firsts = sorted(float(stream(*name).random()) for name in NAMES)
    assert all(a < b for a, b in pairwise(firsts))


def test_the_key_is_the_hash_of_the_name():
    digest = hashlib.sha256(b"7:5:theft:4:loss").digest()
    words = [int.from_bytes(digest[i : i + 8], "little") for i in (0, 8)]
    state = stream(7, "theft", "loss", 3).bit_generator.state["state"]
    assert state["key"].tolist() == words
    assert state["counter"].tolist() == [0, 0, 3, 0]


def test_neighbouring_streams_are_uncorrelated():
    n = 100_000
    draws = np.stack([stream(1, "line", "loss", block).standard_normal(n) for block in range(4)])
    correlation = np.corrcoef(draws) - np.eye(4)
    assert np.max(np.abs(correlation)) < 5 / np.sqrt(n)
