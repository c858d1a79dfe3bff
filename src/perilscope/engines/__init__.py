# SPDX-License-Identifier: Apache-2.0
"""Numerics on arrays: laws of loss and of counts, their sums, networks, simulation.

Nothing here knows what a loss is about; a law, a count and a key are all it is told.
"""
