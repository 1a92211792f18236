#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# module_state.sh MODULE: the module keeps nothing between calls. Its writable sections hold no more than
# what the compiler's start files put there (a few words); everything else is read-only after relocation.
set -eu
module=${1:?the module}
status=0
for section in .data .bss; do
	size=$(size -A -d "$module" | awk -v name="$section" '$1 == name {print $2}')
	if ((${size:-0} > 16)); then
		echo "$module: $section has $size bytes: static state in a library that lives in its host" >&2
		nm -S "$module" | grep -E ' [bBdD] ' >&2 || true
		status=1
	fi
done
exit $status
