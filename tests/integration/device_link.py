# SPDX-License-Identifier: Apache-2.0
"""The broker's end of the link to a device helper (docs/PROTOCOL.broker.md, section 6), by itself.

    with Link([program], env=...) as link:
        link.start(ASSERT, timeout_s=5, rp_id="example.org", ...)
        ask = link.expect(ASK)
        link.answer(b"1234")
        done = link.expect(DONE)
"""
import os
import re
import signal
import socket
import struct
import subprocess
import time

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include", "hospiconnect")
START, WAIT, ASK, ANSWER, CANCEL, DONE, FAILED, ITEM = range(70, 78)
LIST, ASSERT, MAKE, SIGN, SET_PIN = range(1, 6)
WATCH = 7
INSERT, TOUCH, FINGER, WORKING, PIN_PAD = range(1, 6)
PIN, LAST_TRY, CHOICE, NEW_PIN = range(1, 5)
UV, UP, DISCOVERABLE, PRESENT, HIDDEN = 1, 2, 4, 8, 16


def _table(name, pattern):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
        return re.findall(pattern, file.read())


FIELDS = {int(number): (name.lower(), kind)
          for number, name, kind in _table("msg.h", r"X\((\d+), (\w+), (U32|U64|TEXT|BYTES), \d+\)")}
NUMBERS = {name: (number, kind) for number, (name, kind) in FIELDS.items()}
REASONS = {int(number): name for number, name in _table("reason.h", r"X\((\d+), (\w+)\)")}


class Closed(Exception):
    """The helper ended the link."""


def pack(type_, **fields):
    body = b""
    for name, value in fields.items():
        number, kind = NUMBERS[name]
        if isinstance(value, int):
            value = struct.pack(">Q" if kind == "U64" else ">I", value)
        elif isinstance(value, str):
            value = value.encode()
        body += struct.pack(">HH", number, len(value)) + value
    return struct.pack(">BBHI", 1, 0, type_, len(body)) + body


def unpack(packet):
    version, flags, type_, length = struct.unpack(">BBHI", packet[:8])
    assert (version, flags, length) == (1, 0, len(packet) - 8), packet
    message, at = {"type": type_}, 8
    while at < len(packet):
        number, size = struct.unpack(">HH", packet[at:at + 4])
        value, at = packet[at + 4:at + 4 + size], at + 4 + size
        name, kind = FIELDS[number]
        assert name not in message, name
        message[name] = value if kind == "BYTES" else value.decode() if kind == "TEXT" else int.from_bytes(value, "big")
    if "reason" in message:
        message["reason"] = REASONS[message["reason"]]
    return message


def identifiers(ids):
    """CREDENTIALS."""
    return b"".join(struct.pack(">H", len(item)) + item for item in ids)


def groups(parties):
    """GROUPS: [(relying party, [identifier])]."""
    return b"".join(struct.pack(">H", len(part)) + part
                    for rp, ids in parties for part in (rp.encode(), identifiers(ids)))


def choices(data):
    """[(user handle, name)] of CHOICES."""
    parts, at = [], 0
    while at < len(data):
        size = struct.unpack(">H", data[at:at + 2])[0]
        parts.append(data[at + 2:at + 2 + size])
        at += 2 + size
    return [(handle, name.decode()) for handle, name in zip(parts[::2], parts[1::2])]


class Link:
    def __init__(self, command, timeout=10.0, uid=None, **how):
        """uid: who the helper is to take us for; takes root."""
        if uid is not None:
            os.seteuid(uid)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if uid is not None:
            os.seteuid(0)
        self.socket.settimeout(timeout)
        self.waits = []

        def third():
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)

        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=third, pass_fds=(3,), **how)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.socket.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            if kind is None:
                raise

    def send(self, type_, **fields):
        self.socket.send(pack(type_, **fields))

    def start(self, operation, timeout_s=10, **fields):
        self.send(START, device_operation=operation, timeout_s=timeout_s, **fields)

    def answer(self, data):
        self.send(ANSWER, answer=data)

    def receive(self):
        try:
            packet = self.socket.recv(16384)
        except ConnectionResetError:
            packet = b""
        if not packet:
            raise Closed
        return unpack(packet)

    def expect(self, type_, **fields):
        """The next message that is no WAIT (unless that is what is expected); WAITs are collected."""
        while True:
            message = self.receive()
            if message["type"] == WAIT:
                self.waits.append(message)
            if message["type"] == WAIT != type_:
                continue
            assert message["type"] == type_ and all(message.get(name) == value for name, value in fields.items()), \
                f"{message} instead of {type_} {fields}"
            return message

    def ends(self, within=2.0):
        """The link is closed and the process gone; how long that took, and its exit status."""
        started = time.monotonic()
        try:
            message = self.receive()
            raise AssertionError(f"{message} behind the end")
        except Closed:
            pass
        status = self.process.wait(within)
        return time.monotonic() - started, status

    def hang_up(self, within=2.0):
        """Closes our end; how long the process took to end."""
        started = time.monotonic()
        self.socket.close()
        self.process.wait(within)
        return time.monotonic() - started

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
