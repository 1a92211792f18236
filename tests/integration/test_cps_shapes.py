#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: hospictl says of every shape of certificate whether it may sign its owner in, and if not, why.
Certificates made by openssl(1), in the order and with the bytes of real ones; the three ranges of authorities.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import igc  # noqa: E402

BUILD = os.environ.get("HC_BUILD_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "dev"))
TEST, NOT_FOR, SHARED, LEGACY, ORGANISATION, EXPIRED = "HC-256", "HC-251", "HC-257", "HC-259", "HC-258", "HC-252"
REFUSED = {"test": TEST, "cpe unnamed": SHARED, "organisation": ORGANISATION, "signature": NOT_FOR, "legacy": LEGACY,
           "expired": EXPIRED, "servers": NOT_FOR, "without 1.2.250.1.71.1.2.5": NOT_FOR, "without 1.2.250.1.71.1.2.2": SHARED}


def inspect(path, config):
    return subprocess.run([BUILD + "/bin/hospictl", "--json", "cps", "inspect", path, "--config", config], capture_output=True,
                          text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})


def main():
    failures = []
    with tempfile.TemporaryDirectory(prefix="hc-shapes.") as folder:
        os.mkdir(folder + "/trust", 0o755)
        os.mkdir(folder + "/crl", 0o755)
        ranges = {}
        for name in ("FORT", "STANDARD", "ELEMENTAIRE"):
            root = igc.authority(folder, "root" + name, f"AC RACINE IGC-SANTE {name}")
            ranges[name] = igc.authority(folder, "people" + name, f"AC IGC-SANTE {name} PERSONNES", issuer=root)
            for party in (root, ranges[name]):
                with open(f"{folder}/trust/{os.path.basename(party.base)}.pem", "wb") as out:
                    out.write(igc.openssl("x509", "-in", party.pem))
            with open(f"{folder}/crl/{name}.crl", "wb") as out:
                out.write(ranges[name].crl())
        config = folder + "/authd.conf"
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"[authd]\n[cps]\ntrust_dir = {folder}/trust\ncrl_dir = {folder}/crl\n")
        rows = [(name, "ELEMENTAIRE") for name in igc.SHAPES] + [("cps", "FORT"), ("cps", "STANDARD")]
        for row, (name, issuer) in enumerate(rows):
            done = inspect(igc.shape(folder, name, ranges[issuer]).pem, config)
            if name.startswith("malformed"):
                good = done.returncode != 0 and not done.stdout
            else:
                said = json.loads(done.stdout) if done.stdout else {}
                wanted = REFUSED.get(name)
                good = said.get("may_sign_in") == (wanted is None) and said.get("code") == wanted
            print("ok     " if good else "FAILED ", row, name, issuer, flush=True)
            if not good:
                failures.append(f"row {row}, {name} of {issuer}: {done.returncode} {done.stdout} {done.stderr}")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
