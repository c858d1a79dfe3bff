# SPDX-License-Identifier: Apache-2.0
"""GARCH, GJR and EGARCH by maximum likelihood, one window or thousands."""
