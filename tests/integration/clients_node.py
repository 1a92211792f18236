# SPDX-License-Identifier: Apache-2.0
"""The Node, and what `npm ci` made of clients/, that scenarios with programs of Node run with."""
import os
import re
import shutil
import subprocess

import rig

CLIENTS = os.environ.get("HC_CLIENTS_DIR", os.path.join(rig.BUILD, "..", "clients"))


def node():
    """A Node of version 20 or later: the machine's, or the one that npm brought."""
    for path in (shutil.which("node"), f"{CLIENTS}/node/bin/node"):
        if path and os.path.exists(path):
            version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
            if int((re.match(r"v(\d+)", version) or [0, 0])[1]) >= 20:
                return path
    return None


def found():
    return node() and os.path.isdir(f"{CLIENTS}/node_modules/openid-client")
