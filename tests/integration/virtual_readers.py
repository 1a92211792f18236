# SPDX-License-Identifier: Apache-2.0
"""A private pcscd with virtual readers (vpcd) whose cards come and go, and which can be ended, stopped and started anew.

A card connects to its reader the moment that there is one, so that it is there from pcscd's first look on, as one that
was left in a real reader. Needs namespaces of its own (rig.enter) with loopback up and a /run to write to.
"""
import encodings.idna  # noqa: F401  (else imported by the first connection, in a thread that may have no right to)
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
PORT = 0x4C7B  # below the ports that connections get by themselves, of which one would keep a slot from listening
ATR = bytes.fromhex("3BAC00402A001225006480000310009000")
OTHER_ATR = bytes.fromhex("3BAC00402A001225006480000310009001")
POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4


def available():
    return os.path.exists(DRIVER) and shutil.which("pcscd") is not None


class VirtualCard:
    """A card in a virtual reader: answers for its ATR, refuses every command."""

    def __init__(self, port, atr=ATR):
        self.port, self.atr = port, atr
        self.connection = None
        self.inserted = None
        self.lock = threading.Lock()

    def insert(self):
        """Put in; where pcscd is away it is there as soon as the reader is."""
        if not self.inserted:
            self.inserted = object()  # of this insertion
            threading.Thread(target=self._connect, args=(self.inserted,), daemon=True).start()
        return self

    def remove(self):
        """Taken out; comes back at the moment that the reader can notice it."""
        with self.lock:
            self.inserted = None
            connection, self.connection = self.connection, None
        if connection:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the reader had gone before
        return time.monotonic()

    def _connect(self, insertion):
        while self.inserted is insertion:
            try:
                connection = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                time.sleep(0)  # at once when there is a reader: before its first look
                continue
            with self.lock:
                if self.inserted is not insertion:
                    connection.close()
                    return
                self.connection = connection
            self._serve(connection)

    @staticmethod
    def _receive(connection, length):
        data = b""
        while len(data) < length:
            piece = connection.recv(length - len(data))
            if not piece:
                raise OSError("vpcd has gone")
            data += piece
        return data

    def _serve(self, connection):
        try:
            while True:
                length, = struct.unpack(">H", self._receive(connection, 2))
                data = self._receive(connection, length)
                if length == 1 and data[0] == GET_ATR:
                    connection.sendall(struct.pack(">H", len(self.atr)) + self.atr)
                elif length > 1:
                    connection.sendall(struct.pack(">H", 2) + b"\x6d\x00")
        except OSError:
            connection.close()


class Readers:
    """pcscd with two readers: names[n] is what pcscd calls them, cards[n] the card that may be in it."""

    names = ("Virtual PCD 00 00", "Virtual PCD 00 01")

    def __init__(self, folder):
        self.process = None
        self.config, self.log = folder + "/reader.conf", folder + "/pcscd.log"
        self.cards = [VirtualCard(PORT), VirtualCard(PORT + 1)]
        os.makedirs("/run/pcscd", exist_ok=True)
        self.configure()

    def configure(self, readers=True):
        with open(self.config, "w", encoding="ascii") as file:
            if readers:
                file.write(f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{PORT:X}\nLIBPATH {DRIVER}\nCHANNELID 0x{PORT:X}\n')

    def start(self):
        log = open(self.log, "ab")
        self.process = subprocess.Popen(["pcscd", "-f", "-c", self.config], stdout=log, stderr=log)
        log.close()
        end = time.monotonic() + 10
        while not os.path.exists("/run/pcscd/pcscd.comm"):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("pcscd does not start: " + self.tail())
            time.sleep(0.01)
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        for name in ("pcscd.comm", "pcscd.pid"):
            if os.path.exists("/run/pcscd/" + name):
                os.remove("/run/pcscd/" + name)

    def stop(self):
        """As the system ends it."""
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def hang(self, yes=True):
        self.process.send_signal(signal.SIGSTOP if yes else signal.SIGCONT)

    def tail(self, size=3000):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-size:]
