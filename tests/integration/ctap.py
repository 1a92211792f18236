# SPDX-License-Identifier: Apache-2.0
"""A bare CTAPHID client for test keys: says what libfido2 never would, and sees every report.

Its CBOR is strict: whatever is not canonical (CTAP 2.1, section 8) is an error.
"""
import os
import socket
import struct

BROADCAST = 0xFFFFFFFF
PING, MSG, INIT, WINK, CBOR, CANCEL, KEEPALIVE, ERROR = 0x01, 0x03, 0x06, 0x08, 0x10, 0x11, 0x3B, 0x3F


class Malformed(ValueError):
    """Bytes that are no canonical CBOR, or reports that make no message."""


def encode(value):
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(encode(item) for item in value)
    pairs = sorted((encode(name), encode(member)) for name, member in value.items())
    pairs.sort(key=lambda pair: (pair[0][0] >> 5, len(pair[0]), pair[0]))
    return _head(5, len(value)) + b"".join(name + member for name, member in pairs)


def _head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for info, layout in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if value < 1 << 8 * struct.calcsize(layout):
            return bytes([major << 5 | info]) + struct.pack(layout, value)
    raise Malformed("too large a number")


def decode(data):
    value, rest = _item(data)
    if rest:
        raise Malformed(f"{len(rest)} bytes behind the item")
    return value


def _number(info, data):
    if info < 24:
        return info, data
    if info > 27:
        raise Malformed("indefinite length")
    size = 1 << (info - 24)
    value = int.from_bytes(data[:size], "big")
    if len(data) < size or value < (24 if size == 1 else 1 << 4 * size):
        raise Malformed("cut short, or not the shortest head")
    return value, data[size:]


def _item(data):
    if not data:
        raise Malformed("cut short")
    major, info = data[0] >> 5, data[0] & 31
    if major == 7:
        if info not in (20, 21):
            raise Malformed("not a boolean")
        return info == 21, data[1:]
    value, data = _number(info, data[1:])
    if major < 2:
        return (value if major == 0 else -1 - value), data
    if major in (2, 3):
        if len(data) < value:
            raise Malformed("string cut short")
        text = data[:value]
        return (text if major == 2 else text.decode()), data[value:]
    if major == 4:
        items = []
        for _ in range(value):
            item, data = _item(data)
            items.append(item)
        return items, data
    if major == 5:
        return _map(value, data)
    raise Malformed("a tag")


def _map(count, data):
    result, before = {}, None
    for _ in range(count):
        start = data
        name, data = _item(data)
        raw = start[:len(start) - len(data)]
        order = (raw[0] >> 5, len(raw), raw)
        if before is not None and order <= before:
            raise Malformed(f"member {name!r} out of order")
        before = order
        result[name], data = _item(data)
    return result, data


class Device:
    """One program that has the key open; it takes no lock, unlike libfido2."""

    def __init__(self, path, timeout=5.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.keepalives = []
        self.channel = BROADCAST
        nonce = os.urandom(8)
        answer = self.call(INIT, nonce)
        if answer[:8] != nonce:
            raise Malformed("another's nonce")
        self.channel, self.capabilities = struct.unpack(">I", answer[8:12])[0], answer[16]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def report(self, body, channel=None):
        channel = self.channel if channel is None else channel
        self.socket.send((struct.pack(">I", channel) + body).ljust(64, b"\0"))

    def send(self, command, data=b""):
        self.report(struct.pack(">BH", command | 0x80, len(data)) + data[:57])
        for number, at in enumerate(range(57, len(data), 59)):
            self.report(bytes([number]) + data[at:at + 59])

    def receive(self, keepalives=True):
        """(command, data) of the next message on our channel; signs of life are collected."""
        while True:
            command, data = self._message()
            if command != KEEPALIVE or not keepalives:
                return command, data
            self.keepalives.append(data[0])

    def _report(self):
        while True:
            report = self.socket.recv(64)
            if not report:
                raise ConnectionResetError("the key was pulled out")
            if struct.unpack(">I", report[:4])[0] == self.channel:
                return report[4:]

    def _message(self):
        first = self._report()
        command, length = struct.unpack(">BH", first[:3])
        data, number = first[3:3 + length], 0
        while len(data) < length:
            part = self._report()
            if part[0] != number:
                raise Malformed(f"report {part[0]} instead of {number}")
            data += part[1:1 + length - len(data)]
            number += 1
        return command & 0x7F, data

    def call(self, command, data=b""):
        self.send(command, data)
        got, answer = self.receive()
        if got == ERROR:
            raise Malformed(f"CTAPHID error 0x{answer[0]:02x}")
        if got != command:
            raise Malformed(f"an answer to 0x{got:02x}")
        return answer

    def cbor(self, command, parameters=None):
        """(status, decoded answer or None)"""
        answer = self.call(CBOR, bytes([command]) + (encode(parameters) if parameters is not None else b""))
        return answer[0], decode(answer[1:]) if len(answer) > 1 else None
