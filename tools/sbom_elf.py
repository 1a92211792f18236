# SPDX-License-Identifier: Apache-2.0
"""What an ELF file says it loads: the names in DT_NEEDED, and those in its notes about dlopen (Debian 13's libraries
carry such notes). Reads what the build made and what the machine's packages installed; anything that is not a
well-formed ELF file of 64 or 32 bits is reported as an error, except that other files are simply none."""
import json
import struct

PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
DT_NEEDED, DT_STRTAB = 1, 5
NOTE_DLOPEN, NOTE_OWNER = 0x407C0C0A, b"FDO"


class Elf:
    """needed: names of DT_NEEDED in order; optional: names of the dlopen notes, sorted."""

    def __init__(self, path):
        with open(path, "rb") as stream:
            self.data = stream.read()
        if self.data[:4] != b"\x7fELF" or self.data[4] not in (1, 2) or self.data[5] not in (1, 2):
            raise ValueError(f"{path}: not an ELF file")
        self.wide = self.data[4] == 2
        self.order = "<" if self.data[5] == 1 else ">"
        segments = self._segments()
        self.needed = self._needed(segments)
        self.optional = sorted(set(self._dlopened(segments)))

    def _unpack(self, form, at):
        return struct.unpack_from(self.order + form, self.data, at)

    def _segments(self):
        if self.wide:
            (start,) = self._unpack("Q", 0x20)
            size, count = self._unpack("HH", 0x36)
        else:
            (start,) = self._unpack("I", 0x1C)
            size, count = self._unpack("HH", 0x2A)
        segments = []
        for at in range(start, start + size * count, size):
            if self.wide:
                kind, _, offset, address, _, length = self._unpack("IIQQQQ", at)
            else:
                kind, offset, address, _, length = self._unpack("IIIII", at)
            segments.append((kind, offset, address, length))
        return segments

    def _needed(self, segments):
        step, form = (16, "qQ") if self.wide else (8, "iI")
        names, strings = [], None
        for kind, offset, _, length in segments:
            if kind != PT_DYNAMIC:
                continue
            for at in range(offset, offset + length, step):
                tag, value = self._unpack(form, at)
                if tag == 0:
                    break
                if tag == DT_NEEDED:
                    names.append(value)
                elif tag == DT_STRTAB:
                    strings = self._offset_of(segments, value)
        return [self._text(strings + name) for name in names]

    @staticmethod
    def _offset_of(segments, address):
        for kind, offset, start, length in segments:
            if kind == PT_LOAD and start <= address < start + length:
                return offset + address - start
        raise ValueError("an address outside of the file")

    def _text(self, at):
        return self.data[at : self.data.index(b"\0", at)].decode("ascii")

    def _dlopened(self, segments):
        for kind, offset, _, length in segments:
            at, end = offset, offset + length
            while kind == PT_NOTE and at + 12 <= end:
                owner_size, size, what = self._unpack("III", at)
                text = at + 12 + (owner_size + 3) // 4 * 4
                if what == NOTE_DLOPEN and self.data[at + 12 : text].rstrip(b"\0") == NOTE_OWNER:
                    for entry in json.loads(self.data[text : text + size].rstrip(b"\0")):
                        yield from entry["soname"]
                at = text + (size + 3) // 4 * 4


def read(path):
    """The ELF file at path, or None if it is another kind of file."""
    with open(path, "rb") as stream:
        if stream.read(4) != b"\x7fELF":
            return None
    return Elf(path)
