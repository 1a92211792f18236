/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OTP_CARD_H
#define HC_OTP_CARD_H

#include "hospiconnect/identity.h"
#include "hospiconnect/secret.h"

#include "ctl.h"

/* What a new TOTP or HOTP credential is shown as, once. */
struct hc_otp_card {
	const char *login;
	char id[HC_CREDENTIAL_ID_LEN + 1];
	char state[17];
	struct hc_secret *uri; /* otpauth://… */
};

void hc_otp_card_clear(struct hc_otp_card *card);

/*
 * hc_otp_card_print: on a terminal the URI, the key in groups of four and the QR code; otherwise
 * id, uri and state, as lines or JSON. What was written is scrubbed from the output's buffer.
 */
void hc_otp_card_print(const struct hc_ctl *ctl, const struct hc_otp_card *card);

#endif
