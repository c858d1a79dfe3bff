# SPDX-License-Identifier: Apache-2.0
"""What the book says in words and figures, as laws: what is chance, and what is not known."""
