#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A clinical application in the fewest words: signs a person in at the gateway with OpenID Connect (authorization
# code with PKCE), verifies the ID token by itself and reads the claims. Needs curl, openssl and jq.
#
#   sample-application.sh begin             prints the address to send the browser to
#   sample-application.sh finish ADDRESS    where the browser came back: tokens, verified, and who it is
#   sample-application.sh refresh           new tokens without the browser
#   sample-application.sh logout            prints the address that ends the session
#
# Environment: SAMPLE_ISSUER, SAMPLE_CLIENT_ID, SAMPLE_CLIENT_SECRET, SAMPLE_REDIRECT_URI as registered;
# SAMPLE_DIR (what a web application keeps in its session: a private directory), SAMPLE_CA (PEM, where the
# gateway's certificate is not of an authority that the system trusts), SAMPLE_LOGOUT_URI, SAMPLE_LANGUAGE (fr or en:
# of the sign-in pages and of what is printed here).
set -euo pipefail
umask 077
: "${SAMPLE_ISSUER:?}" "${SAMPLE_CLIENT_ID:?}" "${SAMPLE_CLIENT_SECRET:?}" "${SAMPLE_REDIRECT_URI:?}"
dir=${SAMPLE_DIR:?}
mkdir -p "$dir"

# t ENGLISH FRENCH: the one in the application's language.
t() {
	if [[ ${SAMPLE_LANGUAGE:-} == fr ]]; then printf '%s' "$2"; else printf '%s' "$1"; fi
}

die() {
	printf 'sample-application: %s\n' "$*" >&2
	exit 1
}

# ask CURL ARGUMENT…: the body, whatever the status; the status goes to $dir/status.
ask() {
	curl -sS --max-time 20 --proto '=https' ${SAMPLE_CA:+--cacert "$SAMPLE_CA"} -w '%{stderr}%{http_code}' "$@" 2>"$dir/status" ||
		die "$(t "no answer:" "pas de réponse :") $(<"$dir/status")"
}

endpoint() {
	jq -er --arg name "$1" '.[$name]' <"$dir/metadata"
}

b64url() {
	openssl base64 -A | tr '+/' '-_' | tr -d '='
}

# The bytes of a base64url text.
b64bytes() {
	local text
	text=$(tr -- '-_' '+/' <<<"$1")
	while ((${#text} % 4)); do text+='='; done
	openssl base64 -d -A <<<"$text"
}

b64hex() {
	b64bytes "$1" | od -An -v -tx1 | tr -d ' \n'
}

random() {
	openssl rand 32 | b64url
}

urlencode() {
	jq -rn --arg text "$1" '$text | @uri'
}

# parameter NAME: of the query on stdin, decoded; must stand there once.
parameter() {
	tr '&' '\n' | awk -F= -v name="$1" '$1 == name {value = substr($0, length(name) + 2); n++} END {if (n != 1) exit 1; print value}' |
		sed 's/+/ /g; s/\\/\\\\/g; s/%/\\x/g' | xargs -0 printf '%b'
}

# ---- the ID token: RFC 7515 and OpenID Connect Core 3.1.3.7 ----------------------------------------------

# public_key JWK: as PEM.
public_key() {
	local jwk=$1 point
	case $(jq -r .kty <<<"$jwk") in
	RSA)
		printf 'asn1=SEQUENCE:spki\n[spki]\na=SEQUENCE:alg\nk=BITWRAP,SEQUENCE:key\n[alg]\no=OID:rsaEncryption\nn=NULL\n[key]\nn=INTEGER:0x%s\ne=INTEGER:0x%s\n' \
			"$(b64hex "$(jq -r .n <<<"$jwk")")" "$(b64hex "$(jq -r .e <<<"$jwk")")" >"$dir/key.cnf"
		;;
	EC)
		point=04$(b64hex "$(jq -r .x <<<"$jwk")")$(b64hex "$(jq -r .y <<<"$jwk")")
		printf 'asn1=SEQUENCE:spki\n[spki]\na=SEQUENCE:alg\nk=FORMAT:HEX,BITSTRING:%s\n[alg]\no=OID:id-ecPublicKey\nc=OID:prime256v1\n' \
			"$point" >"$dir/key.cnf"
		;;
	*) die "$(t "a key of a kind that we do not know" "une clé d’un genre que nous ne connaissons pas")" ;;
	esac
	openssl asn1parse -genconf "$dir/key.cnf" -noout -out "$dir/key.der"
	openssl pkey -pubin -inform DER -in "$dir/key.der" -out "$dir/key.pem"
}

# signature_der HEX: r and s of ES256 as openssl wants them.
signature_der() {
	printf 'asn1=SEQUENCE:sig\n[sig]\nr=INTEGER:0x%s\ns=INTEGER:0x%s\n' "${1:0:64}" "${1:64:64}" >"$dir/sig.cnf"
	openssl asn1parse -genconf "$dir/sig.cnf" -noout -out "$dir/signature"
}

# verify TOKEN NONCE: prints the claims, or ends.
verify() {
	local token=$1 nonce=$2 header claims algorithm kid jwk now
	[[ $token =~ ^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]] || die "$(t "the ID token is not a signed token" "le jeton d’identité n’est pas un jeton signé")"
	header=$(b64bytes "${token%%.*}")
	algorithm=$(jq -er .alg <<<"$header")
	[[ $algorithm == RS256 || $algorithm == ES256 ]] || die "$(t "an algorithm that we do not accept:" "un algorithme que nous n’acceptons pas :") $algorithm"
	kid=$(jq -er .kid <<<"$header")
	ask "$(endpoint jwks_uri)" >"$dir/jwks"
	jwk=$(jq -ec --arg kid "$kid" --arg alg "$algorithm" '[.keys[] | select(.kid == $kid and .alg == $alg)] | if length == 1 then .[0] else empty end' \
		<"$dir/jwks") || die "$(t "the gateway has no such key" "la passerelle n’a pas cette clé")"
	public_key "$jwk"
	if [[ $algorithm == ES256 ]]; then
		signature_der "$(b64hex "${token##*.}")"
	else
		b64bytes "${token##*.}" >"$dir/signature"
	fi
	printf '%s' "${token%.*}" >"$dir/signed"
	openssl dgst -sha256 -verify "$dir/key.pem" -signature "$dir/signature" "$dir/signed" >/dev/null 2>&1 ||
		die "$(t "the signature is false" "la signature est fausse")"
	claims=$(b64bytes "$(cut -d. -f2 <<<"$token")")
	now=$(date +%s)
	jq -e --arg issuer "$SAMPLE_ISSUER" --arg client "$SAMPLE_CLIENT_ID" --arg nonce "$nonce" --argjson now "$now" \
		'.iss == $issuer and .aud == $client and .exp > $now and .iat <= $now + 60 and ($nonce == "" or .nonce == $nonce)' \
		<<<"$claims" >/dev/null || die "$(t "the ID token is not for us, or not for now" "le jeton d’identité n’est pas pour nous, ou pas pour maintenant")"
	printf '%s\n' "$(t "$algorithm signature by key $kid: good" "Signature $algorithm par la clé $kid : vérifiée")" >&2
	printf '%s\n' "$claims"
}

# ---- the four steps ---------------------------------------------------------------------------------------

discover() {
	ask "$SAMPLE_ISSUER/.well-known/openid-configuration" >"$dir/metadata"
	[[ $(endpoint issuer) == "$SAMPLE_ISSUER" ]] || die "$(t "discovery names another issuer" "la découverte nomme un autre émetteur")"
}

begin() {
	local verifier challenge state nonce
	discover
	verifier=$(random) state=$(random) nonce=$(random)
	challenge=$(printf '%s' "$verifier" | openssl dgst -sha256 -binary | b64url)
	printf '%s\n' "$verifier" "$state" "$nonce" >"$dir/request"
	printf '%s?response_type=code&client_id=%s&redirect_uri=%s&scope=openid%%20profile&state=%s&nonce=%s&code_challenge=%s&code_challenge_method=S256%s\n' \
		"$(endpoint authorization_endpoint)" "$(urlencode "$SAMPLE_CLIENT_ID")" "$(urlencode "$SAMPLE_REDIRECT_URI")" "$state" "$nonce" \
		"$challenge" "${SAMPLE_LANGUAGE:+&ui_locales=$SAMPLE_LANGUAGE}"
}

# token FIELD=VALUE…: at the token endpoint, as this client. Nothing secret is on a command line, where others
# could read it.
token() {
	local url
	url=$(endpoint token_endpoint)
	ask -K <(
		printf 'user = "%s:%s"\n' "$(urlencode "$SAMPLE_CLIENT_ID")" "$(urlencode "$SAMPLE_CLIENT_SECRET")"
		printf '%s\n' "$@" | sed 's/["\\]/\\&/g; s/.*/data-urlencode = "&"/'
	) "$url" >"$dir/answer"
	[[ $(<"$dir/status") == 200 ]] || die "$(t "no tokens:" "pas de jetons :") $(jq -r '.error // "?"' <"$dir/answer")"
	mv "$dir/answer" "$dir/tokens"
}

who() {
	ask -H @<(printf 'Authorization: Bearer %s\n' "$(jq -er .access_token <"$dir/tokens")") "$(endpoint userinfo_endpoint)" >"$dir/user"
	[[ $(<"$dir/status") == 200 ]] || die "$(t "no userinfo" "la passerelle ne dit pas qui c’est")"
	[[ $(jq -er .sub <"$dir/user") == "$(jq -er .sub <<<"$1")" ]] || die "$(t "userinfo is about somebody else" "la passerelle parle d’une autre personne")"
	jq -n --argjson id_token "$1" --slurpfile userinfo "$dir/user" '{id_token: $id_token, userinfo: $userinfo[0]}'
}

finish() {
	local query=${1#*\?} verifier state nonce code claims
	[[ -s $dir/request ]] || die "$(t "nobody asked" "personne n’a rien demandé")"
	{ read -r verifier && read -r state && read -r nonce; } <"$dir/request"
	[[ $1 == "$SAMPLE_REDIRECT_URI"* ]] || die "$(t "not our address" "ce n’est pas notre adresse")"
	[[ $(parameter state <<<"$query") == "$state" ]] || die "$(t "an answer to another request" "une réponse à une autre demande")"
	[[ $(parameter iss <<<"$query") == "$SAMPLE_ISSUER" ]] || die "$(t "an answer of another gateway" "une réponse d’une autre passerelle")"
	code=$(parameter code <<<"$query") || die "$(t "refused:" "refusé :") $(parameter error <<<"$query" || true)"
	token grant_type=authorization_code "code=$code" "redirect_uri=$SAMPLE_REDIRECT_URI" "code_verifier=$verifier"
	rm -f "$dir/request"
	claims=$(verify "$(jq -er .id_token <"$dir/tokens")" "$nonce")
	who "$claims"
}

refresh() {
	local claims
	[[ -s $dir/tokens ]] || die "$(t "not signed in" "personne n’est connecté")"
	token grant_type=refresh_token "refresh_token=$(jq -er .refresh_token <"$dir/tokens")"
	claims=$(verify "$(jq -er .id_token <"$dir/tokens")" "")
	who "$claims"
}

logout() {
	[[ -s $dir/tokens ]] || die "$(t "not signed in" "personne n’est connecté")"
	printf '%s?id_token_hint=%s%s\n' "$(endpoint end_session_endpoint)" "$(jq -er .id_token <"$dir/tokens")" \
		"${SAMPLE_LOGOUT_URI:+&post_logout_redirect_uri=$(urlencode "$SAMPLE_LOGOUT_URI")}"
}

case ${1:-} in
begin | refresh | logout)
	(($# == 1)) || die "usage: $1"
	"$1"
	;;
finish)
	(($# == 2)) || die "usage: finish ADDRESS"
	finish "$2"
	;;
*) die "usage: begin | finish ADDRESS | refresh | logout" ;;
esac
