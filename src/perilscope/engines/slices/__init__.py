# SPDX-License-Identifier: Apache-2.0
"""A horizon in slices: states that act on each other from one slice to the next, exactly.

Market stress makes an exploit likelier, an exploit breaks a peg, a broken peg brings stress. In one
slice that would be a cycle; from slice to slice it is a chain. `chain` has the law of the loss over
the horizon, `passage` the chance that capital is ever used up, `reach` bounds what a window cuts.
"""
