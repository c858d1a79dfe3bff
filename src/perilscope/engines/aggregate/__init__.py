# SPDX-License-Identifier: Apache-2.0
"""What the events of a period cost together: lines of loss as one exact law."""
