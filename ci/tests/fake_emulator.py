#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for an emulator with a guest in it: KERNEL INITRD CONSOLE CHANNEL HOW. Takes the suite and its arguments
out of the initramfs, as a kernel would, and lets them end as HOW says: well, panic, hang, killed, mute, asleep, oom."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_, _, initrd, console, channel, how = sys.argv


def members(archive: bytes) -> dict[str, bytes]:
    """Name and contents, by the kernel's buffer-format.rst; the counterpart of cmodx_ci/initramfs.py."""
    found, at = {}, 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        size, length = fields[6], fields[11]
        name = archive[at + 110 : at + 110 + length - 1].decode()
        at = -(-(at + 110 + length) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = archive[at : at + size]
        at = -(-(at + size) // 4) * 4


files = members(Path(initrd).read_bytes())
with Path(console).open("a") as text:
    print("\x1b[2JSeaBIOS", *(f"[    0.{n:06}] line {n}" for n in range(60)), sep="\n", file=text)
    if how == "mute":
        print("[    1.000000] Kernel panic - not syncing: No working init found.", file=text)
        sys.exit(0)
if how == "asleep":
    time.sleep(60)
with tempfile.TemporaryDirectory() as work:
    suite = Path(work) / "init"
    suite.write_bytes(files["init"])
    suite.chmod(0o755)
    arguments = files["arguments"].decode().split("\0")[:-1]
    output = Path(work) / "out"
    if "resume" in files:
        arguments.remove("/resume")
        arguments.remove("--resume")
        Path(channel).write_bytes(files["resume"])
    if arguments[0] == "run" and "--format" in arguments:
        at = arguments.index("--format")
        arguments[at : at + 2] = ["--output", str(output)]
    done = subprocess.run([suite, *arguments], capture_output=True, check=False)
    lines = Path(f"{output}.jsonl")
    sent = lines.read_bytes().splitlines(keepends=True) if lines.exists() else [done.stdout]
if "resume" in files:
    sent = sent[len(files["resume"].splitlines()) :]
with Path(channel).open("ab") as port:
    if how != "well":
        sent = [*sent[:2], sent[2][:20]]  # the third line is cut short
    port.writelines(sent)
    if how == "well":
        port.write(json.dumps({"end": {"exit": done.returncode}}).encode() + b"\n")
    if how == "oom":
        port.write(b"\n" + json.dumps({"end": {"signal": signal.SIGKILL}}).encode() + b"\n")
if how == "panic":
    with Path(console).open("a") as text:
        print("[    7.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b", file=text)
elif how == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif how == "hang":
    time.sleep(1000)
