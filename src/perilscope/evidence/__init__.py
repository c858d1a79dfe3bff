# SPDX-License-Identifier: Apache-2.0
"""What the world reports: prices, positions, incidents, tests; bytes in, checked values out."""
