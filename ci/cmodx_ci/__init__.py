# SPDX-License-Identifier: Apache-2.0
"""Runs the suite's binaries on machines, and works on their results."""
