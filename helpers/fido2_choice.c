/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which key can do what is asked, and how it learns who the person is.
 *
 * State: none. Everything a key says of itself may be a lie: the worst that follows here is that a
 * person is asked to touch or to type for a key that then fails; whether the answer is worth
 * anything is decided by the broker, from the signature.
 */
#include "fido2_choice.h"

#define ES256 (-7)

static bool wants_verification(const struct hc_fido2_request *request, const struct hc_fido2_facts *facts)
{
	if ((request->flags & HC_DEVICE_FLAG_UV) != 0 || facts->always_verify)
		return true;
	/* Older keys with a PIN make no credential without it. */
	return request->operation == HC_DEVICE_MAKE && (facts->has_pin || facts->has_finger);
}

static bool finger_works(const struct hc_fido2_facts *facts)
{
	return facts->has_finger && facts->finger_tries != 0;
}

static bool pin_works(const struct hc_fido2_facts *facts)
{
	return facts->has_pin && facts->pin_tries != 0;
}

/* Why the key cannot find out who the person is. */
static enum hc_reason cannot_verify(const struct hc_fido2_facts *facts)
{
	if (finger_works(facts))
		return HC_REASON_NONE;
	if (facts->has_pin && facts->pin_tries == 0)
		return HC_REASON_PIN_BLOCKED;
	if (facts->has_pin)
		return facts->pin_change ? HC_REASON_PIN_CHANGE_NEEDED : HC_REASON_NONE;
	if (facts->has_finger)
		return HC_REASON_FINGERPRINT_BLOCKED;
	return facts->can_pin || facts->can_finger ? HC_REASON_PIN_NOT_SET
						   : HC_REASON_KEY_WITHOUT_VERIFICATION;
}

static bool could_hold(const struct hc_fido2_request *request, const struct hc_fido2_facts *facts)
{
	if (hc_fido2_nameless(request))
		return facts->fido2 && facts->discoverable;
	return facts->holds ||
	       ((request->flags & HC_DEVICE_FLAG_HIDDEN) != 0 && facts->fido2 && facts->protect);
}

bool hc_fido2_sure(const struct hc_fido2_request *request, const struct hc_fido2_facts *facts)
{
	return request->operation != HC_DEVICE_ASSERT || hc_fido2_nameless(request) || facts->holds;
}

static enum hc_reason unfit_to_assert(const struct hc_fido2_request *request,
				      const struct hc_fido2_facts *facts)
{
	if (!could_hold(request, facts))
		return HC_REASON_KEY_NOT_REGISTERED;
	return wants_verification(request, facts) ? cannot_verify(facts) : HC_REASON_NONE;
}

int32_t hc_fido2_algorithm(const struct hc_fido2_request *request, const struct hc_fido2_facts *facts)
{
	for (size_t i = 0; i < request->algorithm_count; i++) {
		/* A key that lists none has the one that every key must have. */
		if (facts->algorithm_count == 0 && request->algorithms[i] == ES256)
			return ES256;
		for (size_t j = 0; j < facts->algorithm_count; j++) {
			if (request->algorithms[i] == facts->algorithms[j])
				return request->algorithms[i];
		}
	}
	return 0;
}

static enum hc_reason unfit_to_make(const struct hc_fido2_request *request,
				    const struct hc_fido2_facts *facts)
{
	if (facts->holds)
		return HC_REASON_KEY_ALREADY_REGISTERED;
	if (hc_fido2_algorithm(request, facts) == 0 ||
	    ((request->flags & HC_DEVICE_FLAG_DISCOVERABLE) != 0 && !facts->discoverable))
		return HC_REASON_KEY_LACKS_FEATURE;
	return wants_verification(request, facts) ? cannot_verify(facts) : HC_REASON_NONE;
}

static enum hc_reason unfit_for_pin(const struct hc_fido2_facts *facts)
{
	if (!facts->can_pin)
		return HC_REASON_KEY_WITHOUT_VERIFICATION;
	return facts->has_pin && facts->pin_tries == 0 ? HC_REASON_PIN_BLOCKED : HC_REASON_NONE;
}

enum hc_reason hc_fido2_unfit(const struct hc_fido2_request *request, const struct hc_fido2_facts *facts)
{
	switch (request->operation) {
	case HC_DEVICE_LIST:
		return HC_REASON_NONE;
	case HC_DEVICE_ASSERT:
		return unfit_to_assert(request, facts);
	case HC_DEVICE_MAKE:
		return unfit_to_make(request, facts);
	case HC_DEVICE_SET_PIN:
		return unfit_for_pin(facts);
	case HC_DEVICE_SIGN:
	case HC_DEVICE_READ:
	case HC_DEVICE_WATCH:
	case HC_DEVICE_CHECK:
		break;
	}
	return HC_REASON_DEVICE_ERROR;
}

enum hc_fido2_verify hc_fido2_verify_by(const struct hc_fido2_request *request,
					const struct hc_fido2_facts *facts, bool without_finger)
{
	if (request->operation == HC_DEVICE_SET_PIN)
		return facts->has_pin ? HC_FIDO2_BY_PIN : HC_FIDO2_TOUCH_ALONE;
	if (!wants_verification(request, facts))
		return HC_FIDO2_TOUCH_ALONE;
	if (finger_works(facts) && !without_finger)
		return HC_FIDO2_BY_FINGER;
	return pin_works(facts) && !facts->pin_change ? HC_FIDO2_BY_PIN : HC_FIDO2_BY_FINGER;
}

bool hc_fido2_final(const struct hc_fido2_request *request, enum hc_reason reason)
{
	bool own = !hc_fido2_nameless(request);

	return own && (reason == HC_REASON_PIN_BLOCKED || reason == HC_REASON_PIN_NOT_SET ||
		       reason == HC_REASON_PIN_CHANGE_NEEDED || reason == HC_REASON_FINGERPRINT_BLOCKED ||
		       reason == HC_REASON_KEY_WITHOUT_VERIFICATION);
}

static int weight(enum hc_reason reason)
{
	static const enum hc_reason light_first[] = {
		HC_REASON_NONE,		HC_REASON_NO_DEVICE,	     HC_REASON_KEY_NOT_REGISTERED,
		HC_REASON_DEVICE_ERROR, HC_REASON_KEY_LACKS_FEATURE, HC_REASON_KEY_ALREADY_REGISTERED};

	for (size_t i = 0; i < HC_COUNT(light_first); i++) {
		if (light_first[i] == reason)
			return (int)i;
	}
	return (int)HC_COUNT(light_first);
}

enum hc_reason hc_fido2_worse(enum hc_reason a, enum hc_reason b)
{
	return weight(b) > weight(a) ? b : a;
}
