# SPDX-License-Identifier: Apache-2.0
"""Why a test cannot run: what begins with `not set up` is no excuse to ci/test, other than what this host is not."""

from cmodx_ci import campaign, tree
from cmodx_ci.machines import Machine


def lacking(machine: Machine) -> str | None:
    image = campaign.binary_of(machine)
    if not image.exists():
        return f"not set up: {image}"
    why = machine.absent()
    return f"not set up: {why}" if why and why.startswith(f"no {tree.cache()}/") else why
