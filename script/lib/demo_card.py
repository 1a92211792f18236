#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""demo_card.py FOLDER: for script/demo, what stands for health-professional cards: two authorities, a card, one that was
lost, a revocation list, and a reader without a card in it (tests/support/pkcs11/card_files.h).

FOLDER/authorities.pem, list.crl, card.pem and lost.pem; FOLDER/reader is the reader's folder. HC_BUILD_DIR: the build tree.
"""
import os
import sys

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests")
sys.path[:0] = [os.path.join(SOURCE, "integration"), os.path.join(SOURCE, "support")]
sys.dont_write_bytecode = True

import cards  # noqa: E402  pylint: disable=wrong-import-position
import igc  # noqa: E402  pylint: disable=wrong-import-position

PIN = "1234"
AUTH_ID = "e828bd080f8025000001ff001020"
DURAND = "C=FR\ntitle=Médecin\nGN=PAUL\n+SN=DURAND\n+CN=899900063480\n"


class OnCard:
    """A certificate as the reader wants it."""

    def __init__(self, party):
        self.key, self.der = party.key, party.base + ".der"
        with open(self.der, "wb") as out:
            out.write(party.der)


def main(folder):
    root = igc.authority(folder, "root", "AC RACINE IGC-SANTE FORT", unit="DEMONSTRATION")
    authority = igc.authority(folder, "people", "AC IGC-SANTE FORT PERSONNES", unit="DEMONSTRATION", issuer=root)
    with open(folder + "/authorities.pem", "w", encoding="ascii") as out:
        for party in (root, authority):
            with open(party.pem, encoding="ascii") as source:
                out.write(source.read())
    card = igc.card(folder, "card", authority, subject=DURAND)
    lost = igc.card(folder, "lost", authority, subject=DURAND)
    authority.revoke(lost)
    with open(folder + "/list.crl", "wb") as out:
        out.write(authority.crl())
    readers = cards.Readers(folder + "/reader")
    readers.card("card", (AUTH_ID, OnCard(card)), pin=PIN)


if __name__ == "__main__":
    main(sys.argv[1])
