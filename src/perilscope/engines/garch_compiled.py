# SPDX-License-Identifier: Apache-2.0
"""Likelihoods of GARCH and their derivatives, compiled: the twin of `garch_plain`.

Only what fits many series imports this module, because Numba takes its time to load. The functions
that Numba sees call nothing outside this file, so an edit here is an edit that its cache knows of.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numba.core.config
import numpy as np

from perilscope.engines.garch_candidates import garch_values
from perilscope.engines.garch_steps import accepted, boxed_step, pulled

__all__ = [
    "accepted",
    "boxed_step",
    "egarch",
    "egarch_path",
    "egarch_values",
    "garch",
    "garch_path",
    "garch_values",
    "pulled",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])
NAME = "numba"
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


def _compiled(function: _Function) -> _Function:
    # sums may be fused, which the plain twin does not do: they agree to rounding, not to the bit
    settings: Any = numba.core.config
    keep = bool(settings.CACHE_DIR)
    fast = {"contract", "reassoc", "arcp", "nsz"}
    return cast(
        _Function,
        numba.njit(nogil=True, cache=keep, error_model="numpy", fastmath=fast)(function),
    )


@_compiled
def _garch_by_lanes(
    series: Any,
    row: Any,
    start: Any,
    size: int,
    given: Any,
    before: Any,
    value: Any,
    slope: Any,
    bend: Any,
) -> None:
    # the normal, symmetric case of `garch`, sixteen windows at a time in the vectors of the
    # processor; one array holds all, so that the compiler sees that nothing overlaps
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


@_compiled
def garch(
    series: Any,
    row: Any,
    start: Any,
    size: int,
    given: Any,
    before: Any,
    student: bool,
    skew: bool,
    value: Any,
    slope: Any,
    bend: Any,
) -> None:
    """As `garch_plain.garch`."""
    if not student and not skew:
        _garch_by_lanes(series, row, start, size, given, before, value, slope, bend)
        return
    for lane in range(row.size):
        mu, om = given[lane, 0], given[lane, 1]
        ap, am, b, eta = given[lane, 2], given[lane, 3], given[lane, 4], given[lane, 5]
        bc, bc1, bc2 = before[lane, 0], before[lane, 1], before[lane, 2]
        A = w = A1 = w1 = A2 = w2 = 0.0
        if student:
            A = 0.5 + 0.5 / eta
            A1 = -0.5 / eta**2
            A2 = 1.0 / eta**3
            w = eta / (1.0 - 2.0 * eta)
            w1 = 1.0 / (1.0 - 2.0 * eta) ** 2
            w2 = 4.0 / (1.0 - 2.0 * eta) ** 3
        r = w1 / w if student else 0.0
        abar = 0.5 * (ap + am)
        h = om + (abar + b) * bc
        half = 0.5 if skew else 1.0  # without skew the third slot moves both halves
        hm, ho, hp, hn, hb = (abar + b) * bc1, 1.0, half * bc, half * bc, bc
        hmm, hmp, hmn, hmb = (abar + b) * bc2, half * bc1, half * bc1, bc1
        hob = hpb = hnb = hbb = 0.0
        f = fq = 0.0
        ph = pq = 1.0
        gm = go = gp = gn = gb = ge = 0.0
        Hmm = Hmo = Hmp = Hmn = Hmb = Hoo = Hop = Hon = Hob = 0.0
        Hpp = Hpn = Hpb = Hnn = Hnb = Hbb = 0.0
        Hme = Hoe = Hpe = Hne = Hbe = Hee = 0.0
        first = start[lane]
        for t in range(size):
            e = series[row[lane], first + t] - mu
            e2 = e * e
            ih = 1.0 / h
            z2 = e2 * ih
            ph *= h
            if student:
                y = w * z2
                iq = 1.0 / (1.0 + y)
                pq *= 1.0 + y
                k = y * iq
                fh = (0.5 - A * k) * ih
                fhh = (A * k * iq - 0.5 + A * k) * ih * ih
                c = 2.0 * A * w * ih * iq
                fe = c * e
                fee = c * (1.0 - 2.0 * k)
                fhe = -c * e * ih * iq
                fhn = -(A1 * k + A * r * k * iq) * ih
                fen = 2.0 * e * ih * iq * (A1 * w + A * w1 * (1.0 - k))
                ge += A * r * k
                Hee += (2.0 * A1 * r + A * w2 / w) * k - A * r * r * k * k
                Hme += fhn * hm - fen
                Hoe += fhn * ho
                Hpe += fhn * hp
                Hbe += fhn * hb
                if skew:
                    Hne += fhn * hn
            else:
                f += z2
                fh = 0.5 * ih * (1.0 - z2)
                fhh = 0.5 * ih * ih * (2.0 * z2 - 1.0)
                fe = e * ih
                fee = ih
                fhe = -fe * ih
            if t & 15 == 15:
                f += math.log(ph)
                ph = 1.0
                if student:
                    fq += math.log(pq)
                    pq = 1.0
            gm += fh * hm - fe
            go += fh * ho
            gp += fh * hp
            gb += fh * hb
            um = fhh * hm - fhe
            uo, up, ub = fhh * ho, fhh * hp, fhh * hb
            Hmm += um * hm - fhe * hm + fee + fh * hmm
            Hmo += um * ho
            Hmp += um * hp + fh * hmp
            Hmb += um * hb + fh * hmb
            Hoo += uo * ho
            Hop += uo * hp
            Hob += uo * hb + fh * hob
            Hpp += up * hp
            Hpb += up * hb + fh * hpb
            Hbb += ub * hb + fh * hbb
            if skew:
                gn += fh * hn
                Hmn += um * hn + fh * hmn
                Hon += uo * hn
                Hpn += up * hn
                Hnn += fhh * hn * hn
                Hnb += ub * hn + fh * hnb
            # the next day, second derivatives first: they need the first ones of today
            hbb = 2.0 * hb + b * hbb
            hob = ho + b * hob
            hpb = hp + b * hpb
            hmb = hm + b * hmb
            hb = h + b * hb
            ho = 1.0 + b * ho
            if skew:
                hnb = hn + b * hnb
                down = 1.0 if e < 0.0 else 0.0
                a = am if e < 0.0 else ap
                hmp = -2.0 * e * (1.0 - down) + b * hmp
                hmn = -2.0 * e * down + b * hmn
                hp = e2 * (1.0 - down) + b * hp
                hn = e2 * down + b * hn
            else:
                a = abar
                hmp = -2.0 * e + b * hmp
                hp = e2 + b * hp
            hmm = 2.0 * a + b * hmm
            hm = -2.0 * a * e + b * hm
            h = om + a * e2 + b * h
        f += math.log(ph)
        fq += math.log(pq)
        value[lane] = 0.5 * f + A * fq
        if student:
            ge += A1 * fq
            Hee += A2 * fq
        _filled(slope[lane], gm, go, gp, gn, gb, ge)
        _filled(bend[lane, 0], Hmm, Hmo, Hmp, Hmn, Hmb, Hme)
        _filled(bend[lane, 1], Hmo, Hoo, Hop, Hon, Hob, Hoe)
        _filled(bend[lane, 2], Hmp, Hop, Hpp, Hpn, Hpb, Hpe)
        _filled(bend[lane, 3], Hmn, Hon, Hpn, Hnn, Hnb, Hne)
        _filled(bend[lane, 4], Hmb, Hob, Hpb, Hnb, Hbb, Hbe)
        _filled(bend[lane, 5], Hme, Hoe, Hpe, Hne, Hbe, Hee)


@_compiled
def _filled(out: Any, m: Any, o: Any, p: Any, n: Any, b: Any, e: Any) -> None:
    out[0], out[1], out[2], out[3], out[4], out[5] = m, o, p, n, b, e


@_compiled
def egarch(
    series: Any,
    row: Any,
    start: Any,
    size: int,
    given: Any,
    before: Any,
    student: bool,
    value: Any,
    slope: Any,
    bend: Any,
) -> None:
    """As `garch_plain.egarch`."""
    c = math.sqrt(2.0 / math.pi)
    zi, li, d = np.empty(5), np.empty(5), np.empty(5)
    lij, zij = np.empty((5, 5)), np.empty((5, 5))
    for lane in range(row.size):
        mu, om = given[lane, 0], given[lane, 1]
        a, g, b, eta = given[lane, 2], given[lane, 3], given[lane, 4], given[lane, 5]
        low, high = before[lane, 1], before[lane, 2]
        A = w = A1 = w1 = A2 = w2 = 0.0
        if student:
            A = 0.5 + 0.5 / eta
            A1 = -0.5 / eta**2
            A2 = 1.0 / eta**3
            w = eta / (1.0 - 2.0 * eta)
            w1 = 1.0 / (1.0 - 2.0 * eta) ** 2
            w2 = 4.0 / (1.0 - 2.0 * eta) ** 3
        r = w1 / w if student else 0.0
        slope[lane, :] = 0.0
        bend[lane, :, :] = 0.0
        G, H = slope[lane], bend[lane]
        L = om + b * before[lane, 0]
        li[:] = 0.0
        li[1] = 1.0
        li[4] = before[lane, 0]
        lij[:, :] = 0.0
        f = fq = 0.0
        pq = 1.0
        for t in range(size):
            if low > L or high < L:  # held, and then nothing moves it
                L = min(max(L, low), high)
                li[:] = 0.0
                lij[:, :] = 0.0
            s = math.exp(-0.5 * L)
            z = (series[row[lane], start[lane] + t] - mu) * s
            sign = 1.0 if z > 0.0 else -1.0
            f += 0.5 * L
            for i in range(5):
                zi[i] = -0.5 * z * li[i]
            zi[0] -= s
            if student:
                y = w * z * z
                iq = 1.0 / (1.0 + y)
                pq *= 1.0 + y
                k = y * iq
                fz = 2.0 * A * w * z * iq
                fzz = 2.0 * A * w * iq * (1.0 - 2.0 * k)
                fzn = 2.0 * z * iq * (A1 * w + A * w1 * (1.0 - k))
                G[5] += A * r * k
                H[5, 5] += (2.0 * A1 * r + A * w2 / w) * k - A * r * r * k * k
                for i in range(5):
                    H[i, 5] += fzn * zi[i]
                if t & 15 == 15:
                    fq += math.log(pq)
                    pq = 1.0
            else:
                f += 0.5 * z * z
                fz, fzz = z, 1.0
            for i in range(5):
                G[i] += 0.5 * li[i] + fz * zi[i]
                for j in range(i, 5):
                    v = 0.25 * z * li[i] * li[j] - 0.5 * z * lij[i, j]
                    if i == 0:
                        v += 0.5 * s * li[j]
                    if j == 0:
                        v += 0.5 * s * li[i]
                    zij[i, j] = v
                    H[i, j] += 0.5 * lij[i, j] + fz * v + fzz * zi[i] * zi[j]
            tilt = a * sign + g
            for i in range(5):
                for j in range(i, 5):
                    v = tilt * zij[i, j] + b * lij[i, j]
                    if i == 2:
                        v += sign * zi[j]
                    elif i == 3:
                        v += zi[j]
                    elif i == 4:
                        v += li[j]
                    if j == 2:
                        v += sign * zi[i]
                    elif j == 3:
                        v += zi[i]
                    elif j == 4:
                        v += li[i]
                    lij[i, j] = v
            d[0], d[1], d[2], d[3], d[4] = 0.0, 1.0, abs(z) - c, z, L
            for i in range(5):
                li[i] = d[i] + tilt * zi[i] + b * li[i]
            L = om + a * (abs(z) - c) + g * z + b * L
        fq += math.log(pq)
        value[lane] = f + A * fq
        if student:
            G[5] += A1 * fq
            H[5, 5] += A2 * fq
        for i in range(6):
            for j in range(i):
                H[i, j] = H[j, i]


@_compiled
def egarch_values(
    series: Any,
    row: Any,
    start: Any,
    size: int,
    given: Any,
    before: Any,
    student: bool,
    value: Any,
) -> None:
    """As `garch_plain.egarch_values`."""
    c = math.sqrt(2.0 / math.pi)
    for lane in range(row.size):
        for j in range(given.shape[1]):
            p = given[lane, j]
            A = 0.5 + 0.5 / p[5]
            w = p[5] / (1.0 - 2.0 * p[5])
            L = p[1] + p[4] * before[lane, 0]
            f = fq = 0.0
            pq = 1.0
            for t in range(size):
                L = min(max(L, before[lane, 1]), before[lane, 2])
                z = (series[row[lane], start[lane] + t] - p[0]) * math.exp(-0.5 * L)
                f += 0.5 * L
                if student:
                    pq *= 1.0 + w * z * z
                    if t & 15 == 15:
                        fq += math.log(pq)
                        pq = 1.0
                else:
                    f += 0.5 * z * z
                L = p[1] + p[2] * (abs(z) - c) + p[3] * z + p[4] * L
            value[lane, j] = f + (A * (fq + math.log(pq)) if student else 0.0)


@_compiled
def garch_path(
    series: Any, row: Any, start: Any, size: int, given: Any, before: Any, out: Any
) -> None:
    """As `garch_plain.garch_path`."""
    for lane in range(row.size):
        mu, om, ap, am, b = given[lane, :5]
        h = om + (0.5 * (ap + am) + b) * before[lane]
        for t in range(size):
            out[lane, t] = h
            e = series[row[lane], start[lane] + t] - mu
            h = om + (am if e < 0.0 else ap) * e * e + b * h
        out[lane, size] = h


@_compiled
def egarch_path(
    series: Any, row: Any, start: Any, size: int, given: Any, before: Any, out: Any
) -> None:
    """As `garch_plain.egarch_path`."""
    c = math.sqrt(2.0 / math.pi)
    for lane in range(row.size):
        mu, om, a, g, b = given[lane, :5]
        L = om + b * before[lane, 0]
        for t in range(size + 1):
            L = min(max(L, before[lane, 1]), before[lane, 2])
            out[lane, t] = math.exp(L)
            if t < size:
                z = (series[row[lane], start[lane] + t] - mu) * math.exp(-0.5 * L)
                L = om + a * (abs(z) - c) + g * z + b * L
