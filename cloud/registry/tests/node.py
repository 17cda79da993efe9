"""A node: Debian's containerd with its own folders and socket, called as a kubelet calls it."""

import os
import subprocess
import time
from pathlib import Path

import grpc

PLAYBOOK = Path(__file__).parents[1] / "nodes/playbook.yaml"
CONFIG = Path("/etc/containerd/config.toml")


class Node:
    def __init__(self, folder: Path, bundle: Path):
        self.folder, self.socket = folder, folder / "containerd.sock"
        # Not the system's trust store, which other tests check.
        self.env = os.environ | {"SSL_CERT_FILE": str(bundle), "SSL_CERT_DIR": "/nowhere"}
        self.process = None

    def start(self) -> None:
        own = ["--root", f"{self.folder}/root", "--state", f"{self.folder}/state", "--address", str(self.socket)]
        with open(self.folder / "containerd.log", "a") as log:
            self.process = subprocess.Popen(["containerd", *own], env=self.env, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while self.pull("") is None:
            assert time.monotonic() < end and self.process.poll() is None, (self.folder / "containerd.log").read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=30)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pull(self, image: str, user: str = "", password: str = "") -> str | None:
        """The kubelet's result for an image: "" if it was pulled; None if nobody answered."""
        asked = field(1, field(1, image)) + field(2, field(1, user) + field(2, password))
        with grpc.insecure_channel(f"unix://{self.socket}") as channel:
            try:
                channel.unary_unary("/runtime.v1.ImageService/PullImage")(asked, timeout=60)
                return ""
            except grpc.RpcError as refused:
                return None if refused.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED) else refused.details()

    def ctr_pull(self, image: str, login: str) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "--address", str(self.socket), "images", "pull", "--hosts-dir", "/etc/containerd/certs.d", "--user", login, image]
        return subprocess.run(command, env=self.env, capture_output=True, text=True)


def field(number: int, value: str | bytes) -> bytes:
    """A text or a message in protobuf's encoding; none here is longer than 16 KiB."""
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(data) & 127 | 128, len(data) >> 7]) + data


def play(**variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the Ansible role on this machine."""
    extra = [part for name, value in variables.items() for part in ("--extra-vars", f"{name}={value}")]
    command = ["ansible-playbook", "--inventory", "localhost,", "--connection", "local", *extra, str(PLAYBOOK)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"ANSIBLE_NOCOLOR": "1"})
