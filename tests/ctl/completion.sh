#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# completion.sh SCRIPT HOSPICTL: the candidates for several lines, and that the script knows every
# command and option that the program's help names, and no other.
set -euo pipefail
script=$1
hospictl=$2
export LC_ALL=C.UTF-8
# shellcheck disable=SC1090 # named by the caller
source "$script"
failures=0

# candidates LINE…: what the last word of the line could become, sorted, on one line.
candidates() {
	COMP_WORDS=(hospictl "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_hospictl
	printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd' '
}

expect() {
	local wanted=$1 got
	shift
	got=$(candidates "$@")
	if [[ $got != "$wanted" ]]; then
		printf 'for "%s": "%s" instead of "%s"\n' "$*" "$got" "$wanted" >&2
		failures=$((failures + 1))
	fi
}

# nobody is asked for logins: there is no broker
hospictl() {
	# shellcheck disable=SC2016 # what must not be expanded
	printf 'martin\tClaire\nroux\t\n$(touch /tmp/never)\n'
}

expect 'audit backup client cps credential doctor enroll fido2 help import key lockout seal session status user' ''
expect 'add disable enable list remove show' help user ''
expect 'set' help fido2 pin s
expect 'create key restore verify' backup ''
expect "--gateway --gateway-socket" seal rotate --ga
expect 'client cps credential' c
expect 'remove rotate-secret' client r
expect 'client_credentials' client add x --grant c
expect '--post-logout-redirect-uri --profile' client add x --p
expect 'ES256 RS256' key rotate --alg ''
expect '' session revoke --all ''
expect 'add disable enable list remove show' user ''
expect 'disable' user d
expect 'recovery' --json enroll r
expect 'cps fido2 hotp recovery totp' --socket /x/y enroll ''
expect 'en fr' --lang ''
expect 'fr' user list --lang f
expect 'SHA1 SHA256 SHA512' enroll totp martin --algorithm ''
expect '6 8' enroll totp --digits ''
expect '--digits' enroll totp martin --di
expect '--document' enroll recovery martin --d
expect '' enroll recovery martin --label
expect '' user list --reason
expect '--no-color --no-confirm' enroll totp --no
expect '--anchor' audit verify --an
expect 'seal-rotate session-close session-end session-open sign-in' audit list --event s
expect 'crl inspect trust' cps ''
expect 'add list' cps trust ''
expect 'status' cps crl s
expect '--config' cps crl status --conf
expect '' cps trust list ''
expect '/etc/hostname' cps inspect /etc/hostn
expect '/etc/hostname' cps trust add /etc/hostn
expect '' status ''
expect '' nonsense ''
expect '' user add ''
expect '' credential revoke ''

socket=$(mktemp -u)
/usr/bin/python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$socket"
trap 'rm -f "$socket"' EXIT
expect 'martin roux' --socket "$socket" user show ''
expect 'roux' --socket "$socket" enroll totp --digits 6 r
expect 'martin' --socket "$socket" audit list --user m
expect '' --socket "$socket" user show x

# Against the program: every command of the help, with its options.
options() {
	"$hospictl" --lang en "$@" --help | sed -n '/^Options of this command:/,/^Options of every/p' |
		{ grep -oE '^  --[a-z-]+' || true; } | tr -d ' ' | sort | paste -sd' '
}
commands() {
	local verb verbs
	verbs=$(_hospictl_verbs "$1")
	[[ -n $verbs ]] || echo "$1"
	for verb in $verbs; do echo "$1 $verb"; done
}
# shellcheck disable=SC2154 # comes with the script
known=$(for noun in $_hospictl_nouns; do
	[[ $noun == help ]] && continue # it goes before the others
	verbs=$(_hospictl_verbs "$noun")
	if [[ -z $verbs ]]; then echo "$noun"; else for verb in $verbs; do commands "$noun $verb"; done; fi
done | sort)
helped=$("$hospictl" --lang en --help | sed -n '/^Commands:/,/^Options/p' | grep -E '^  [a-z]' |
	sed -E 's/^  ([a-z0-9]+( [a-z0-9-]+){0,2})( LOGIN| ID| NAME| FILE| \[SID\])? .*/\1/' | sed -E 's/^(status|doctor) .*/\1/' | sort)
if [[ $known != "$helped" ]]; then
	echo 'commands of the script and of the program:' >&2
	diff <(echo "$known") <(echo "$helped") >&2 || true
	failures=$((failures + 1))
fi
while read -r command; do
	# shellcheck disable=SC2086 # two words
	wanted=$(options $command)
	got=$(_hospictl_options "$command" | tr ' ' '\n' | sort | paste -sd' ')
	if [[ $got != "$wanted" ]]; then
		printf 'options of "%s": "%s" instead of "%s"\n' "$command" "$got" "$wanted" >&2
		failures=$((failures + 1))
	fi
done <<<"$known"
[[ ! -e /tmp/never ]] || failures=$((failures + 1))
echo "$failures failures"
((failures == 0))
