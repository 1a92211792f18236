# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What script/test and script/demo share: where we are, messages, packages, building.
set -euo pipefail

HC_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Where build directories go; one below it per preset.
HC_BUILD_ROOT=${HC_BUILD_ROOT:-$HC_ROOT/build}
export HC_ROOT HC_BUILD_ROOT
HC_JOBS=${HC_JOBS:-$(nproc)}
export DEBIAN_FRONTEND=noninteractive

hc_say() {
	printf '%s\n' "$*"
}

hc_die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# hc_missing_packages GROUP…: those of the groups that are not installed.
hc_missing_packages() {
	local wanted group package
	wanted=" $* "
	while read -r group package; do
		[[ $group == '#'* || -z $group || $wanted != *" $group "* ]] && continue
		[[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
	done <"$HC_ROOT/script/packages.txt"
}

# A server that is only a part of a test must not begin to serve the machine because it was installed.
hc_without_services() {
	local policy=/usr/sbin/policy-rc.d made=no status=0
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made=yes
	fi
	"$@" || status=$?
	[[ $made == yes ]] && rm -f "$policy"
	return "$status"
}

# hc_install GROUP…: installs what is missing, if anything is; twice where a mirror was shaky.
hc_install() {
	local -a missing as_root=()
	local log attempt
	mapfile -t missing < <(hc_missing_packages "$@")
	((${#missing[@]})) || return 0
	if ((EUID != 0)); then
		sudo -n true 2>/dev/null || hc_die "these packages are missing, and only root can install them:
  apt-get install ${missing[*]}"
		as_root=(sudo -n -E)
	fi
	log=$(mktemp)
	hc_say "packages: installing ${#missing[@]} ($(printf '%s ' "${missing[@]:0:4}")…)"
	for attempt in 1 2 3; do
		if "${as_root[@]}" apt-get -qq -o Acquire::Retries=3 update >"$log" 2>&1 &&
			hc_apt_install "$log" "${missing[@]}"; then
			rm -f "$log"
			return 0
		fi
		hc_say "packages: attempt $attempt failed"
	done
	tail -n 20 "$log" >&2
	rm -f "$log"
	hc_die "apt-get could not install: ${missing[*]}"
}

hc_apt_install() {
	local log=$1
	local -a command=(apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends)
	shift
	if ((EUID == 0)); then
		hc_without_services "${command[@]}" "$@" >>"$log" 2>&1
	else
		# shellcheck disable=SC2024 # the log is ours, not root's
		sudo -n -E "${command[@]}" "$@" >>"$log" 2>&1
	fi
}

# hc_build PRESET [TARGET…]: configures and builds below HC_BUILD_ROOT.
hc_build() {
	local preset=$1
	shift
	local -a targets=()
	(($#)) && targets=(--target "$@")
	(cd "$HC_ROOT" && cmake --preset "$preset" -B "$HC_BUILD_ROOT/$preset") &&
		cmake --build "$HC_BUILD_ROOT/$preset" --parallel "$HC_JOBS" "${targets[@]}"
}

# hc_run COMMAND…: runs it in a process group of its own and waits, so that a signal to us can end it
# with all it started, and nothing else.
hc_running=
hc_run() {
	local status=0
	set -m
	"$@" &
	hc_running=$!
	set +m
	wait "$hc_running" || status=$?
	hc_running=
	return "$status"
}

hc_end_running() {
	[[ -z $hc_running ]] || kill -TERM -- "-$hc_running" 2>/dev/null || true
}
trap 'hc_end_running; exit 130' INT
trap 'hc_end_running; exit 143' TERM HUP

# hc_seconds SINCE: whole seconds since a moment taken from $EPOCHREALTIME.
hc_seconds() {
	awk -v from="${1/,/.}" -v to="${EPOCHREALTIME/,/.}" 'BEGIN {printf "%.0f", to - from}'
}
