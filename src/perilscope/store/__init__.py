# SPDX-License-Identifier: Apache-2.0
"""Documents kept; nothing here knows what they mean."""
