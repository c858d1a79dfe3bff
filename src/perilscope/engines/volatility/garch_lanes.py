# SPDX-License-Identifier: Apache-2.0
"""The normal, symmetric GARCH likelihood and its derivatives, many windows at a time, compiled.

Sixteen windows walk through time in the vectors of the processor; one array holds all, so that
the compiler sees that nothing overlaps.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perilscope.engines.jit import FUSED, compiled

_LANES = 16
_PLACES = 32
# where each number of a lane lies: variance and derivatives, likelihood, sums, parameters
(
    _H,
    _HM,
    _HO,
    _HA,
    _HB,
    _HMM,
    _HMA,
    _HMB,
    _HOB,
    _HAB,
    _HBB,
) = (_LANES * i for i in range(11))
(
    _PH,
    _F,
    _GM,
    _GO,
    _GA,
    _GB,
) = (_LANES * i for i in range(11, 17))
(
    _SMM,
    _SMO,
    _SMA,
    _SMB,
    _SOO,
    _SOA,
    _SOB,
    _SAA,
    _SAB,
    _SBB,
) = (_LANES * i for i in range(17, 27))
(
    _MU,
    _OM,
    _A,
    _B,
    _X,
) = (_LANES * i for i in range(27, 32))
_compiled = compiled(FUSED)


@_compiled
def by_lanes(
    where: Any,
    given: Any,
    before: Any,
    value: Any,
    slope: Any,
    bend: Any,
) -> None:
    """As `garch_plain.garch`, without skew and of normal innovations."""
    series, row, start, size = where
    s = np.empty(_PLACES * _LANES)
    rows, first = np.empty(_LANES, np.int64), np.empty(_LANES, np.int64)
    n = row.size
    for begin in range(0, n, _LANES):
        for j in range(_LANES):
            lane = min(begin + j, n - 1)
            rows[j], first[j] = row[lane], start[lane]
            MU = given[lane, 0]
            OM = given[lane, 1]
            A = 0.5 * (given[lane, 2] + given[lane, 3])
            B = given[lane, 4]
            b0, b1, b2 = before[lane, 0], before[lane, 1], before[lane, 2]
            s[_MU + j] = MU
            s[_OM + j] = OM
            s[_A + j] = A
            s[_B + j] = B
            s[_H + j] = OM + (A + B) * b0
            s[_HM + j] = (A + B) * b1
            s[_HO + j] = 1.0
            s[_HA + j] = b0
            s[_HB + j] = b0
            s[_HMM + j] = (A + B) * b2
            s[_HMA + j] = b1
            s[_HMB + j] = b1
            s[_HOB + j] = 0.0
            s[_HAB + j] = 0.0
            s[_HBB + j] = 0.0
            s[_PH + j] = 1.0
            s[_F + j] = 0.0
            s[_GM + j] = 0.0
            s[_GO + j] = 0.0
            s[_GA + j] = 0.0
            s[_GB + j] = 0.0
            s[_SMM + j] = 0.0
            s[_SMO + j] = 0.0
            s[_SMA + j] = 0.0
            s[_SMB + j] = 0.0
            s[_SOO + j] = 0.0
            s[_SOA + j] = 0.0
            s[_SOB + j] = 0.0
            s[_SAA + j] = 0.0
            s[_SAB + j] = 0.0
            s[_SBB + j] = 0.0
        for t in range(size):
            for j in range(_LANES):
                s[_X + j] = series[rows[j], first[j] + t]
            for j in range(_LANES):
                h = s[_H + j]
                b = s[_B + j]
                a = s[_A + j]
                e = s[_X + j] - s[_MU + j]
                e2 = e * e
                ih = 1.0 / h
                z2 = e2 * ih
                s[_PH + j] *= h
                s[_F + j] += z2
                fh = 0.5 * ih * (1.0 - z2)
                fhh = 0.5 * ih * ih * (2.0 * z2 - 1.0)
                fe = e * ih
                fhe = -fe * ih
                hm = s[_HM + j]
                ho = s[_HO + j]
                ha = s[_HA + j]
                hb = s[_HB + j]
                hma = s[_HMA + j]
                hmb = s[_HMB + j]
                hob = s[_HOB + j]
                hab = s[_HAB + j]
                hbb = s[_HBB + j]
                hmm = s[_HMM + j]
                s[_GM + j] += fh * hm - fe
                s[_GO + j] += fh * ho
                s[_GA + j] += fh * ha
                s[_GB + j] += fh * hb
                um = fhh * hm - fhe
                uo = fhh * ho
                ua = fhh * ha
                ub = fhh * hb
                s[_SMM + j] += um * hm - fhe * hm + ih + fh * hmm
                s[_SMO + j] += um * ho
                s[_SMA + j] += um * ha + fh * hma
                s[_SMB + j] += um * hb + fh * hmb
                s[_SOO + j] += uo * ho
                s[_SOA + j] += uo * ha
                s[_SOB + j] += uo * hb + fh * hob
                s[_SAA + j] += ua * ha
                s[_SAB + j] += ua * hb + fh * hab
                s[_SBB + j] += ub * hb + fh * hbb
                s[_HBB + j] = 2.0 * hb + b * hbb
                s[_HOB + j] = ho + b * hob
                s[_HAB + j] = ha + b * hab
                s[_HMB + j] = hm + b * hmb
                s[_HB + j] = h + b * hb
                s[_HO + j] = 1.0 + b * ho
                s[_HMA + j] = -2.0 * e + b * hma
                s[_HA + j] = e2 + b * ha
                s[_HMM + j] = 2.0 * a + b * hmm
                s[_HM + j] = -2.0 * a * e + b * hm
                s[_H + j] = s[_OM + j] + a * e2 + b * h
            if t & 15 == 15:
                for j in range(_LANES):
                    s[_F + j] += math.log(s[_PH + j])
                    s[_PH + j] = 1.0
        for j in range(min(_LANES, n - begin)):
            lane = begin + j
            value[lane] = 0.5 * (s[_F + j] + math.log(s[_PH + j]))
            slope[lane, 0] = s[_GM + j]
            slope[lane, 1] = s[_GO + j]
            slope[lane, 2] = s[_GA + j]
            slope[lane, 3] = 0.0
            slope[lane, 4] = s[_GB + j]
            slope[lane, 5] = 0.0
            H = bend[lane]
            for i in range(6):
                H[3, i] = 0.0
                H[i, 3] = 0.0
                H[5, i] = 0.0
                H[i, 5] = 0.0
            H[0, 0] = s[_SMM + j]
            H[0, 1] = H[1, 0] = s[_SMO + j]
            H[0, 2] = H[2, 0] = s[_SMA + j]
            H[0, 4] = H[4, 0] = s[_SMB + j]
            H[1, 1] = s[_SOO + j]
            H[1, 2] = H[2, 1] = s[_SOA + j]
            H[1, 4] = H[4, 1] = s[_SOB + j]
            H[2, 2] = s[_SAA + j]
            H[2, 4] = H[4, 2] = s[_SAB + j]
            H[4, 4] = s[_SBB + j]
