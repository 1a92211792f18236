#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every public header compiles alone, and twice, with gcc and with clang; so does every private header
# of a program with its folder on the path.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

flags=(-std=c17 -D_DEFAULT_SOURCE -D_GNU_SOURCE -Wall -Wextra -Wconversion -Wundef -Werror -fsyntax-only -Iinclude -x c -)
# The one library that is not found without being asked for. Unset where it is not installed: then its users fail.
read -ra p11kit < <(pkg-config --cflags-only-I p11-kit-1 2>/dev/null | sed 's/-I/-isystem /g' || true)
flags=(${p11kit[@]+"${p11kit[@]}"} "${flags[@]}")
count=0

compile_alone() {
	local header=$1 name=$2 compiler out
	shift 2
	for compiler in gcc clang; do
		command -v "$compiler" >/dev/null || continue
		if ! out=$(printf '#include "%s"\n#include "%s"\nint hc_unit_is_not_empty;\n' "$name" "$name" |
			"$compiler" "$@" "${flags[@]}" 2>&1); then
			hc_violation "$header" "does not compile alone with $compiler"
			printf '%s\n' "$out" | head -n 5 >&2
		fi
	done
	count=$((count + 1))
}

while IFS= read -r header; do
	compile_alone "$header" "${header#include/}"
	guard=HC_$(basename "$header" .h | tr 'a-z-' 'A-Z_')_H
	grep -q "^#ifndef $guard\$" "$header" || hc_violation "$header" "the guard must be $guard"
done < <(hc_files '*.h' include)
while IFS= read -r header; do
	compile_alone "$header" "$header" -I. -I"${header%%/*}" -I"$(dirname "$header")"
done < <(hc_files '*.h' libhospiconnect libhccrypto libhcevidence libhcsqlite pam_hospiconnect authd helpers hospictl sso-gateway)
hc_verdict check-headers "$count headers"
