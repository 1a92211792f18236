#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What idle connections cost: opens many to a running http_floor, one request each, and reads the
server's memory before, with all of them idle, and the time of a request beside them.

    bench/http_idle.py PID PORT [COUNT] [--tls] [--silent]     (ulimit -n above COUNT, for both)
"""
import argparse
import socket
import ssl
import time


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def connect(port, context):
    sock = socket.create_connection(("127.0.0.1", port))
    return context.wrap_socket(sock) if context else sock


def ask(sock):
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    got = b""
    while b"\r\n\r\n" not in got or len(got.split(b"\r\n\r\n", 1)[1]) < 600:
        got += sock.recv(65536)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pid", type=int)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int, nargs="?", default=10000)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--silent", action="store_true", help="connect (and shake hands) and say nothing")
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    first = connect(options.port, context)
    ask(first)
    before = rss_kib(options.pid)
    held = []
    for _ in range(options.count):
        held.append(connect(options.port, context))
        if not options.silent:
            ask(held[-1])
    after = rss_kib(options.pid)
    took = []
    for _ in range(1000):
        started = time.perf_counter()
        ask(first)
        took.append(time.perf_counter() - started)
    took.sort()
    print(f"{options.count} idle: {before} -> {after} KiB RSS, {(after - before) / options.count:.2f} KiB each; "
          f"a request beside them: median {took[500] * 1e6:.0f} us, p99 {took[990] * 1e6:.0f} us")


main()
