# shellcheck shell=bash disable=SC2154,SC1112 # the variables and functions of demo.sh, which reads this file
# SPDX-License-Identifier: Apache-2.0
# The second half of the demonstration: the gateway, a browser made of curl, and the sample application
# of docs/examples, which verifies what it is given by itself.

gateway_account=hospiconnect-gateway

make_gateway() {
	account "$gateway_account" 61397 '*' /nonexistent /usr/sbin/nologin
	mkdir -m 0700 "$private/gateway"
	chown 61397:61397 "$private/gateway"
	mkdir -m 0755 "$private/tls" /run/hospiconnect-password
	install -m 0644 "$source/data/pam.d/hospiconnect-password" /etc/pam.d/
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Demonstration' \
			-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$private/tls/key.pem" -out "$private/tls/certificate.pem"
	} 2>/dev/null
	chown 61397:61397 "$private/tls/key.pem"
	cat >>/etc/hospiconnect/authd.conf <<'END'
role = authority
password_socket = /run/hospiconnect-password/password.sock
END
}

configure_gateway() {
	issuer=https://localhost:$1 monitor=127.0.0.1:$2
	cat >/etc/hospiconnect/gateway.conf <<END
[gateway]
issuer = $issuer
listen = 127.0.0.1:$1
tls_certificate = $private/tls/certificate.pem
tls_key = $private/tls/key.pem
state_dir = $private/gateway
admin_listen = $monitor
language = $language
establishment = $(t "Demonstration Hospital" "Hôpital de démonstration")
END
}

# shellcheck disable=SC2317 # called by wait_for
gateway_answers() {
	kill -0 "$gateway" || return 0
	hospictl client list >/dev/null && curl -fs --cacert "$private/tls/certificate.pem" "$issuer/.well-known/openid-configuration" >/dev/null
}

# shellcheck disable=SC2317
gateway_ready() {
	curl -fs "http://$monitor/readyz" >/dev/null
}

# shellcheck disable=SC2317
helper_listens() {
	[[ -S /run/hospiconnect-password/password.sock ]]
}

start_gateway() {
	local attempt first
	"$build/libexec/hc-password" --listen /run/hospiconnect-password/password.sock --peer hospiconnect 2>>"$private/authd.log" &
	wait_for hc-password helper_listens || return 1
	for ((attempt = 0; attempt < 20; attempt++)); do
		first=$((20000 + RANDOM % 40000))
		configure_gateway "$first" "$((first + 1))"
		hospiconnect-gateway --config /etc/hospiconnect/gateway.conf 2>>"$private/gateway.log" &
		gateway=$!
		wait_for hospiconnect-gateway gateway_answers && kill -0 "$gateway" 2>/dev/null && return 0
		grep -qi 'in use' "$private/gateway.log" || break
	done
	tail -n 20 "$private/gateway.log" >&2
	return 1
}

# ---- a browser made of curl: cookies, hidden fields, one page after the other ---------------------------

# open_page CURL ARGUMENT…: the page goes to $private/page, where it leads to $location.
open_page() {
	local answer
	answer=$(curl -sS --max-time 20 --cacert "$private/tls/certificate.pem" -b "$private/cookies" -c "$private/cookies" \
		-H "Accept-Language: $language" -H "Origin: $issuer" -o "$private/page" -w '%{http_code} %{redirect_url}' "$@") || return 1
	page_status=${answer%% *} location=${answer#* }
}

# field NAME: a hidden field of the page.
field() {
	grep -oE "name=\"$1\" value=\"[^\"]*\"" "$private/page" | head -n 1 | sed 's/.*value="//; s/"$//'
}

# What a person reads on the page.
page_text() {
	sed -n '/<main>/,/<\/main>/p' "$private/page" | sed -E 's/<[^>]*>//g; s/&amp;/\&/g; s/&#39;/’/g; s/^[[:space:]]+//' | grep -v '^$' | sed 's/^/    | /'
}

# typed_in ENGLISH FRENCH VALUE: what a person typed, and where.
typed_in() {
	printf '    > %s %s\n' "$(t "$1:" "$2 :")" "$3"
}

# send_form FIELD=VALUE…: with what the page had hidden.
send_form() {
	local name typed
	local -a data=()
	for name in request conversation logout; do
		typed=$(field "$name")
		[[ -z $typed ]] || data+=(--data-urlencode "$name=$typed")
	done
	for typed in "$@"; do
		data+=(--data-urlencode "$typed")
		case $typed in
		username=*) typed_in "Username" "Identifiant" "${typed#*=}" ;;
		password=*) typed_in "Password" "Mot de passe" '**********' ;;
		code=*) typed_in "Verification code" "Code de vérification" "${typed#*=}" ;;
		esac
	done
	open_page "${data[@]}" "$issuer$(grep -oE '<form [^>]*action="[^"]*"' "$private/page" | sed 's/.*action="//; s/"$//')"
}

# sign_in_at_gateway PERSON CODE: from the application to the application, or to a page that says why not.
sign_in_at_gateway() {
	local url
	url=$(application begin) || return 1
	printf '  → %s\n' "${url%%\?*}?response_type=code&client_id=$client_id&…"
	open_page "$url" || return 1
	[[ $page_status == 200 ]] || return 0
	page_text
	send_form "username=$1" "password=$password" || return 1
	[[ $page_status == 200 ]] || return 0
	page_text
	send_form "code=$2" || return 1
}

# application COMMAND…: docs/examples/sample-application.sh as its own user would run it.
application() {
	SAMPLE_ISSUER=$issuer SAMPLE_CLIENT_ID=$client_id SAMPLE_CLIENT_SECRET=$client_secret \
		SAMPLE_REDIRECT_URI=$redirect_uri SAMPLE_CA=$private/tls/certificate.pem SAMPLE_DIR=$private/application \
		SAMPLE_LANGUAGE=$language "$source/docs/examples/sample-application.sh" "$@"
}

# ---- the story -----------------------------------------------------------------------------------------

register_application() {
	title "6. The gateway, and an application that knows only the gateway" "6. La passerelle, et une application qui ne connaît qu’elle"
	start_gateway || {
		broke "the gateway does not start" "la passerelle ne démarre pas"
		return 1
	}
	say "hospiconnect-gateway runs as $(ps -o user= -p "$gateway" | xargs) and has no secret of any person: $issuer" \
		"hospiconnect-gateway tourne sous $(ps -o user= -p "$gateway" | xargs) et ne détient aucun secret de personne : $issuer"
	redirect_uri=http://127.0.0.1:$((20000 + RANDOM % 40000))/back
	administrator client add "$(t "Patient record" "Dossier patient")" --redirect-uri "$redirect_uri" || return
	client_id=$(grep -oE '[a-z]+(-[a-z]+)*-[a-z0-9]{8}' "$private/out" | head -n 1)
	client_secret=$(grep -oE '[A-Za-z0-9_-]{43}' "$private/out" | head -n 1)
	worked "the application is registered" "l’application est enregistrée"
}

application_signs_in() {
	local used=$1 code
	title "7. Dr Martin and Dr Durand open the patient record" "7. La Dre Martin et le Dr Durand ouvrent le dossier patient"
	say "The code that Dr Martin has used for ssh:" "Le code dont la Dre Martin s’est servie pour ssh :"
	if sign_in_at_gateway martin "$used" && [[ $page_status == 200 && -z $location ]]; then
		page_text | head -n 3
		worked "refused here too: one person, one store" "refusé ici aussi : une personne, une seule base"
	else
		broke "should have been refused" "aurait dû être refusé"
	fi
	say "Dr Durand gets a phone of his own:" "Le Dr Durand reçoit un téléphone :"
	hospictl --json enroll totp durand --no-confirm >"$private/out"
	seed_durand=$(grep -oE 'secret=[A-Z2-7]+' "$private/out" | head -n 1 | cut -d= -f2)
	code=$(oathtool --totp --base32 "$seed_durand")
	rm -f "$private/cookies"
	if sign_in_at_gateway durand "$code" && [[ $location == "$redirect_uri"* ]]; then
		printf '  ← %s\n' "${location%%\?*}?code=…&state=…&iss=…"
		worked "signed in with password and code, sent back to the application" "connecté avec mot de passe et code, renvoyé à l’application"
	else
		broke "should have been let in" "aurait dû entrer"
		return 1
	fi
	if application finish "$location" >"$private/out" 2>"$private/err"; then
		sed 's/^/    /' "$private/err" "$private/out"
		worked "the application has verified the ID token with openssl" "l’application a vérifié le jeton d’identité avec openssl"
	else
		sed 's/^/    /' "$private/err"
		broke "the application could not use what it got" "l’application n’a rien pu en faire"
		return 1
	fi
}

# step ENGLISH FRENCH BAD_ENGLISH BAD_FRENCH COMMAND…: must succeed.
step() {
	local english=$1 french=$2 bad_english=$3 bad_french=$4
	shift 4
	if "$@" >"$private/out" 2>&1; then
		worked "$english" "$french"
	else
		sed 's/^/    /' "$private/out"
		broke "$bad_english" "$bad_french"
	fi
}

refused() {
	! "$@"
}

open_once_more() {
	open_page "$(application begin)" && [[ $location == "$redirect_uri"* ]] && application finish "$location"
}

application_goes_on() {
	step "the same answer again: refused, it is good for once" "la même réponse encore : refusée, elle ne sert qu’une fois" \
		"an answer was good twice" "une réponse a servi deux fois" refused application finish "$location"
	step "new tokens, and nobody is asked" "de nouveaux jetons, sans rien demander" \
		"no new tokens" "pas de nouveaux jetons" application refresh
	step "opened once more: nobody is asked, the session is there" "rouvert : rien n’est demandé, la session est là" \
		"should not have been asked again" "n’aurait pas dû redemander" open_once_more
	administrator user disable durand || return
	step "disabled: his session at the gateway has ended at once" "désactivé : sa session à la passerelle est finie aussitôt" \
		"disabled, and still served" "désactivé, et encore servi" refused application refresh
	hospictl user enable durand >/dev/null
}

gateway_without_broker() {
	say "The broker is stopped; somebody wants to sign in at the gateway:" "Le service est arrêté ; quelqu’un veut se connecter à la passerelle :"
	stop_broker
	rm -f "$private/cookies"
	sign_in_at_gateway durand 000000 || true
	page_text
	if [[ $page_status == 503 ]] && grep -q 'HC-101' "$private/page"; then
		worked "a clear page, and nobody signs in" "une page claire, et personne n’entre"
	else
		broke "should have said HC-101" "aurait dû dire HC-101"
	fi
	start_broker
	wait_for "$(t "the gateway's link" "le lien de la passerelle")" gateway_ready || true
}

gateway_part() {
	register_application || return
	application_signs_in "$1" || return
	application_goes_on
	gateway_without_broker
}

# ---- by hand -------------------------------------------------------------------------------------------

# wait_for_browser: answers one request at the redirect URI, and prints the address it came to.
wait_for_browser() {
	perl -MIO::Socket::INET -e '
		my ($port, $text) = @ARGV;
		my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 8, ReuseAddr => 1) or exit 1;
		while (my $browser = $listener->accept) {
			my $line = <$browser> // "";
			while (defined(my $rest = <$browser>)) { last if $rest =~ /^\r?\n$/ }
			my ($target) = $line =~ m{^GET (/back\?[!-~]+) HTTP/1} or do { print $browser "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"; next };
			print $browser "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n$text\n";
			close $browser;
			print "http://127.0.0.1:$port$target\n";
			exit 0;
		}' "$1" "$(t "Signed in. Look at the terminal." "Connecté. Voyez le terminal.")"
}

application_by_hand() {
	local url back
	while url=$(application begin 2>/dev/null); do
		printf '\n'
		say "The sample application waits. Open this address in a browser on this machine (its certificate is our own):" \
			"L’application d’exemple attend. Ouvrez cette adresse dans un navigateur de cette machine (le certificat est le nôtre) :"
		printf '\n      %s\n\n' "$url"
		back=$(wait_for_browser "$(grep -oE '[0-9]+/' <<<"${redirect_uri#http://127.0.0.1}" | tr -d /)") || return 0
		application finish "$back" 2>&1 | sed 's/^/    /' || true
	done
}
