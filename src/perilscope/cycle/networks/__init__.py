# SPDX-License-Identifier: Apache-2.0
"""Networks for themselves: questions, learning, networks to start from."""
