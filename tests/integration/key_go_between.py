#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A helper that has been taken over: between the broker and the real hc-fido2 it does what GO_BETWEEN/mode says.

    pass             nothing
    record           keeps the answer of the key (GO_BETWEEN/kept)
    replay           gives the answer that was kept instead of asking the key
    web              has the key sign what a web page of the same relying party would have it sign
"""
import hashlib
import json
import os
import select
import socket
import sys

FOLDER = "/run/rig/between"
sys.path.insert(0, FOLDER)
import device_link as link  # noqa: E402


def web_hash():
    data = {"type": "webauthn.get", "challenge": "AAAA", "origin": "https://login.example.org", "crossOrigin": False}
    return hashlib.sha256(json.dumps(data, separators=(",", ":")).encode()).digest()


def altered(message):
    fields = {name: value for name, value in message.items() if name != "type"}
    if message["type"] == link.START:
        fields["client_data_hash"] = web_hash()
    return link.pack(message["type"], **fields)


def main():
    with open(FOLDER + "/mode", encoding="ascii") as file:
        mode = file.read().strip()
    broker = socket.socket(fileno=3)
    if mode == "replay":
        broker.recv(16384)
        with open(FOLDER + "/kept", "rb") as file:
            broker.send(file.read())
        return
    helper = link.Link([FOLDER + "/hc-fido2"], env={})
    while True:
        for end, other in ((broker, helper.socket), (helper.socket, broker)):
            if not select.select([end], [], [], 0.01)[0]:
                continue
            packet = end.recv(16384)
            if not packet:
                return
            if end is broker and mode == "web":
                packet = altered(link.unpack(packet))
            elif end is not broker and mode == "record" and link.unpack(packet)["type"] == link.DONE:
                with open(FOLDER + "/kept", "wb") as file:
                    file.write(packet)
            other.send(packet)


main()
