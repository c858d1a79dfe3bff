# SPDX-License-Identifier: Apache-2.0
"""What a portfolio lost and who bore it: observed returns, exact sums."""
