# SPDX-License-Identifier: Apache-2.0
"""Exponentials of complex numbers, which transforms of Poisson sums are made of."""

from __future__ import annotations

from typing import Any

import numpy as np


def exponential(z: Any) -> Any:
    """exp(z), real or complex, any shape.

    Notes
    -----
    exp(x + iy) = exp(x) (1 + it)² / (1 + t²) with t = tan(y / 2): processors make tangents and real
    exponentials as vectors, sines and complex exponentials one by one. The error is a rounding or
    two of the result's size.

    Examples
    --------
    >>> z = np.array([0.5 + 2.0j, -1.0 + np.pi * 1j])
    >>> bool(np.abs(exponential(z) - np.exp(z)).max() < 1e-15)
    True
    """
    if not np.iscomplexobj(z) or np.ndim(z) == 0:
        return np.exp(z)
    t = np.tan(0.5 * z.imag)
    square = t * t
    square += 1.0
    size = np.exp(z.real)
    size /= square
    found = np.empty(np.shape(z), dtype=np.complex128)
    np.multiply(size, 2.0 - square, out=found.real)
    size *= t
    np.multiply(size, 2.0, out=found.imag)
    return found
