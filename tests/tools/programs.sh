#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# programs.sh BUILD: tools/check-programs.py accepts the tree as it is, and names each of the faults that are planted
# into a copy of its pages, example configurations and texts.
# shellcheck disable=SC2016 # the dollars are sed's
set -euo pipefail
build=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tools/planted.sh
. "$(dirname "${BASH_SOURCE[0]}")/planted.sh"

ln -s "$root"/{authd,crl,helpers,hospictl,include,libhccrypto,libhospiconnect,sso-gateway} "$work/"
cp -R "$root"/{man,data,po} "$work/"
cd "$work"

HC_ROOT=$work "$root/tools/check-programs.py" "$build" || failed=$((failed + 1))

# The faults of one page must not hide each other.
plant_in 'hospiconnect-authd.8: option --check-store is not documented' man/hospiconnect-authd.8 '/Fl -check-store/d'
plant_in 'hospiconnect-authd.8: variable WATCHDOG_SEC is documented' man/hospiconnect-authd.8 's/^\.It Ev WATCHDOG_USEC/.It Ev WATCHDOG_SEC/'
plant_in 'hospiconnect-authd.8: has no section EXAMPLES' man/hospiconnect-authd.8 's/^\.Sh EXAMPLES/.Sh SIGNALS/'
plant_in 'hospiconnect-crl.8: option --quick is documented' man/hospiconnect-crl.8 's/^\.It Fl -force/.It Fl -quick\n&/'
expected+=("hospiconnect-crl refuses --quick")
plant_in 'hc-ocsp.8: exit status 3 is not documented' man/hc-ocsp.8 's/^\.It 3/.It 4/'
plant_in 'no-such-option ends with status 2' man/hc-pkcs11.8 '/^\.It 2/d'
plant_in 'hc-fido2 has no page' man/hospiconnect.7 's/^\.It Xr hc-fido2 8/.It Xr hc-fido3 8/'
rm man/hc-fido2.8
expected+=("hc-fido3(8) does not exist")
plant_in 'hospictl.8: command lockout clear is not documented' man/hospictl.8 's/^\.It Cm lockout clear Ar login/.It Em lockout clear/'
plant_in 'hospictl.8: command user rename is documented' man/hospictl.8 's/^\.It Cm user list/&\n.It Cm user rename Ar login/'
plant_in 'enroll totp: option --period is not documented' man/hospictl.8 '/^\.It Fl -period/d'
plant_in 'audit list: option --until is documented' man/hospictl.8 's/^\.It Fl -since/.It Fl -until Ar when\n&/'
plant_in 'client show: operand ID is not documented' man/hospictl.8 's/^\.It Cm client show Ar id/.It Cm client show Ar name/'
plant_in 'hospictl.8: exit status 4 is not documented' man/hospictl.8 '/^\.Sh EXIT STATUS/,$s/^\.It 4/.It 5/'
plant_in 'hospictl.8: variable PAGER is documented' man/hospictl.8 's/^\.It Ev NO_COLOR/.It Ev PAGER\n&/'
plant_in 'key [policy] attempts is not documented' man/hospiconnect-authd.conf.5 '/^\.It Cm attempts/d'
plant_in 'key [policy] retries is documented' man/hospiconnect-authd.conf.5 's/^\.It Cm free_tries/.It Cm retries\nDefault: 3.\n&/'
plant_in '[policy] lock_first: the default is "30s", the page says "45s"' man/hospiconnect-authd.conf.5 's/^Default: 30s\./Default: 45s./'
plant_in '[fido2] attestation: the value self is not documented' man/hospiconnect-authd.conf.5 's/^\.Ql self ,/.Ql itself ,/'
plant_in 'refuses the example' man/hospiconnect-authd.conf.5 's/^issuer = CHU Exemple/issuer = a:b/'
plant_in 'gateway.conf.5: [gateway] tls_key has no default' man/hospiconnect-gateway.conf.5 's/^\.It Cm tls_key/&\nDefault: none./'
plant_in 'key [token] id_token is not documented' man/hospiconnect-gateway.conf.5 's/^\.It Cm id_token/.It Em id_token/'
plant_in 'data/crl.conf: key [crl] pace is documented' data/crl.conf 's/^#interval = 1h/#pace = 1h\n&/'
expected+=("hospiconnect-crl refuses it with every default")
plant_in 'behind a single # stands 5s, the default is 60s' data/gateway.conf 's/^#code = 60s/#code = 5s/'
plant_in 'data/authd.conf: key [totp] window is not documented' data/authd.conf '/^#window = /d'
plant_in 'WRONG_CODE (fr): what is shown is' po/fr.po '/^msgctxt "reason.WRONG_CODE"/,/^$/s/^msgstr "/&Autre : /'
plant_in 'LOCKED_OUT: its text (en) is not documented' man/hospiconnect-codes.7 '/^\.It Sy HC-203/,/^\.El/s/^\.Bl -item/.Bl -bullet/'
plant_in '/run/hospiconnect/none.sock: nothing listens there' man/hc-password.8 's,/run/hospiconnect/password.sock,/run/hospiconnect/none.sock,'
printf '.Dd November 1, 2026\n.Dt HC-NOTHING 8\n.Os\n.Sh NAME\n.Nm hc-nothing\n.Nd nothing\n' >man/hc-nothing.8
expected+=('hc-nothing.8: is not installed')

HC_ROOT=$work all_are_named "$root/tools/check-programs.py" "$build"
