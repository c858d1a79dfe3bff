# SPDX-License-Identifier: Apache-2.0
"""Laws of one number: of a loss per event, of a count, of what is not known."""
