#!/usr/bin/env python3
"""stalled.py BASE [CLIENTS] [SECONDS]: how long /healthz takes while CLIENTS (600) stall, in each way that there is.

A client whose connection is closed reconnects at once, so their number stays the same. Each /healthz is asked on a
connection of its own. Exits with 1 if an answer took longer than 50 ms, which is what the bank promises.
"""
import math
import multiprocessing
import select
import socket
import sys
import time
import urllib.parse

LIMIT_MS = 50
HEAD = b"host: bank\r\nuser-id: slow\r\ncontent-type: application/json\r\n"
DEPOSIT = b"POST /v1/deposit HTTP/1.1\r\n" + HEAD
UNREAD = "an answer that nobody reads"
KINDS = {
    "nobody": (b"", b""),
    "nothing": (b"", b""),
    "half a head": (b"POST /v1/deposit HTTP/1.1\r\nhost: b", b""),
    "a head, byte by byte": (b"POST /v1/deposit HTTP/1.1\r\nx-slow: ", b"x"),
    "half a body": (DEPOSIT + b'content-length: 14\r\n\r\n{"am', b""),
    "a body, byte by byte": (DEPOSIT + b"content-length: 4000\r\n\r\n", b" "),
    "half of a large body": (DEPOSIT + b"content-length: 1000000\r\n\r\n" + b" " * 5000, b""),
    "one chunk of many": (DEPOSIT + b"transfer-encoding: chunked\r\n\r\n4\r\n{\"am\r\n", b""),
    UNREAD: (b"GET /docs/swagger-ui.js HTTP/1.1\r\nhost: b\r\n\r\n" * 40, b""),
}


def stall(address, clients, kind, stop, connected):
    """Keeps this many clients connected. Each sends the beginning of its kind and then, for some kinds, a byte a second."""
    first, drip = KINDS[kind]
    # A client that reads no answer notices only a reset connection.
    poll, held, next_drip = select.poll(), {}, time.monotonic() + 1
    while not stop.is_set():
        while len(held) < clients:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(address)
            client.sendall(first)
            client.setblocking(False)
            poll.register(client, select.POLLIN if kind != UNREAD else 0)
            held[client.fileno()] = client
            connected.value += 1
        gone = {number for number, event in poll.poll(50) if ended(held[number], event)}
        if drip and time.monotonic() >= next_drip:
            next_drip += 1
            gone |= {number for number, client in held.items() if not sent(client, drip)}
        for number in gone:
            poll.unregister(number)
            held.pop(number).close()


def ended(client, event):
    if event & (select.POLLERR | select.POLLHUP):
        return True
    try:
        return not client.recv(65536)
    except OSError:
        return True


def sent(client, drip):
    try:
        return client.send(drip)
    except OSError:
        return False


def ask(address):
    """The milliseconds until /healthz answers 200, or infinity after 5 s."""
    began, answer = time.monotonic(), b""
    try:
        with socket.create_connection(address, timeout=5) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nhost: bank\r\nconnection: close\r\n\r\n")
            while part := client.recv(65536):
                answer += part
    except OSError:
        return math.inf
    if not answer.startswith(b"HTTP/1.1 200"):
        return math.inf
    return (time.monotonic() - began) * 1000


def measure(address, clients, seconds, kind):
    stop, connected = multiprocessing.Event(), multiprocessing.Value("q", 0)
    process = multiprocessing.Process(target=stall, args=(address, clients, kind, stop, connected), daemon=True)
    process.start()
    while connected.value < clients:
        time.sleep(0.01)
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        times.append(ask(address))
        time.sleep(0.02)
    stop.set()
    process.join()
    times.sort()
    p50, p99, longest = times[len(times) // 2], times[len(times) * 99 // 100], times[-1]
    print(f"{kind:<29} {len(times):>5} {p50:>8.1f} {p99:>8.1f} {longest:>8.1f} {connected.value:>10}", flush=True)
    return longest


def main():
    base = urllib.parse.urlsplit(sys.argv[1])
    clients, seconds = (int(argument) for argument in (sys.argv[2:] + ["600", "15"][len(sys.argv) - 2 :])[:2])
    address = (base.hostname, base.port)
    print(f"{clients} clients that stall             asked   p50 ms   p99 ms   max ms  connected")
    longest = [measure(address, 0 if kind == "nobody" else clients, seconds, kind) for kind in KINDS]
    sys.exit(max(longest) > LIMIT_MS)


main()
