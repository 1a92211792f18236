#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check-hardening.sh BUILD: the release build's programs and module carry what the flags promise:
# position independence, read-only relocations bound at start, no executable stack, stack protector,
# fortified calls, no text relocations, no search path, no absolute path of the build.
build=$(realpath "${1:?the build directory}")
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

check_binary() {
	local file=$1 headers symbols
	headers=$(readelf -hldW "$file")
	symbols=$(readelf -sW "$file")
	grep -q 'Type: *DYN' <<<"$headers" || hc_violation "$file" "is not position-independent"
	grep -q 'GNU_RELRO' <<<"$headers" || hc_violation "$file" "has no read-only relocations (relro)"
	grep -qE 'BIND_NOW|Flags:.*NOW' <<<"$headers" || hc_violation "$file" "binds lazily (no -z now)"
	grep -qE 'GNU_STACK.* RWE' <<<"$headers" && hc_violation "$file" "has an executable stack"
	grep -q 'TEXTREL' <<<"$headers" && hc_violation "$file" "has text relocations"
	grep -qE '\((RPATH|RUNPATH)\)' <<<"$headers" && hc_violation "$file" "carries a search path for libraries"
	grep -q '__stack_chk_fail' <<<"$symbols" || hc_violation "$file" "has no stack protector"
	grep -qE '__[a-z]+_chk(@|$)' <<<"$(grep -v __stack_chk_fail <<<"$symbols")" ||
		hc_violation "$file" "has no fortified call (_FORTIFY_SOURCE)"
	if [[ $(uname -m) == x86_64 ]]; then
		# not the ELF note: Debian's own start-up objects lack it, and so does all that links them
		(($(objdump -d "$file" | grep -c endbr64) > 10)) || hc_violation "$file" "has no control-flow protection"
	fi
	grep -qaF "$HC_ROOT/" "$file" && hc_violation "$file" "names the directory it was built in"
	return 0
}

count=0
for file in "$build"/bin/hospi* "$build"/libexec/* "$build"/lib/security/*.so; do
	[[ -f $file && -x $file ]] || continue
	check_binary "$file"
	count=$((count + 1))
done
((count > 0)) || hc_violation "$build" "no binary to look at: build it first"
hc_verdict check-hardening "$count binaries"
