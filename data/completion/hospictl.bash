# bash completion for hospictl                                  -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Words come from the tables below, logins from "hospictl user list" where the caller may ask. The
# tables are held against the program's own help by the project's tests.

_hospictl_nouns='user enroll fido2 import credential lockout audit client key session cps backup seal status doctor help'
_hospictl_global='--json --socket --gateway-socket --lang --no-color --help --version'

_hospictl_verbs()
{
	case $1 in
	user) echo 'add show list disable enable remove' ;;
	enroll) echo 'totp hotp fido2 cps recovery' ;;
	fido2) echo 'list pin' ;;
	'fido2 pin') echo 'set change' ;;
	import) echo 'u2f' ;;
	credential) echo 'list confirm revoke' ;;
	lockout) echo 'list clear' ;;
	audit) echo 'list verify head' ;;
	client) echo 'add show list remove rotate-secret' ;;
	key) echo 'list rotate' ;;
	session) echo 'list revoke' ;;
	cps) echo 'inspect trust crl' ;;
	backup) echo 'create verify restore key' ;;
	'backup key') echo 'create' ;;
	seal) echo 'rotate' ;;
	'cps trust') echo 'add list' ;;
	'cps crl') echo 'add status' ;;
	esac
}

_hospictl_options()
{
	case $1 in
	'user add') echo '--given-name --family-name --national-id --profession --organization --valid-from --valid-until' ;;
	'user disable') echo '--reason' ;;
	'enroll totp') echo '--algorithm --digits --period --label --secret-file --no-confirm --proofed-by --document --face-to-face' ;;
	'enroll hotp') echo '--digits --label --secret-file --no-confirm --proofed-by --document --face-to-face' ;;
	'enroll fido2') echo '--label --device --discoverable --touch-only --proofed-by --document --face-to-face' ;;
	'import u2f') echo '--origin --dry-run --proofed-by --document --face-to-face' ;;
	'enroll cps') echo '--reader --certificate --structure-bound --label --yes --proofed-by --document --face-to-face' ;;
	'enroll recovery') echo '--proofed-by --document --face-to-face' ;;
	'fido2 pin set' | 'fido2 pin change') echo '--device' ;;
	'credential confirm') echo '--code' ;;
	'credential revoke') echo '--reason' ;;
	'audit list') echo '--since --user --event --limit' ;;
	'audit verify') echo '--anchor' ;;
	'client add') echo '--redirect-uri --post-logout-redirect-uri --profile --auth-method --grant --scope --id-token-alg --access-token --may-introspect' ;;
	'key rotate') echo '--alg --now' ;;
	'session list') echo '--user' ;;
	'session revoke') echo '--user --all' ;;
	'cps inspect') echo '--reader --config' ;;
	cps\ trust\ * | cps\ crl\ *) echo '--config' ;;
	'backup create' | 'seal rotate') echo '--gateway' ;;
	'backup verify') echo '--key' ;;
	'backup restore') echo '--key --force --seal-key --config --gateway-config' ;;
	'backup key create') echo '--config --gateway-config' ;;
	'doctor') echo '--config --gateway-config --pam-dir' ;;
	esac
}

# Whether an option takes a value, so that the word behind it is no operand.
_hospictl_takes_value()
{
	case $1 in
	--json | --no-color | --help | --version | --no-confirm | --face-to-face | --discoverable | --touch-only | --reader | --structure-bound | --yes | --dry-run | --may-introspect | --now | --all | --gateway | --force | --*=*) return 1 ;;
	--*) return 0 ;;
	esac
	return 1
}

_hospictl_events='sign-in account session-open session-close user-add user-enable user-disable user-remove enroll
	credential-confirm credential-revoke counter-alarm key-pin card-renew lockout lockout-clear admin-denied broker-start broker-stop clock-jump device-removed application
	logout session-end token-reuse client-refused client-add client-remove client-secret key-rotate backup restore seal-rotate'

_hospictl_logins()
{
	local where=()

	[[ -n $1 ]] && where=(--socket "$1")
	[[ -S ${1:-/run/hospiconnect/admin.sock} ]] || return
	# compgen expands its words: nothing but what a login may be reaches it
	hospictl "${where[@]}" user list 2>/dev/null </dev/null | cut -f1 | grep -E '^[a-z0-9_.-]+$'
}

# The applications or sessions of the gateway, by their identifiers.
_hospictl_of_gateway()
{
	local where=()

	[[ -n $2 ]] && where=(--gateway-socket "$2")
	[[ -S ${2:-/run/hospiconnect-gateway/admin.sock} ]] || return
	hospictl "${where[@]}" "$1" list 2>/dev/null </dev/null | cut -f1 | grep -E '^[A-Za-z0-9._-]+$'
}

# Values of an option; files are left to readline. Returns 1 for an option without known values.
_hospictl_values()
{
	local cur=$2

	case $1 in
	--lang) mapfile -t COMPREPLY < <(compgen -W 'fr en' -- "$cur") ;;
	--algorithm) mapfile -t COMPREPLY < <(compgen -W 'SHA1 SHA256 SHA512' -- "$cur") ;;
	--digits) mapfile -t COMPREPLY < <(compgen -W '6 8' -- "$cur") ;;
	--since) mapfile -t COMPREPLY < <(compgen -W '1h 24h 7d 30d' -- "$cur") ;;
	--event) mapfile -t COMPREPLY < <(compgen -W "$_hospictl_events" -- "$cur") ;;
	--user) mapfile -t COMPREPLY < <(compgen -W "$(_hospictl_logins "$3")" -- "$cur") ;;
	--profile) mapfile -t COMPREPLY < <(compgen -W 'oidc psc' -- "$cur") ;;
	--auth-method) mapfile -t COMPREPLY < <(compgen -W 'client_secret_basic client_secret_post none' -- "$cur") ;;
	--grant) mapfile -t COMPREPLY < <(compgen -W 'authorization_code refresh_token client_credentials' -- "$cur") ;;
	--scope) mapfile -t COMPREPLY < <(compgen -W 'openid profile scope_all' -- "$cur") ;;
	--id-token-alg | --alg) mapfile -t COMPREPLY < <(compgen -W 'RS256 ES256' -- "$cur") ;;
	--access-token) mapfile -t COMPREPLY < <(compgen -W 'opaque jwt' -- "$cur") ;;
	--socket | --gateway-socket | --secret-file | --anchor | --key | --seal-key | --config | --gateway-config)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	--pam-dir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	esac
}

_hospictl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} word previous='' socket='' gateway='' at
	local words=()

	COMPREPLY=()
	for ((at = 1; at < COMP_CWORD; at++)); do
		word=${COMP_WORDS[at]}
		# what follows is completed as without it
		[[ $word == help && ${#words[@]} -eq 0 && -z $previous ]] && continue
		if [[ -n $previous ]]; then
			[[ $previous == --socket ]] && socket=$word
			[[ $previous == --gateway-socket ]] && gateway=$word
			previous=
		elif _hospictl_takes_value "$word"; then
			previous=$word
		elif [[ $word != --* ]]; then
			words+=("$word")
		fi
	done
	if [[ -n $previous ]]; then
		_hospictl_values "$previous" "$cur" "$socket"
		return
	fi

	local noun=${words[0]:-} command verbs
	verbs=$(_hospictl_verbs "$noun")
	command=$noun
	[[ -n $verbs ]] && command="$noun ${words[1]:-}"
	# three words name the command
	local group=''
	[[ ${#words[@]} -ge 2 ]] && group=$(_hospictl_verbs "$command")
	[[ -n $group ]] && command="$command ${words[2]:-}"
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_hospictl_options "$command") $_hospictl_global" -- "$cur")
	elif [[ -z $noun ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$_hospictl_nouns" -- "$cur")
	elif [[ -n $verbs && ${#words[@]} -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
	elif [[ -n $group && ${#words[@]} -eq 2 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$group" -- "$cur")
	elif [[ $command == 'cps inspect' && ${#words[@]} -eq 2 || $command == 'import u2f' && ${#words[@]} -eq 2 ||
		$command == cps\ *\ add && ${#words[@]} -eq 3 || $command == 'backup key create' && ${#words[@]} -eq 3 ||
		$noun == backup && -z $group && ${#words[@]} -eq 2 ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ ${#words[@]} -eq 2 ]]; then
		case $command in
		'user list' | 'user add' | 'credential confirm' | 'credential revoke' | 'lockout list' | audit\ * | key\ *) ;;
		'client list' | 'client add' | 'session list' | fido2\ *) ;;
		client\ * | session\ *) mapfile -t COMPREPLY < <(compgen -W "$(_hospictl_of_gateway "$noun" "$gateway")" -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$(_hospictl_logins "$socket")" -- "$cur") ;;
		esac
	fi
}

complete -F _hospictl hospictl
