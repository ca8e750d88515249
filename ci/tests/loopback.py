# SPDX-License-Identifier: Apache-2.0
"""An ssh server of the test's own on loopback: keys, port, list of accepted keys and client configuration in a folder."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

server = shutil.which("sshd", path="/usr/sbin:/usr/bin")


def _key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=60)


class Loopback:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("host", "client", "stranger"):
            _key(folder / name)
        shutil.copy(folder / "client.pub", folder / "accepted")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        lines = [
            "ListenAddress 127.0.0.1",
            f"Port {self.port}",
            f"HostKey {folder}/host",
            f"AuthorizedKeysFile {folder}/accepted",
            f"PidFile {folder}/pid",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "Subsystem sftp internal-sftp",
        ]
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")
        self.known = folder / "known"
        self.known.write_text(f"[127.0.0.1]:{self.port} " + (folder / "host.pub").read_text())
        self.config = self.configure("config", "client")
        # The server wants this folder when root starts it; a service would make it.
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.process: subprocess.Popen | None = None

    def configure(self, name: str, key: str, port: int | None = None, user: str = "") -> Path:
        path = self.folder / name
        lines = [
            "Host board",
            " HostName 127.0.0.1",
            f" Port {port or self.port}",
            f" User {user or getpass.getuser()}",
            f" IdentityFile {self.folder}/{key}",
            " IdentitiesOnly yes",
            f" UserKnownHostsFile {self.known}",
            " GlobalKnownHostsFile /dev/null",
            " StrictHostKeyChecking yes",
        ]
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(self) -> "Loopback":
        argv = [server, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        limit = time.monotonic() + 20
        while time.monotonic() < limit and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text())

    def sessions(self) -> list[int]:
        """The processes of the server that each serve one connection."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(path.read_text().rpartition(")")[2].split()[1]) == self.process.pid:
                    found.append(int(path.parent.name))
        return found

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


@pytest.fixture
def loopback(tmp_path):
    if server is None:
        pytest.fail("no sshd: ci/setup installs openssh-server")
    made = Loopback(tmp_path / "ssh")
    try:
        yield made.start()
    finally:
        made.stop()
