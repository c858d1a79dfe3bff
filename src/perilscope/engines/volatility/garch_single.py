# SPDX-License-Identifier: Apache-2.0
"""GJR likelihoods and their derivatives, one window after the other, compiled; and paths.

The functions that Numba sees call nothing outside this file, so an edit here is an edit that its
cache knows of.
"""

from __future__ import annotations

import math
from typing import Any

from perilscope.engines.jit import FUSED, compiled

_compiled = compiled(FUSED)


@_compiled
def one_by_one(
    where: Any,
    given: Any,
    before: Any,
    student: bool,
    skew: bool,
    value: Any,
    slope: Any,
    bend: Any,
) -> None:
    """As `garch_plain.garch`."""
    series, row, start, size = where
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
def garch_path(where: Any, given: Any, before: Any, out: Any) -> None:
    """As `garch_plain.garch_path`."""
    series, row, start, size = where
    for lane in range(row.size):
        mu, om, ap, am, b = given[lane, :5]
        h = om + (0.5 * (ap + am) + b) * before[lane]
        for t in range(size):
            out[lane, t] = h
            e = series[row[lane], start[lane] + t] - mu
            h = om + (am if e < 0.0 else ap) * e * e + b * h
        out[lane, size] = h
