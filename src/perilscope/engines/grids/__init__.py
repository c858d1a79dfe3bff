# SPDX-License-Identifier: Apache-2.0
"""Laws on a grid of money: put there, read off again, bounded."""
