#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check-exports.sh BUILD: what the module shows its host and wants from it. It exports the six entry
# points and nothing else, needs libpam and libc and nothing else, and calls nothing that would touch
# the host's streams, locale, signals or threads, or end its process.
build=$(realpath "${1:?the build directory}")
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

module=$build/lib/security/pam_hospiconnect.so
[[ -f $module ]] || { echo "check-exports: no module at $module: build it first" >&2; exit 1; }

expected='pam_sm_acct_mgmt pam_sm_authenticate pam_sm_chauthtok pam_sm_close_session pam_sm_open_session pam_sm_setcred'
found=$(nm -D --defined-only "$module" | awk '{print $3}' | sed 's/@.*//' | sort | xargs)
[[ $found == "$expected" ]] || hc_violation "$module" "exports: $found; wanted: $expected"

while IFS= read -r library; do
	case $library in
	libpam.so.0 | libc.so.6) ;;
	*) hc_violation "$module" "needs $library: libpam and libc alone, since it runs inside of sshd, sudo and screen lockers" ;;
	esac
done < <(readelf -dW "$module" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')

forbidden='printf|__printf_chk|vprintf|__vprintf_chk|fprintf|__fprintf_chk|puts|putchar|perror|stdout|stderr|setlocale|uselocale|newlocale|signal|sigaction|pthread_create|fork|vfork|execve|posix_spawn|system|popen|exit|_exit|abort|setenv|putenv|dlopen|openlog|closelog|chdir|umask'
while IFS= read -r symbol; do
	hc_violation "$module" "calls $symbol: streams, locale, signals, environment and life of the host are not the module's"
done < <(nm -D --undefined-only "$module" | awk '{print $NF}' | sed 's/@.*//' | grep -xE "$forbidden" || true)
hc_verdict check-exports "1 module"
