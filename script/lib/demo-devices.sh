# shellcheck shell=bash disable=SC2154,SC1112 # the variables and functions of demo.sh, which reads this file
# SPDX-License-Identifier: Apache-2.0
# The part of the demonstration at the workstation: nobody types a login, a security key and a card say who is
# there. Key and card are programs (tests/support); the helpers that speak with them, libfido2, login(1) and libpam are real.

key_pin=246810 card_pin=1234

make_devices() {
	local file
	# The helpers run as the broker's user, who may not reach into a build tree in somebody's home.
	mkdir -m 0755 "$private"/{libexec,keys,card,crl}
	install -m 0755 "$build"/libexec/hc-{fido2,pkcs11} "$private/libexec/"
	install -m 0644 "$build/tests/support/libhc_test_keys.so" "$private/keys/"
	HC_BUILD_DIR=$build python3 "$source/script/lib/demo_card.py" "$private/card"
	chmod 0600 "$private"/card/*.key
	# What libfido2 finds when it looks for keys: in here only, and by a file, since the helper has no environment.
	printf '%s\n' "$private/keys" >/etc/hc-test-keys
	printf '%s\n' "$private/keys/libhc_test_keys.so" >>/etc/ld.so.preload
	mkdir -p /etc/hospiconnect/cps/trust
	cat >>/etc/hospiconnect/authd.conf <<END
helper_dir = $private/libexec
[cps]
module = $private/card/reader/libhc_test_card.so
crl_dir = $private/crl
on_removal = nothing
[fido2]
rp_id = login.hospital.example
insert_timeout = 10s
END
	cat >/etc/pam.d/login <<'END'
auth     [success=2 default=ignore]  pam_hospiconnect.so mode=primary
auth     [success=1 default=ignore]  pam_unix.so
auth     requisite  pam_deny.so
auth     required   pam_permit.so
auth     required   pam_hospiconnect.so mode=second-factor
account  required   pam_unix.so
account  [success=ok ignore=ignore user_unknown=ignore default=bad]  pam_hospiconnect.so
session  required   pam_unix.so
session  optional   pam_hospiconnect.so
END
	for file in martin durand; do
		: >"$private/home/$file/.hushlogin"
	done
}

# ---- what people do with their devices -------------------------------------------------------------

plug_key_in() {
	"$build/tests/support/hc-test-key" --socket "$private/keys/blue.key" --state "$private/keys/blue.state" --mode 0660 \
		--group 61399 --attestation self --touch auto:800 --manufacturer Demonstration --product "Blue key" >/dev/null 2>>"$private/authd.log" &
	wait_for hc-test-key test -S "$private/keys/blue.key"
}

pull_key_out() {
	python3 -B "$source/tests/integration/keys.py" "$private/keys/blue.key.control" remove >/dev/null
}

put_card_in() {
	printf 'card\n' >"$private/card/reader/slots/0/card"
}

take_card_out() {
	rm -f "$private/card/reader/slots/0/card"
}

# at_terminal SECONDS RULE… -- COMMAND…: a person at a terminal; RULE is a question and its answer (ptyrun.py). What
# the terminal showed goes to $private/out, with stars where something was typed that is not shown.
at_terminal() {
	local seconds=$1 status=0
	shift
	env -u SSH_ASKPASS TERM=dumb LANG="$language" NO_COLOR=1 python3 -B "$source/tests/support/ptyrun.py" -t "$seconds" "$@" \
		>"$private/screen" 2>"$private/err" </dev/null || status=$?
	tr -d '\r' <"$private/screen" | sed -E 's/((code )?PIN[^:]*: )$/\1******/I' | grep -v '^$' >"$private/out" || true
	return "$status"
}

# administrator_types RULE… -- COMMAND…: as administrator(), with answers to what hospictl asks.
administrator_types() {
	local status=0 word shown='' past=no
	at_terminal 20 "$@" || status=$?
	for word in "$@"; do
		if [[ $past == yes ]]; then
			[[ $word == *' '* ]] && word="'$word'"
			shown+=" $word"
		fi
		[[ $word == -- ]] && past=yes
	done
	printf '  #%s\n' "$shown"
	sed 's/^/    /' "$private/out"
	((status == 0)) || broke "ended with status $status" "terminé avec l’état $status"
	return "$status"
}

# sign_in_at_workstation PERSON FACTOR RULE…: login(1) on a terminal, without a login; must become that person's shell,
# and the trail must say by what.
sign_in_at_workstation() {
	local person=$1 factor=$2 status=0
	shift 2
	printf '  $ login\n'
	at_terminal 30 "$@" '[$#] $=id -un; exit' -- login || status=$?
	sed 's/^/    | /' "$private/out"
	((status == 0)) && grep -qx "$person" "$private/out" && signed_in_by "$person" "$factor"
}

# signed_in_by PERSON FACTOR: the newest sign-in of that person in the audit trail.
signed_in_by() {
	hospictl --json audit list --user "$1" | jq -e --arg factor "$2" \
		'[.[] | select(.event == "sign-in")] | last | .outcome == "success" and .factor == $factor and .service == "login"' >/dev/null
}

# ---- the story ---------------------------------------------------------------------------------------

key_part() {
	title "4. At the workstation: Dr Martin's security key" "4. Au poste de travail : la clé de sécurité de la Dre Martin"
	say "The key is a program that is plugged in where libfido2 looks; all the rest is as with a real one." \
		"La clé est un programme, branché là où libfido2 regarde ; tout le reste est comme avec une vraie."
	plug_key_in
	say "It is new: the enrolment gives it its PIN." "Elle est neuve : l’enrôlement lui donne son code PIN."
	administrator_types "6 [^:]*: =$key_pin" "(once|fois)[^:]*: =$key_pin" "PIN[^:]*: =$key_pin" -- \
		hospictl enroll fido2 martin --discoverable --label "$(t "blue key" "clé bleue")" || return
	worked "the key is Dr Martin's" "la clé est celle de la Dre Martin"
	say "She comes to a workstation and types no login: the key says who she is." \
		"Elle arrive à un poste et ne tape aucun identifiant : la clé dit qui elle est."
	if sign_in_at_workstation martin fido2 "PIN[^:]*: =$key_pin"; then
		worked "signed in with key, PIN and touch; the audit trail says so" "connectée par la clé, son code PIN et un contact du doigt ; la piste d’audit le dit"
	else
		broke "should have been let in" "aurait dû entrer"
	fi
	pull_key_out
}

card_part() {
	title "5. At the workstation: Dr Durand's professional card" "5. Au poste de travail : la carte CPS du Dr Durand"
	say "Card and reader are a PKCS#11 module, as Cryptolib CPS is one. Whose cards count is the administrator's word:" \
		"La carte et son lecteur sont un module PKCS#11, comme la Cryptolib CPS. L’administrateur dit quelles cartes comptent :"
	administrator cps trust add "$private/card/authorities.pem" || return
	administrator cps crl add "$private/card/list.crl" || return
	administrator enroll cps durand --certificate "$private/card/card.pem" --yes || return
	worked "the card is linked to Dr Durand" "la carte est rattachée au Dr Durand"
	say "The card that he lost last month is on the list of revoked ones:" \
		"Celle qu’il a perdue le mois dernier est sur la liste des cartes révoquées :"
	offer_lost_card
	put_card_in
	say "He puts his card in, and mistypes his PIN once:" "Il insère sa carte, et se trompe une fois de code :"
	if sign_in_at_workstation durand cps "PIN[^:]*: =9999" "PIN[^:]*: =$card_pin" && grep -q HC-231 "$private/out"; then
		worked "warned of the tries that are left, then signed in with card and PIN" \
			"averti des essais qui restent, puis connecté par la carte et son code PIN"
	else
		broke "should have been let in" "aurait dû entrer"
	fi
	take_card_out
}

offer_lost_card() {
	local status=0
	printf '  # hospictl enroll cps durand --certificate %s --yes\n' "$private/card/lost.pem"
	on_terminal hospictl enroll cps durand --certificate "$private/card/lost.pem" --yes >"$private/out" 2>&1 || status=$?
	sed 's/^/    /' "$private/out"
	if ((status == 1)) && grep -q HC-253 "$private/out"; then
		worked "refused: a lost card is nobody's" "refusée : une carte perdue n’est à personne"
	else
		broke "a revoked card was accepted" "une carte révoquée a été acceptée"
	fi
}

# ---- by hand -------------------------------------------------------------------------------------------

# small_program NAME: of stdin, for the shell in the demonstration.
small_program() {
	cat >"$private/bin/$1"
	chmod 0755 "$private/bin/$1"
}

workstation_by_hand() {
	local control=$private/keys/blue.key.control keys=$source/tests/integration/keys.py
	mkdir -m 0755 "$private/bin"
	# On a terminal of its own: login(1) gives the one it finds to whoever signs in.
	small_program sign-in <<<$'#!/bin/sh\nexec env TERM=dumb script -qec login /dev/null'
	small_program key <<END
#!/bin/bash
case \${1:-} in
in) python3 -B '$keys' '$control' insert >/dev/null 2>&1 ;;
out) python3 -B '$keys' '$control' remove >/dev/null 2>&1 ;;
*) echo "usage: key in|out" ;;
esac
END
	small_program card <<END
#!/bin/bash
case \${1:-} in
in) echo card >'$private/card/reader/slots/0/card' ;;
out) rm -f '$private/card/reader/slots/0/card' ;;
*) echo "usage: card in|out" ;;
esac
END
	small_program shell <<END
#!/bin/bash
cd '$private'
export PATH='$private/bin:$PATH:$private/libexec' LANG='$language' PS1='demo# '
exec bash --norc
END
	say "The workstation, the key and the card, and hospictl: a root shell in here" \
		"Le poste, la clé, la carte, et hospictl : un shell de root, ici dedans"
	# shellcheck disable=SC2016
	printf '\n      nsenter -t "$(pgrep -P %s)" -m -p %s/bin/shell\n\n' "$outside" "$private"
	say "key:            key in, sign-in, PIN $key_pin (it is touched by itself); key out" \
		"clé :           key in, sign-in, code PIN $key_pin (elle est touchée d’elle-même) ; key out"
	say "card:           card in, sign-in, PIN $card_pin; card out" "carte :         card in, sign-in, code PIN $card_pin ; card out"
}
