# SPDX-License-Identifier: Apache-2.0
"""A client of gateway.sock that speaks the protocol by itself (docs/PROTOCOL.broker.md), as the gateway's user."""
import os
import socket
import struct
import time

import rig

USER, UID = "hospiconnect-gateway", 61991
HELLO, STEP, ANSWER, CANCEL, RESULT, KEEPALIVE = 1, 2, 3, 4, 6, 7
PERSON_GET, PERSON, WATCH, PERSON_CHANGED, EVENT, EVENTS_END, EVENTS_KEPT = 50, 51, 52, 53, 54, 55, 56
DENY, LOCKED, UNKNOWN, EXPIRED, UNAVAILABLE, ALLOW = 0, 1, 2, 3, 4, 0x4B9C35E6
TOTP, RECOVERY = 1, 2
NAMES = {1: "request", 2: "mode", 3: "methods", 5: "service", 6: "user", 8: "rhost", 10: "lang", 11: "timeout_s",
         12: "step_kind", 13: "text", 14: "answer", 15: "verdict", 16: "reason", 19: "retry_after_s", 30: "login",
         31: "given_name", 32: "family_name", 33: "national_id", 34: "profession", 35: "organization", 38: "state",
         40: "person_id", 61: "codes_left", 100: "seq", 101: "time_ms", 102: "event", 103: "outcome", 104: "actor",
         106: "detail", 113: "client_id"}
NUMBERS = {name: number for number, name in NAMES.items()}
LONG = {"person_id", "seq", "time_ms"}


class Closed(Exception):
    """The broker ended the connection."""


def pack(kind, **fields):
    body = b""
    for name, value in fields.items():
        if isinstance(value, int):
            value = struct.pack(">Q" if name in LONG else ">I", value)
        elif isinstance(value, str):
            value = value.encode()
        body += struct.pack(">HH", NUMBERS[name], len(value)) + value
    return struct.pack(">BBHI", 1, 0, kind, len(body)) + body


def unpack(packet):
    kind = struct.unpack(">BBHI", packet[:8])[2]
    fields, at = {"type": kind}, 8
    while at < len(packet):
        number, size = struct.unpack(">HH", packet[at:at + 4])
        value, at = packet[at + 4:at + 4 + size], at + 4 + size
        name = NAMES.get(number, str(number))
        numeric = name in ("methods", "timeout_s", "step_kind", "verdict", "reason", "retry_after_s", "codes_left",
                           *LONG)
        fields[name] = int.from_bytes(value, "big") if numeric else value.decode()
    return fields


class Gateway:
    """One connection."""

    def __init__(self, path, uid=UID):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        os.setegid(uid)
        os.seteuid(uid)
        try:
            self.socket.connect(path)
        finally:
            os.seteuid(0)
            os.setegid(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, **fields):
        self.socket.send(pack(kind, **fields))

    def receive(self, keepalives=False):
        while True:
            try:
                packet = self.socket.recv(16384)
            except ConnectionResetError:
                packet = b""
            if not packet:
                raise Closed
            message = unpack(packet)
            if keepalives or message["type"] != KEEPALIVE:
                return message

    def closes(self):
        """Whether the broker ends the connection without a word."""
        try:
            message = self.receive()
        except Closed:
            return True
        raise rig.Failed(f"said {message}")

    def hello(self, login, address="192.0.2.1", **changes):
        fields = {"request": 1, "mode": 1, "methods": TOTP | RECOVERY, "service": "gateway", "user": login,
                  "rhost": address, "lang": "en", **changes}
        self.send(HELLO, **{name: value for name, value in fields.items() if value is not None})

    def password(self, typed):
        step = self.receive()
        rig.equal((step["type"], step.get("step_kind"), step.get("text")), (STEP, 3, "Password: "), step)
        self.send(ANSWER, answer=typed)

    def code(self, typed):
        step = self.receive()
        rig.equal((step["type"], step.get("step_kind"), step.get("text")), (STEP, 1, "Verification code: "), step)
        self.send(ANSWER, answer=typed)

    def result(self):
        message = self.receive()
        rig.equal(message["type"], RESULT, message)
        return message


def sign_in(path, login, typed, code, address="192.0.2.1", pause=0.0, **hello):
    """A whole conversation; returns its RESULT, with the seconds that it took after the code."""
    with Gateway(path) as gateway:
        gateway.hello(login, address, **hello)
        gateway.password(typed)
        time.sleep(pause)
        begin = time.monotonic()
        gateway.code(code)
        message = gateway.result()
        message["seconds"] = time.monotonic() - begin
        return message
