# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Faults that are planted into a copy, and whether a check names them. Sourced; expected holds what must be named.
# shellcheck disable=SC2034 # read by the scripts that source this
passed=0
failed=0
expected=()

# plant_in EXPECTED FILE COMMAND: what sed does to the file must change it, and must be named.
plant_in() {
	local before
	before=$(cksum <"$2")
	sed -i "$3" "$2"
	if [[ $(cksum <"$2") == "$before" ]]; then
		failed=$((failed + 1))
		printf 'not planted: %s\n' "$1"
	fi
	expected+=("$1")
}

# all_are_named COMMAND…: fails, and says each of what is expected. Prints the sum, and ends with it.
all_are_named() {
	local said fault
	said=$("$@" 2>&1) && failed=$((failed + 1))
	for fault in "${expected[@]}"; do
		if [[ $said == *"$fault"* ]]; then
			passed=$((passed + 1))
		else
			failed=$((failed + 1))
			printf 'not found: %s\n' "$fault"
		fi
	done
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((failed == 0)) || printf '%s\n' "$said"
	((failed == 0))
}
