# SPDX-License-Identifier: Apache-2.0
"""Random streams with names: the same name, the same numbers, whatever else is drawn.

Each stream belongs to a seed, a key (whose draws they are), a purpose (what is drawn) and a block
of horizons. Streams of different names never share numbers, so a new line or another order of
work moves no draw of any other line.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np

_WORD = 2**64


def stream(seed: int, key: str, purpose: str, block: int = 0) -> np.random.Generator:
    """The generator of this name, at its beginning.

    Parameters
    ----------
    seed : int
        Seed of the run.
    key : str
        Whose draws they are.
    purpose : str
        What is drawn.
    block : int
        Block of horizons, from 0.

    Returns
    -------
    numpy.random.Generator
        Philox keyed by the first 128 bits of a SHA-256 of seed, key and purpose; the block is the
        third word of the counter, so blocks lie 2^128 numbers apart.

    References
    ----------
    Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.

    Examples
    --------
    >>> a, b = stream(1, "theft", "loss", 0), stream(1, "theft", "loss", 0)
    >>> bool(a.random() == b.random())
    True
    >>> bool(stream(1, "theft", "count", 0).random() == stream(1, "theft", "loss", 0).random())
    False
    """
    keyed = np.array(_words(f"{seed}:{len(key)}:{key}:{len(purpose)}:{purpose}"), dtype=np.uint64)
    counter = np.array([0, 0, block % _WORD, block // _WORD], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=keyed, counter=counter))


def words(seed: int, key: str, purpose: str, block: int) -> tuple[np.uint64, np.uint64]:
    """The same kind of name as two words, which key a function of a counter.

    Parameters
    ----------
    seed, key, purpose, block
        As in :func:`stream`.

    Returns
    -------
    tuple of numpy.uint64
        The first 128 bits of a SHA-256 of all four, so that no two names have keys alike.

    Examples
    --------
    >>> words(1, "theft", "event", 0) == words(1, "theft", "event", 0)
    True
    >>> words(1, "theft", "event", 0) == words(1, "theft", "event", 1)
    False
    """
    one, two = _words(f"{seed}:{len(key)}:{key}:{len(purpose)}:{purpose}:{block}")
    return np.uint64(one), np.uint64(two)


def _words(name: str) -> tuple[int, int]:
    """The first two 64-bit words of the hash of a name."""
    # in a name, lengths keep parts apart that would read alike once joined
    digest = sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")
