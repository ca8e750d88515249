# SPDX-License-Identifier: Apache-2.0
"""The two ways in which a run of the tools goes wrong, each one line for a person."""


class UsageFault(Exception):
    """An argument or a file of the user's is wrong; says what was wrong and what is accepted. Exit code 2."""


class HarnessFault(Exception):
    """The harness could not do its work. Exit code 3."""


# Exit codes of every entry point; the highest line that applies counts.
conformant, violations, usage, harness_failed, nothing_to_run = 0, 1, 2, 3, 77
