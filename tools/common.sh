# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Shared by the checks in this folder. HC_ROOT names another tree to look at: the checks' own tests
# plant violations in a small one.
set -euo pipefail
export LC_ALL=C.UTF-8

# shellcheck disable=SC2034 # for those who read this file in
hc_tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
HC_ROOT=${HC_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
export HC_ROOT
cd "$HC_ROOT"

hc_violations=0

# hc_violation WHERE WHY: reports one and goes on.
hc_violation() {
	printf '%s: %s\n' "$1" "$2" >&2
	hc_violations=$((hc_violations + 1))
}

# hc_verdict NAME CHECKED: the last line, and the exit status.
hc_verdict() {
	if ((hc_violations > 0)); then
		printf '%s: %d violation(s)\n' "$1" "$hc_violations" >&2
		exit 1
	fi
	printf '%s: %s, no violation\n' "$1" "$2"
}

# The folders of C code that ship, and all that hold C code.
# shellcheck disable=SC2034 # both are for those who read this file in
hc_production=(include libhospiconnect libhcconfine libhccrypto libhcevidence libhcsqlite pam_hospiconnect authd crl hospictl helpers sso-gateway)
# shellcheck disable=SC2034
hc_all_code=("${hc_production[@]}" tests bench)

# hc_files PATTERN FOLDER…: files of that name below the folders that exist, sorted.
hc_files() {
	local pattern=$1 folder
	shift
	for folder in "$@"; do
		[[ -d $folder ]] || continue
		find "$folder" -type f -name "$pattern" -not -path '*/build/*' -not -name '.*'
	done | sort
}

hc_c_files() {
	hc_files '*.[ch]' "$@"
}

# hc_strip_c FILE: the code alone. Comments and the contents of strings become blanks, line numbers
# stay. Comments of the // kind are left for the rule that forbids them.
hc_strip_c() {
	perl -0777 -pe '
		s{(/\*.*?\*/)|("(?:\\.|[^"\\\n])*")|(\x27(?:\\.|[^\x27\\\n])+\x27)}
		 {my $t = $&; my $c = substr($t, 0, 1);
		  if ($c eq "/") { $t =~ s/[^\n]/ /g } else { $t = $c . (" " x (length($t) - 2)) . $c }
		  $t}gse' "$1"
}
