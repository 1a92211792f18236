# SPDX-License-Identifier: Apache-2.0
"""JWS as a relying party checks it (RFC 7515, 7518), from the definitions: the rig must not believe the
library that it tests. Slow and not in constant time; public keys only."""
import base64
import hashlib
import json

import rig
from rig import check, equal

P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    check(isinstance(text, str) and "=" not in text, "base64url has no padding:", text)
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    equal(encode(data), text, "one spelling only")
    return data


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(point, by):
    result = None
    while by:
        if by & 1:
            result = add(result, point)
        point, by = add(point, point), by >> 1
    return result


def es256(key, signed, signature):
    x, y = (int.from_bytes(decode(key[name]), "big") for name in ("x", "y"))
    if len(signature) != 64 or (y * y - x * x * x + 3 * x - B) % P:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(signed).digest(), "big"), pow(s, -1, N)
    point = add(multiply(G, digest * inverse % N), multiply((x, y), r * inverse % N))
    return point is not None and point[0] % N == r


def rs256(key, signed, signature):
    modulus, exponent = (int.from_bytes(decode(key[name]), "big") for name in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    if modulus.bit_length() < 2048 or len(signature) != size:
        return False
    block = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    tail = b"\0" + SHA256_INFO + hashlib.sha256(signed).digest()
    return block == b"\0\x01" + b"\xff" * (size - 2 - len(tail)) + tail


KINDS = {"ES256": ("EC", es256), "RS256": ("RSA", rs256)}


def parts(compact):
    """(header, payload, signed bytes, signature)"""
    equal(compact.count("."), 2, "compact form")
    header, payload, signature = compact.split(".")
    return json.loads(decode(header)), json.loads(decode(payload)), f"{header}.{payload}".encode(), decode(signature)


def verify(compact, jwks, algorithm, typ="JWT"):
    """The claims of a token that one of the keys signed with that algorithm."""
    header, payload, signed, signature = parts(compact)
    equal((header["alg"], header.get("typ", typ)), (algorithm, typ), header)
    check(not {"jku", "jwk", "x5u", "x5c", "crit"} & set(header), header)
    keys = [key for key in jwks["keys"] if key["kid"] == header["kid"]]
    equal(len(keys), 1, "one key of that kid", header, jwks)
    kind, verifier = KINDS[algorithm]
    equal((keys[0]["kty"], keys[0].get("alg", algorithm), keys[0].get("use", "sig")), (kind, algorithm, "sig"))
    check(verifier(keys[0], signed, signature), "the signature")
    return payload


def thumbprint(key):
    """RFC 7638."""
    members = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}[key["kty"]]
    text = json.dumps({name: key[name] for name in sorted(members)}, separators=(",", ":"))
    return encode(hashlib.sha256(text.encode()).digest())


def half_hash(token):
    """at_hash of a token (OIDC Core 3.1.3.6)."""
    return encode(hashlib.sha256(token.encode()).digest()[:16])


def unsigned(claims):
    """A token with alg none."""
    return f"{encode(json.dumps({'alg': 'none'}).encode())}.{encode(json.dumps(claims).encode())}."


def foreign(claims, kid, folder=None):
    """An RS256 token that another key signed, under a kid of ours. openssl makes key and signature."""
    import subprocess
    path = f"{folder or rig.WORK}/foreign.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path],
                   check=True, capture_output=True)
    head = encode(json.dumps({"alg": "RS256", "kid": kid, "typ": "JWT"}).encode())
    signed = f"{head}.{encode(json.dumps(claims).encode())}"
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", path], input=signed.encode(), check=True,
                          capture_output=True)
    return f"{signed}.{encode(done.stdout)}"
