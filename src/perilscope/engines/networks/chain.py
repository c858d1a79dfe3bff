# SPDX-License-Identifier: Apache-2.0
"""The law that a chain of states settles in.

Source: Grassmann, Taksar and Heyman, "Regenerative analysis and steady state distributions for
Markov chains", Operations Research 33 (1985).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perilscope.engines.networks.network import Array
from perilscope.errors import AssessmentError


def stationary(matrix: Array, names: Sequence[Sequence[str]]) -> Array:
    """The law that a step leaves as it is.

    Parameters
    ----------
    matrix : array, shape (states, states)
        Chances to go from each state (row) to each (column); rows add to 1.
    names : sequence of sequence of str
        What each state is called, in parts, for messages.

    Returns
    -------
    array, shape (states,)
        Small chances are as exact as large ones. Where the chain goes round in a fixed rhythm, it
        is the mean over the round.

    Raises
    ------
    AssessmentError
        Where there are several such laws, because some sets of states cannot be left.

    Examples
    --------
    >>> stationary(np.array([[0.9, 0.1], [0.5, 0.5]]), [["up"], ["down"]]).round(6).tolist()
    [0.833333, 0.166667]
    """
    from scipy.sparse import csr_array  # these take a tenth of a second, and few runs want them
    from scipy.sparse.csgraph import connected_components

    number, part = connected_components(csr_array(matrix > 0.0), connection="strong")
    one, two = (part[places] for places in np.nonzero(matrix))
    closed = np.setdiff1d(np.arange(number), one[one != two])
    if len(closed) > 1:
        told = [", ".join(names[int(np.argmax(part == k))]) for k in closed[:2]]
        raise AssessmentError(
            f"there are {len(closed)} stationary laws: no way leads from ({told[0]}) to "
            f"({told[1]}) or back; let some step go from one to the other"
        )
    inside = np.nonzero(part == closed[0])[0]
    law = np.zeros(len(matrix))
    law[inside] = _joined(matrix[np.ix_(inside, inside)])
    return law


def _joined(matrix: Array) -> Array:
    """The law of a chain that reaches every state from every other.

    States are taken out one by one, each way through them added to the direct ones; no number is
    ever subtracted, so nothing cancels.
    """
    work = matrix.copy()
    for k in range(len(work) - 1, 0, -1):
        work[:k, k] /= work[k, :k].sum()
        work[:k, :k] += np.outer(work[:k, k], work[k, :k])
    law = np.zeros(len(work))
    law[0] = 1.0
    for k in range(1, len(work)):
        law[k] = law[:k] @ work[:k, k]
    whole: Array = law / law.sum()
    return whole
