# SPDX-License-Identifier: Apache-2.0
"""
A hierarchy like IGC-Santé's, made with openssl(1) for one test: authorities, cards with the private
extensions byte for byte, revocation lists of any age.
"""
import os
import subprocess
import time

CARD = """
basicConstraints=CA:FALSE
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid:always
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth,msSmartcardLogin
subjectAltName=otherName:msUPN;UTF8:8.99900063480@carte-cps.fr
1.2.250.1.71.1.2.5=DER:040100
1.2.250.1.71.1.2.2=DER:020100
1.2.250.1.71.1.2.3=DER:1315383032353030303030312F32363030383535323036
1.2.250.1.71.1.2.7=DER:02010A
1.2.250.1.71.4.2.5=DER:30060C04534D3236
"""
AUTHORITY = """
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
"""
LIBRE = "C=FR\ntitle=Médecin\nGN=MAX\n+SN=LIBRE\n+CN=899900063480\n"


def openssl(*words, given=None):
    done = subprocess.run(["openssl", *words], input=given, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"openssl {' '.join(words)}:\n{done.stderr.decode()}")
    return done.stdout


def stamp(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))


class Party:
    """One key and certificate: an authority or a card."""

    def __init__(self, folder, name, subject, extensions, issuer=None, days=(-100, 1000), key=None):
        self.base = os.path.join(folder, name)
        self.pem, self.key = self.base + ".pem", self.base + ".key"
        self.serials, self.numbers = [], 0
        with open(self.base + ".cnf", "w", encoding="utf-8") as out:
            out.write("[req]\nprompt=no\ndistinguished_name=dn\nutf8=yes\nstring_mask=utf8only\n"
                      f"[dn]\n{subject}\n[ext]\n{extensions}\n"
                      "[ca]\ndefault_ca=me\n[me]\ndatabase=" + self.base + ".index\ndefault_md=sha256\n"
                      "policy=any\nunique_subject=no\nrand_serial=yes\nnew_certs_dir=" + folder +
                      "\nemail_in_dn=no\npreserve=yes\ncopy_extensions=none\n[any]\ncommonName=optional\n")
        open(self.base + ".index", "w", encoding="utf-8").close()
        openssl("genpkey", *(key or ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]), "-out", self.key)
        openssl("req", "-new", "-config", self.base + ".cnf", "-key", self.key, "-out", self.base + ".csr")
        above = issuer or self
        words = ["-selfsign", "-keyfile", self.key] if issuer is None else \
            ["-cert", above.pem, "-keyfile", above.key]
        # "req" keeps the subject's RDNs as they are; so does "ca" with preserve and its own subject
        openssl("ca", "-batch", "-notext", "-preserveDN", "-config", above.base + ".cnf", *words, "-in", self.base + ".csr",
                "-out", self.pem, "-startdate", stamp(days[0]), "-enddate", stamp(days[1]),
                "-extfile", self.base + ".cnf", "-extensions", "ext")
        self.der = openssl("x509", "-in", self.pem, "-outform", "DER")

    def revoke(self, card):
        openssl("ca", "-config", self.base + ".cnf", "-cert", self.pem, "-keyfile", self.key, "-revoke", card.pem)

    def crl(self, since=-1.0, until=7.0, form="DER"):
        """Days from now."""
        pem = openssl("ca", "-config", self.base + ".cnf", "-cert", self.pem, "-keyfile", self.key, "-gencrl",
                      "-crl_lastupdate", stamp(since), "-crl_nextupdate", stamp(until))
        return pem if form == "PEM" else openssl("crl", "-outform", "DER", given=pem)


def authority(folder, file, name, unit="IGC-SANTE", issuer=None, days=(-100, 1000)):
    return Party(folder, file, f"C=FR\nO=ASIP-SANTE\nOU={unit}\nCN={name}\n",
                 AUTHORITY.replace("CA:TRUE", "CA:TRUE,pathlen:0") if issuer else AUTHORITY, issuer, days)


def card(folder, file, issuer, subject=LIBRE, changes=(), days=(-10, 900), key=None):
    """changes: pairs of an extension's name and its other value (None: without it)."""
    lines = dict(line.split("=", 1) for line in CARD.strip().split("\n"))
    for name, value in changes:
        lines[name] = value
    return Party(folder, file, subject, "\n".join(f"{n}={v}" for n, v in lines.items() if v is not None), issuer, days, key)


# ---- every shape, by name ----------------------------------------------------------------------

TEST_CATEGORY = ("1.2.250.1.71.1.2.5", "DER:040180")
UPN = "subjectAltName"
EC = ["-algorithm", "EC", "-pkeyopt"]
CPF = "C=FR\ntitle=Etudiant\nGN=MAX\n+SN=LIBRE\n+CN=9990000001\n"
CPE = "C=FR\nST=Seine-Maritime (76)\nO=CABINET M TEST\nOU=1760021832\ntitle=Secrétaire\nGN=MAX\n+SN=LIBRE\n+CN=3760021832/000000018\n"
UNNAMED = "C=FR\nST=Seine-Maritime (76)\nO=CABINET M TEST\nOU=1760021832\nCN=3760021832/EMPLOYE018\n"
SERVER = "C=FR\nST=Rhône (69)\nO=HOPITAL DE TEST\nOU=10B0127189\nCN=www.example.org\n"
OLD = "C=FR\nO=TEST\nOU=Médecin\nGN=MAX\n+SN=LIBRE\n+CN=899900063480\n"
_PRIVATE = ("1.2.250.1.71.1.2.5", "1.2.250.1.71.1.2.2", "1.2.250.1.71.1.2.3", "1.2.250.1.71.1.2.7", "1.2.250.1.71.4.2.5")
_EMPLOYEE = [("1.2.250.1.71.1.2.2", "DER:020102"), ("1.2.250.1.71.1.2.7", None), ("1.2.250.1.71.4.2.5", None)]

SHAPES = {  # what card() takes beside folder, file and issuer
    "cps": {},
    "test": {"changes": [TEST_CATEGORY]},
    "cpf": {"subject": CPF, "changes": [(UPN, "otherName:msUPN;UTF8:9.990000001@carte-cps.fr"),
                                        ("1.2.250.1.71.1.2.2", "DER:020101"), ("1.2.250.1.71.1.2.7", None),
                                        ("1.2.250.1.71.1.2.8", "DER:02010A")]},
    "cpe": {"subject": CPE, "changes": [*_EMPLOYEE, (UPN, "otherName:msUPN;UTF8:3.760021832/000000018@carte-cps.fr")]},
    "cpe unnamed": {"subject": UNNAMED, "changes": [*_EMPLOYEE, (UPN, None)]},
    "organisation": {"subject": SERVER, "changes": [(UPN, None), ("extendedKeyUsage", "clientAuth"),
                                                    *((oid, None) for oid in _PRIVATE[1:]), (_PRIVATE[0], "DER:040103")]},
    "signature": {"changes": [("keyUsage", "critical,nonRepudiation"), ("extendedKeyUsage", "emailProtection"), (UPN, None)]},
    "legacy": {"subject": OLD},
    "expired": {"days": (-900, -1)},
    "servers": {"changes": [("extendedKeyUsage", "serverAuth")]},
    "4096": {"key": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"]},
    "P-256": {"key": [*EC, "ec_paramgen_curve:P-256"]},
    "P-384": {"key": [*EC, "ec_paramgen_curve:P-384"]},
    **{"without " + oid: {"changes": [(oid, None)]} for oid in _PRIVATE},
    **{"malformed " + oid: {"changes": [(oid, "DER:0202")]} for oid in _PRIVATE},
}


def shape(folder, name, issuer):
    """A card's certificate of one of SHAPES."""
    return card(folder, name.replace(" ", "_"), issuer, **SHAPES[name])
