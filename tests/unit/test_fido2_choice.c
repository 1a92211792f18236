/* SPDX-License-Identifier: Apache-2.0 */
/* Which security key can do what is asked, and how it learns who the person is. */
#include "fido2_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define UV	     HC_DEVICE_FLAG_UV
#define UP	     HC_DEVICE_FLAG_UP
#define HIDDEN	     HC_DEVICE_FLAG_HIDDEN
#define DISCOVERABLE HC_DEVICE_FLAG_DISCOVERABLE

/* A key as letters: f fido2, p can have a PIN, P has one, u can have fingers, U has some, a always verifies,
   r discoverable, c credProtect, h holds a credential of the list, m must change its PIN. */
static struct hc_fido2_facts key(const char *letters, int pin_tries, int finger_tries)
{
	return (struct hc_fido2_facts){.fido2 = strchr(letters, 'f') != NULL,
				       .can_pin = strpbrk(letters, "pP") != NULL,
				       .has_pin = strchr(letters, 'P') != NULL,
				       .can_finger = strpbrk(letters, "uU") != NULL,
				       .has_finger = strchr(letters, 'U') != NULL,
				       .always_verify = strchr(letters, 'a') != NULL,
				       .discoverable = strchr(letters, 'r') != NULL,
				       .protect = strchr(letters, 'c') != NULL,
				       .holds = strchr(letters, 'h') != NULL,
				       .pin_change = strchr(letters, 'm') != NULL,
				       .pin_tries = pin_tries,
				       .finger_tries = finger_tries};
}

static struct hc_fido2_request ask(enum hc_device_operation operation, uint32_t flags, size_t credentials)
{
	return (struct hc_fido2_request){.operation = operation,
					 .flags = flags,
					 .credential_count = credentials,
					 .algorithms = {-7},
					 .algorithm_count = 1};
}

static void a_key_is_unfit_for_one_reason(void **state)
{
	static const struct {
		enum hc_device_operation operation;
		uint32_t flags;
		size_t credentials;
		const char *key;
		int pin_tries, finger_tries;
		enum hc_reason reason;
	} rows[] = {
		{HC_DEVICE_ASSERT, UV | UP, 1, "fPrc", 8, -1, HC_REASON_KEY_NOT_REGISTERED},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fPrch", 8, -1, HC_REASON_NONE},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fPrch", 0, -1, HC_REASON_PIN_BLOCKED},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fPrcmh", 8, -1, HC_REASON_PIN_CHANGE_NEEDED},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fprch", -1, -1, HC_REASON_PIN_NOT_SET},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fh", -1, -1, HC_REASON_KEY_WITHOUT_VERIFICATION},
		{HC_DEVICE_ASSERT, UV | UP, 1, "h", -1, -1, HC_REASON_KEY_WITHOUT_VERIFICATION},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fUh", -1, 3, HC_REASON_NONE},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fUh", -1, 0, HC_REASON_FINGERPRINT_BLOCKED},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fUPh", 8, 0, HC_REASON_NONE},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fUPh", 0, 0, HC_REASON_PIN_BLOCKED},
		{HC_DEVICE_ASSERT, UV | UP, 1, "fUPh", 0, 3, HC_REASON_NONE},
		{HC_DEVICE_ASSERT, UV | UP | HIDDEN, 1, "fPc", 8, -1, HC_REASON_NONE},
		{HC_DEVICE_ASSERT, UV | UP | HIDDEN, 1, "fP", 8, -1, HC_REASON_KEY_NOT_REGISTERED},
		{HC_DEVICE_ASSERT, UV | UP, 0, "frP", 8, -1, HC_REASON_NONE},
		{HC_DEVICE_ASSERT, UV | UP, 0, "fP", 8, -1, HC_REASON_KEY_NOT_REGISTERED},
		{HC_DEVICE_ASSERT, UV | UP, 0, "", -1, -1, HC_REASON_KEY_NOT_REGISTERED},
		{HC_DEVICE_ASSERT, UP, 1, "h", -1, -1, HC_REASON_NONE},
		{HC_DEVICE_ASSERT, UP, 1, "fph", -1, -1, HC_REASON_NONE},
		{HC_DEVICE_ASSERT, UP, 1, "fpah", -1, -1, HC_REASON_PIN_NOT_SET},
		{HC_DEVICE_MAKE, UV | UP, 1, "fPrh", 8, -1, HC_REASON_KEY_ALREADY_REGISTERED},
		{HC_DEVICE_MAKE, UV | UP, 0, "frP", 8, -1, HC_REASON_NONE},
		{HC_DEVICE_MAKE, UV | UP | DISCOVERABLE, 0, "fP", 8, -1, HC_REASON_KEY_LACKS_FEATURE},
		{HC_DEVICE_MAKE, UP, 0, "", -1, -1, HC_REASON_NONE},
		{HC_DEVICE_MAKE, UP, 0, "fP", 0, -1, HC_REASON_PIN_BLOCKED},
		{HC_DEVICE_MAKE, UV | UP, 0, "frp", -1, -1, HC_REASON_PIN_NOT_SET},
		{HC_DEVICE_SET_PIN, 0, 0, "fp", -1, -1, HC_REASON_NONE},
		{HC_DEVICE_SET_PIN, 0, 0, "fPm", 8, -1, HC_REASON_NONE},
		{HC_DEVICE_SET_PIN, 0, 0, "fP", 0, -1, HC_REASON_PIN_BLOCKED},
		{HC_DEVICE_SET_PIN, 0, 0, "f", -1, -1, HC_REASON_KEY_WITHOUT_VERIFICATION},
		{HC_DEVICE_SIGN, UV | UP, 1, "fPrch", 8, -1, HC_REASON_DEVICE_ERROR},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_fido2_request request = ask(rows[i].operation, rows[i].flags, rows[i].credentials);
		struct hc_fido2_facts facts = key(rows[i].key, rows[i].pin_tries, rows[i].finger_tries);
		enum hc_reason reason = hc_fido2_unfit(&request, &facts);

		if (reason != rows[i].reason)
			fail_msg("row %zu: %s", i, hc_reason_name(reason));
	}
}

static void verification_is_by_finger_first_and_never_less_than_asked(void **state)
{
	static const struct {
		uint32_t flags;
		const char *key;
		int pin_tries, finger_tries;
		bool without_finger;
		enum hc_fido2_verify verify;
	} rows[] = {
		{UV | UP, "fPh", 8, -1, false, HC_FIDO2_BY_PIN},
		{UV | UP, "fPUh", 8, 3, false, HC_FIDO2_BY_FINGER},
		{UV | UP, "fPUh", 8, 0, false, HC_FIDO2_BY_PIN},
		{UV | UP, "fPUh", 8, 3, true, HC_FIDO2_BY_PIN},
		/* nothing else is left: never the touch alone */
		{UV | UP, "fUh", -1, 3, true, HC_FIDO2_BY_FINGER},
		{UV | UP, "fPUh", 0, 3, true, HC_FIDO2_BY_FINGER},
		{UV | UP, "fPUmh", 8, 3, true, HC_FIDO2_BY_FINGER},
		{UP, "fPh", 8, -1, false, HC_FIDO2_TOUCH_ALONE},
		{UP, "fPah", 8, -1, false, HC_FIDO2_BY_PIN},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_fido2_request request = ask(HC_DEVICE_ASSERT, rows[i].flags, 1);
		struct hc_fido2_facts facts = key(rows[i].key, rows[i].pin_tries, rows[i].finger_tries);

		if (hc_fido2_verify_by(&request, &facts, rows[i].without_finger) != rows[i].verify)
			fail_msg("row %zu", i);
	}
}

static void only_the_persons_own_key_ends_the_waiting(void **state)
{
	struct hc_fido2_request own = ask(HC_DEVICE_ASSERT, UV | UP, 1);
	struct hc_fido2_request nameless = ask(HC_DEVICE_ASSERT, UV | UP, 0);

	(void)state;
	assert_false(hc_fido2_final(&own, HC_REASON_NO_DEVICE));
	assert_false(hc_fido2_final(&own, HC_REASON_KEY_NOT_REGISTERED));
	assert_false(hc_fido2_final(&own, HC_REASON_DEVICE_ERROR));
	assert_true(hc_fido2_final(&own, HC_REASON_PIN_BLOCKED));
	assert_true(hc_fido2_final(&own, HC_REASON_PIN_NOT_SET));
	assert_false(hc_fido2_final(&nameless, HC_REASON_PIN_BLOCKED));
}

static void the_reason_that_tells_more_wins(void **state)
{
	(void)state;
	assert_int_equal(hc_fido2_worse(HC_REASON_NO_DEVICE, HC_REASON_KEY_NOT_REGISTERED),
			 HC_REASON_KEY_NOT_REGISTERED);
	assert_int_equal(hc_fido2_worse(HC_REASON_PIN_BLOCKED, HC_REASON_KEY_NOT_REGISTERED),
			 HC_REASON_PIN_BLOCKED);
	assert_int_equal(hc_fido2_worse(HC_REASON_NO_DEVICE, HC_REASON_NONE), HC_REASON_NO_DEVICE);
}

static void the_best_algorithm_that_the_key_has_is_taken(void **state)
{
	struct hc_fido2_request request = ask(HC_DEVICE_MAKE, UP, 0);
	struct hc_fido2_facts facts = key("f", -1, -1);

	(void)state;
	assert_int_equal(hc_fido2_algorithm(&request, &facts), -7); /* it lists none: ES256 */
	request.algorithms[0] = -8;
	assert_int_equal(hc_fido2_algorithm(&request, &facts), 0);
	request.algorithms[1] = -257;
	request.algorithm_count = 2;
	facts.algorithms[0] = -257;
	facts.algorithm_count = 1;
	assert_int_equal(hc_fido2_algorithm(&request, &facts), -257);
	facts.algorithms[1] = -8;
	facts.algorithm_count = 2;
	assert_int_equal(hc_fido2_algorithm(&request, &facts), -8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_unfit_for_one_reason),
		cmocka_unit_test(verification_is_by_finger_first_and_never_less_than_asked),
		cmocka_unit_test(only_the_persons_own_key_ends_the_waiting),
		cmocka_unit_test(the_reason_that_tells_more_wins),
		cmocka_unit_test(the_best_algorithm_that_the_key_has_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
