#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh PRIVATE BUILD ONCE LANGUAGE SOURCE OUTSIDE: the demonstration itself, inside of the namespaces that script/demo
# made by its process OUTSIDE.
# It is their first process: when it ends, everything it started ends.
set -euo pipefail
private=$1 build=$2 once=$3 language=$4 source=$5 outside=$6
unset CDPATH BASH_ENV
umask 022

bold='' green='' red='' plain='' no_color=1
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	no_color=''
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi
width=$( (stty size <&1 | cut -d' ' -f2) 2>/dev/null || true)
[[ ${width:-0} -ge 60 ]] && width=$((width - 4)) || width=150
steps=0
failures=0

# t ENGLISH FRENCH: the one in the language of the demonstration.
t() {
	if [[ $language == fr ]]; then printf '%s' "$2"; else printf '%s' "$1"; fi
}

title() {
	printf '\n%s%s%s\n' "$bold" "$(t "$1" "$2")" "$plain"
}

say() {
	printf '  %s\n' "$(t "$1" "$2")"
}

worked() {
	steps=$((steps + 1))
	printf '  %s✔ %s%s\n' "$green" "$(t "$1" "$2")" "$plain"
}

broke() {
	steps=$((steps + 1))
	failures=$((failures + 1))
	printf '  %s✘ %s%s\n' "$red" "$(t "$1" "$2")" "$plain"
}

# shellcheck source=demo-gateway.sh
. "$source/script/lib/demo-gateway.sh"
# shellcheck source=demo-devices.sh
. "$source/script/lib/demo-devices.sh"

# ---- a machine of our own ------------------------------------------------------------------------

make_machine() {
	mount -t tmpfs -o mode=711 demo "$private"
	mkdir -p "$private"/{etc,etc-work,modules,modules-work,home,ssh}
	mkdir -m 0700 "$private/state"
	mount -t overlay -o "lowerdir=/etc,upperdir=$private/etc,workdir=$private/etc-work" demo /etc
	# our module beside libpam's own, for the processes in here only
	modules=$(dirname "$(realpath "$(find /lib /usr/lib -name pam_unix.so -print -quit)")")
	install -m 0644 "$build/lib/security/pam_hospiconnect.so" "$private/modules/"
	mount -t overlay -o "lowerdir=$modules,upperdir=$private/modules,workdir=$private/modules-work" demo "$modules"
	# sshd writes its journals of logins here, and expects its empty directory there
	mount -t tmpfs -o mode=755 demo /var/log
	mount -t tmpfs -o mode=755 demo /run
	mkdir -m 0755 /run/sshd /run/hospiconnect
	# where the system's log listens in /dev itself, it is not to hear of this
	if [[ -S /dev/log ]]; then
		: >"$private/no-log"
		mount --bind "$private/no-log" /dev/log
	fi
	export PATH=$build/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

# random_text LENGTH: letters and digits that cannot be mistaken for each other.
random_text() {
	local out=''
	while ((${#out} < $1)); do
		out+=$(head -c 64 /dev/urandom | tr -dc 'a-hj-km-np-z2-9')
	done
	printf '%s' "${out:0:$1}"
}

# account NAME UID HASH HOME SHELL: in the overlay's files only.
account() {
	local name=$1 uid=$2 hash=$3 home=$4 shell=$5 file
	for file in passwd shadow group; do
		grep -v "^$name:" "/etc/$file" >"$private/account" || true
		cat "$private/account" >"/etc/$file"
	done
	rm -f "$private/account"
	printf '%s:x:%s:%s:demonstration:%s:%s\n' "$name" "$uid" "$uid" "$home" "$shell" >>/etc/passwd
	printf '%s:%s:19000:0:99999:7:::\n' "$name" "$hash" >>/etc/shadow
	printf '%s:x:%s:\n' "$name" "$uid" >>/etc/group
}

make_accounts() {
	local hash person uid=61400
	password=$(random_text 10)
	hash=$(perl -e 'print crypt($ARGV[0], "\$6\$" . $ARGV[1] . "\$")' "$password" "$(random_text 12)")
	account hospiconnect 61399 '*' /nonexistent /usr/sbin/nologin
	chown 61399:61399 "$private/state"
	for person in martin durand; do
		account "$person" "$uid" "$hash" "$private/home/$person" /bin/bash
		mkdir -m 0700 "$private/home/$person"
		chown "$uid:$uid" "$private/home/$person"
		uid=$((uid + 1))
	done
	grep -q '^hospiconnect-admin:' /etc/group || printf 'hospiconnect-admin:x:61398:\n' >>/etc/group
}

configure() {
	mkdir -p /etc/hospiconnect
	cat >/etc/hospiconnect/authd.conf <<END
[authd]
state_dir = $private/state
language = $language
END
	cat >/etc/pam.d/sshd <<'END'
auth     requisite  pam_unix.so
auth     required   pam_hospiconnect.so mode=second-factor methods=totp,recovery
account  required   pam_unix.so
account  [success=ok ignore=ignore user_unknown=ignore default=bad]  pam_hospiconnect.so
session  required   pam_unix.so
session  optional   pam_hospiconnect.so
END
	ssh-keygen -q -t ed25519 -N '' -f "$private/ssh/host_key"
	cat >"$private/ssh/sshd_config" <<END
ListenAddress 127.0.0.1
HostKey $private/ssh/host_key
PidFile none
UsePAM yes
AuthenticationMethods keyboard-interactive
KbdInteractiveAuthentication yes
PasswordAuthentication no
PubkeyAuthentication no
PrintMotd no
PrintLastLog no
AllowUsers martin durand
END
}

# wait_for WHAT COMMAND…: until the command succeeds, five seconds at most.
wait_for() {
	local what=$1 tries
	shift
	for ((tries = 0; tries < 100; tries++)); do
		"$@" 2>/dev/null && return 0
		sleep 0.05
	done
	printf '%s\n' "$(t "$what did not come up" "$what ne démarre pas")" >&2
	return 1
}

# shellcheck disable=SC2317 # called by wait_for
broker_answers() {
	hospictl status >/dev/null
}

start_broker() {
	hospiconnect-authd --config /etc/hospiconnect/authd.conf 2>>"$private/authd.log" &
	broker=$!
	wait_for hospiconnect-authd broker_answers || {
		tail -n 20 "$private/authd.log" >&2
		return 1
	}
}

stop_broker() {
	kill "$broker"
	wait "$broker" || true
}

# shellcheck disable=SC2317
sshd_listens() {
	grep -qE 'Server listening|Cannot bind' "$private/ssh/log"
}

start_sshd() {
	local attempt
	for ((attempt = 0; attempt < 20; attempt++)); do
		port=$((20000 + RANDOM % 40000))
		: >"$private/ssh/log"
		/usr/sbin/sshd -D -e -f "$private/ssh/sshd_config" -p "$port" 2>>"$private/ssh/log" &
		wait_for sshd sshd_listens || return 1
		grep -q 'Server listening' "$private/ssh/log" && return 0
	done
	return 1
}

# ---- signing in ----------------------------------------------------------------------------------

# ssh asks through this program, one question a call. It notes the question, and answers with the next
# line of the file of answers.
make_askpass() {
	cat >"$private/ssh/askpass" <<END
#!/bin/bash
answer=\$(head -n 1 "$private/ssh/answers")
sed -i 1d "$private/ssh/answers"
shown=\$answer
[[ \$answer == "$password" ]] && shown='**********'
printf '    | %s%s\n' "\${1#(*) }" "\$shown" >>"$private/ssh/dialogue"
printf '%s\n' "\$answer"
END
	chmod 755 "$private/ssh/askpass"
}

# sign_in PERSON ANSWER…: a whole ssh login. Leaves what was asked and shown in $dialogue.
sign_in() {
	local person=$1 status=0
	shift
	printf '%s\n' "$@" >"$private/ssh/answers"
	printf '[127.0.0.1]:%s %s\n' "$port" "$(<"$private/ssh/host_key.pub")" >"$private/ssh/known_hosts"
	: >"$private/ssh/dialogue"
	printf '  $ ssh -p %s %s@127.0.0.1\n' "$port" "$person"
	SSH_ASKPASS=$private/ssh/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=none timeout 60 \
		ssh -F none -p "$port" -o StrictHostKeyChecking=yes -o "UserKnownHostsFile=$private/ssh/known_hosts" \
		-o PreferredAuthentications=keyboard-interactive -o NumberOfPasswordPrompts=1 \
		-o ConnectTimeout=10 "$person@127.0.0.1" 'id -un' >"$private/ssh/out" 2>"$private/ssh/err" </dev/null || status=$?
	cat "$private/ssh/dialogue"
	sed 's/^/    | /' "$private/ssh/err" "$private/ssh/out"
	dialogue=$(cat "$private/ssh/dialogue" "$private/ssh/err")
	return "$status"
}

# let_in ENGLISH FRENCH CODE PERSON ANSWER…: must get in; CODE is one that must have been shown, or "".
let_in() {
	local english=$1 french=$2 code=$3
	shift 3
	if sign_in "$@" && [[ $(<"$private/ssh/out") == "$1" && $dialogue == *"$code"* ]]; then
		worked "$english" "$french"
	else
		broke "should have been let in" "aurait dû entrer"
	fi
}

# keep_out ENGLISH FRENCH CODE PERSON ANSWER…: must be refused, with that code shown.
keep_out() {
	local english=$1 french=$2 code=$3
	shift 3
	if sign_in "$@"; then
		broke "should have been refused" "aurait dû être refusé"
	elif [[ $dialogue != *"$code"* ]]; then
		broke "refused, but without $code" "refusé, mais sans $code"
	else
		worked "$english" "$french"
	fi
}

# on_terminal COMMAND…: as if it wrote to a terminal of this width, in the language of the
# demonstration; with nobody at its keyboard.
on_terminal() {
	local line
	line=$(printf '%q ' "$@")
	LANG=$language NO_COLOR=$no_color script -qec "stty -F /dev/tty cols $width rows 60; $line </dev/null" /dev/null </dev/null | tr -d '\r'
}

# administrator COMMAND…: shown with its output; must succeed.
administrator() {
	local status=0 word shown=''
	for word in "$@"; do
		[[ $word == *' '* ]] && word="'$word'"
		shown+=" $word"
	done
	printf '  # hospictl%s\n' "$shown"
	on_terminal hospictl "$@" >"$private/out" 2>&1 || status=$?
	sed 's/^/    /' "$private/out"
	if ((status != 0)); then
		broke "ended with status $status" "terminé avec l’état $status"
	fi
	return "$status"
}

code_now() {
	oathtool --totp --base32 "$seed"
}

# A code that is wrong for certain: none of this step and its neighbours.
wrong_code() {
	local candidate near
	near=$(oathtool --totp --base32 -N "$(date -u -d '-2 min' '+%F %T UTC')" -w 8 "$seed")
	for candidate in 000000 111111 222222 333333 444444 555555 666666 777777 888888 999999; do
		grep -qx "$candidate" <<<"$near" || {
			printf '%s' "$candidate"
			return
		}
	done
}

# ---- the story -----------------------------------------------------------------------------------

set_the_scene() {
	title "1. A broker without privileges, and a real sshd" "1. Un service d’authentification sans privilège, et un vrai sshd"
	start_broker
	start_sshd
	say "hospiconnect-authd runs as $(ps -o user= -p "$broker" | xargs); nobody else can read its store." \
		"hospiconnect-authd tourne sous $(ps -o user= -p "$broker" | xargs) ; lui seul peut lire sa base."
	say "sshd listens on 127.0.0.1:$port; its PAM stack: password, then HospiConnect." \
		"sshd écoute sur 127.0.0.1:$port ; sa pile PAM : mot de passe, puis HospiConnect."
	worked "both answer" "les deux répondent"
}

enrol() {
	title "2. The administrator enrols Dr Martin" "2. L’administrateur enrôle la Dre Martin"
	administrator user add martin --given-name Alice --family-name Martin --profession "$(t Physician Médecin)" || return
	administrator user add durand --given-name Paul --family-name Durand || return
	administrator enroll totp martin || return
	seed=$(grep -oE 'otpauth://[^[:space:]]+' "$private/out" | grep -oE 'secret=[A-Z2-7]+' | head -n 1 | cut -d= -f2)
	[[ -n $seed ]] || {
		broke "no seed in the otpauth URI" "pas de secret dans l’URI otpauth"
		return 1
	}
	credential=$(hospictl --json credential list martin | grep -oE '"id": ?"[a-z2-7]{12}"' | head -n 1 | cut -d'"' -f4)
	say "The phone proves that it has the secret; only then does the credential count." \
		"Le téléphone prouve qu’il a le secret ; alors seulement il est utilisable."
	confirmed=$(code_now)
	administrator credential confirm "$credential" --code "$confirmed" || return
	administrator enroll recovery martin || return
	mapfile -t recovery < <(grep -oE '\b([A-Z2-7]{4}-){3}[A-Z2-7]{4}\b' "$private/out")
	((${#recovery[@]} == 10)) || {
		broke "expected ten recovery codes" "dix codes de secours attendus"
		return 1
	}
	worked "Dr Martin has a phone and ten recovery codes; Dr Durand has nothing yet" \
		"la Dre Martin a un téléphone et dix codes de secours ; le Dr Durand n’a encore rien"
}

# in_the_trail PERSON REASON: sshd shows no reason where it asks nothing more; the audit trail has it.
in_the_trail() {
	if hospictl audit list --user "$1" </dev/null | grep -qw "$2"; then
		worked "the audit trail says why: $2" "la piste d’audit dit pourquoi : $2"
	else
		broke "the audit trail lacks $2" "la piste d’audit ne contient pas $2"
	fi
}

# The confirmation used this period's code up. The next one is accepted already: clocks may differ by
# one step.
next_code() {
	oathtool --totp --base32 -N "$(date -u -d '+30 sec' '+%F %T UTC')" "$seed"
}

sign_ins() {
	local code
	code=$(next_code)
	ssh_code=$code
	title "3. Sign-ins over ssh" "3. Connexions par ssh"
	say "A typing error is told and forgiven; the right code opens." "Une faute de frappe est signalée et pardonnée ; le bon code ouvre."
	let_in "signed in with password and code" "connectée avec mot de passe et code" HC-201 \
		martin "$password" "$(wrong_code)" "$code"
	say "The same code again, as somebody would who looked over her shoulder:" \
		"Le même code encore, comme quelqu’un qui aurait regardé par-dessus son épaule :"
	keep_out "refused: a code is accepted once" "refusé : un code ne sert qu’une fois" HC-202 martin "$password" "$code"
	say "The phone is at home; a recovery code from the sheet of paper:" \
		"Le téléphone est à la maison ; un code de secours de la feuille :"
	let_in "signed in with a recovery code" "connectée avec un code de secours" "" martin "$password" "${recovery[0]}"
	keep_out "refused: each recovery code is good for once" "refusé : chaque code de secours ne sert qu’une fois" \
		HC-213 martin "$password" "${recovery[0]}"
	say "Dr Durand has the right password and no second factor:" "Le Dr Durand a le bon mot de passe et pas de second facteur :"
	keep_out "refused: a password alone does not open" "refusé : un mot de passe seul n’ouvre pas" "" durand "$password"
	in_the_trail durand NOT_ENROLLED
	say "The broker is stopped (and does not say the language; the module falls back on French):" "Le service est arrêté :"
	stop_broker
	keep_out "refused: without the broker nobody gets in" "refusé : sans le service, personne n’entre" \
		"" martin "$password"
	start_broker
	let_in "the broker is back, and so is Dr Martin" "le service est revenu, la Dre Martin aussi" "" \
		martin "$password" "${recovery[1]}"
}

audit() {
	title "8. What the audit trail says" "8. Ce qu’en dit la piste d’audit"
	administrator audit list || return
	administrator audit verify || return
	worked "the chain of records holds" "la chaîne des enregistrements est intacte"
	title "9. What the doctor says of this installation" "9. Ce que dit le diagnostic de cette installation"
	say "Here are neither udev nor pcscd nor a clock service, and only sshd and login ask HospiConnect; it notices:" \
		"Il n’y a ici ni udev, ni pcscd, ni service d’horloge, et seuls sshd et login interrogent HospiConnect ; il le remarque :"
	on_terminal hospictl doctor 2>&1 | sed 's/^/    /' || true
}

by_hand() {
	title "Now you" "À vous"
	say "In another terminal:" "Dans un autre terminal :"
	printf '\n      ssh -p %s -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null martin@127.0.0.1\n\n' "$port"
	say "password:       $password" "mot de passe :   $password"
	say "code:           from a phone that scanned the QR code above, or  oathtool --totp -b $seed" \
		"code :           d’un téléphone qui a lu le code QR ci-dessus, ou  oathtool --totp -b $seed"
	say "recovery codes: ${recovery[*]:2:3} …" "codes de secours : ${recovery[*]:2:3} …"
	printf '\n'
	say "The gateway: $issuer" "La passerelle : $issuer"
	say "application:    client_id $client_id, client_secret $client_secret" "application :    client_id $client_id, client_secret $client_secret"
	say "people:         martin and durand, password $password" "personnes :      martin et durand, mot de passe $password"
	say "Durand’s code:  oathtool --totp -b $seed_durand" "code de Durand : oathtool --totp -b $seed_durand"
	printf '\n'
	workstation_by_hand
	printf '\n'
	say "Ctrl-C ends the demonstration and removes everything." "Ctrl-C met fin à la démonstration et efface tout."
}

finish() {
	trap - EXIT INT TERM HUP
	printf '\n'
	if ((failures == 0 && steps > 0)); then
		say "$steps steps, all as they must be" "$steps étapes, toutes comme il se doit"
	else
		say "$failures of $steps steps did not come out as they must" "$failures étapes sur $steps ont échoué"
		[[ -s $private/authd.log ]] && sed 's/^/    authd: /' "$private/authd.log" | tail -n 20
		[[ -s $private/gateway.log ]] && sed 's/^/    gateway: /' "$private/gateway.log" | tail -n 20
		exit 1
	fi
	exit 0
}

broker='' port='' password='' seed='' credential='' dialogue='' ssh_code=''
gateway='' monitor='' issuer='' client_id='' client_secret='' redirect_uri='' location='' page_status='' seed_durand=''
recovery=()
trap 'failures=$((failures + 1)); finish' EXIT
trap 'finish' INT TERM HUP

title "HospiConnect: clinicians sign in, at the machine and at an application" \
	"HospiConnect : des soignants se connectent, au poste et à une application"
make_machine
make_accounts
configure
make_gateway
make_devices
make_askpass
set_the_scene
if enrol && sign_ins; then
	key_part || true
	card_part || true
	gateway_part "$ssh_code" || true
fi
audit || true
if [[ $once == no ]]; then
	by_hand
	[[ -n $client_id ]] && application_by_hand
	while :; do
		sleep 3600 &
		wait $! || true
	done
fi
finish
