# SPDX-License-Identifier: Apache-2.0
"""Documents kept: a run is a folder with ``run.json`` and a report; nothing here knows what they mean."""
