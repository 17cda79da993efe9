"""What it takes to export, import and verify many wallets: time, and the peak memory of `bank`.

backup.py BANK GROW WALLETS…: for each number, fills a Redis of its own: a tenth of the wallets have 20 entries under idempotency keys, the
others 3. Then it exports them, restores that into SQLite, exports again, and restores that into another Redis. Redis writes nothing to disk.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Redis:
    def __enter__(self):
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}"
        self.store = ["--variable", "store=redis", "--variable", f"redis_url={self.url}"]
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        while subprocess.run(["redis-cli", "-p", str(port), "PING"], capture_output=True).stdout != b"PONG\n":
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def measured(what, wallets, command):
    """Runs the command; prints its seconds and its peak resident memory."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if status != 0:
        sys.exit(f"{' '.join(command)}: {status}: {said.decode()}")
    cpu = usage.ru_utime + usage.ru_stime
    print(f"| {what} | {wallets:,} | {seconds:.1f} s | {cpu:.1f} s | {usage.ru_maxrss // 1024} MB |", flush=True)


def measure(bank, grow, wallets, folder):
    def run(what, *arguments):
        measured(what, wallets, [bank, *arguments])

    file, again = f"{folder}/redis.jsonl", f"{folder}/sqlite.jsonl"
    sqlite = ["--state-dir", folder]
    with Redis() as redis:
        many = wallets // 10
        subprocess.run([grow, redis.url, "--wallets", str(many), "--entries", "20", "--prefix", "many"], check=True)
        subprocess.run([grow, redis.url, "--wallets", str(wallets - many), "--entries", "3", "--prefix", "few"], check=True)
        run("export, Redis", "export", "--to", file, *redis.store)
        run("verify --all, Redis", "verify", "--all", *redis.store)
    run("import --check", "import", "--check", file, *sqlite)
    run("import, SQLite", "import", file, *sqlite)
    run("verify --all, SQLite", "verify", "--all", *sqlite)
    run("export, SQLite", "export", "--to", again, *sqlite)
    with Redis() as redis:
        run("import, Redis", "import", again, *redis.store)
    print(f"the file has {os.path.getsize(file) >> 20} MiB")


def main():
    bank, grow, *sizes = sys.argv[1:]
    print(f"load before: {os.getloadavg()[0]:.1f}\n\n| | wallets | took | of the processor | most memory |\n|---|---|---|---|---|")
    for wallets in map(int, sizes):
        folder = tempfile.mkdtemp(prefix="money-bank-figures-")
        try:
            measure(bank, grow, wallets, folder)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
