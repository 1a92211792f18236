#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# confinement.sh BUILD: tools/check-confinement.py accepts what the build installs, and names each of the faults that are
# planted into a copy of that.
set -euo pipefail
build=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tools/planted.sh
. "$(dirname "${BASH_SOURCE[0]}")/planted.sh"

"$root/tools/check-confinement.py" "$build" || failed=$((failed + 1))

# A build whose installation is that copy.
DESTDIR=$work/tree cmake --install "$build" >/dev/null
mkdir "$work/build"
# shellcheck disable=SC2016 # the dollar is CMake's
printf 'execute_process(COMMAND cp -a "%s/tree/." "$ENV{DESTDIR}/")\n' "$work" >"$work/build/cmake_install.cmake"

# plant EXPECTED NAME COMMAND: into the installed file of that name.
plant() {
	plant_in "$1" "$(find "$work/tree" -type f -path "*/$2" -print -quit)" "$3"
}

plant 'hospiconnect-authd.service is more exposed' system/hospiconnect-authd.service '/^Protect/d'
plant "Unknown key 'ProtectEverything'" system/hospiconnect-crl.service 's/^\[Service\]/&\nProtectEverything=yes/'
mv "$(find "$work/tree" -path '*/system/hc-ocsp@.service')" "$work/hc-ocsp@.service"
expected+=("services and the exposures that are known: {'hc-ocsp@.service'}")
plant '.hospiconnect-authd forbids what the unit allows: /srv/x/x' system/hospiconnect-authd.service 's,^\[Service\],&\nReadWritePaths=/srv/x,'
plant '.hospiconnect-authd denies' apparmor.d/*.hospiconnect-authd 's,^}$,  deny /etc/shadow r\,\n&,'
plant '.hospiconnect-gateway does not complain' apparmor.d/*.hospiconnect-gateway 's/complain/audit/'
plant '.hospiconnect-crl has no room' apparmor.d/*.hospiconnect-crl '/include if exists <local/d'
plant '.hc-fido2 starts programs in another profile' apparmor.d/*.hc-fido2 's,^}$,  /usr/bin/true Px\,\n&,'
plant '.hc-ocsp enforced is not understood' apparmor.d/*.hc-ocsp 's,^}$,  nonsense\n&,'
plant 'is not named after its program' apparmor.d/*.hc-password 's,^\(profile [^ ]* \)[^ ]*,\1/usr/bin/other,'
expected+=('programs and profiles: ')
plant 'confined hosts of the module:' authentication.d/hospiconnect 's/auth\.sock/none.sock/'

all_are_named "$root/tools/check-confinement.py" "$work/build"
