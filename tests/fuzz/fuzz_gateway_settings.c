/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "settings.h"

/*
 * gateway.conf: whatever is read to its end has an issuer of one form, addresses with ports, and limits within
 * their ranges; whatever is not leaves the caller's struct alone.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hc_gateway_config config, untouched;
	struct hc_config_error error;

	memset(&config, 0x5A, sizeof(config));
	memset(&untouched, 0x5A, sizeof(untouched));
	if (hc_gateway_settings_parse((const char *)data, size, &config, &error) != HC_OK) {
		FUZZ_REQUIRE(memcmp(&config, &untouched, sizeof(config)) == 0);
		FUZZ_REQUIRE(memchr(error.text, '\0', sizeof(error.text)) != NULL && error.text[0] != '\0');
		return 0;
	}
	const size_t len = strnlen(config.issuer, sizeof(config.issuer));

	FUZZ_REQUIRE(len < sizeof(config.issuer) && strncmp(config.issuer, "https://", 8) == 0);
	FUZZ_REQUIRE(config.issuer[len - 1] != '/' && strpbrk(config.issuer, "?#@ %\"<>\\") == NULL);
	FUZZ_REQUIRE(config.listen.count >= 1 && config.listen.count <= HC_LISTEN_MAX);
	for (size_t i = 0; i < config.listen.count; i++)
		FUZZ_REQUIRE(strchr(config.listen.address[i], ':') != NULL);
	FUZZ_REQUIRE(config.threads >= 1 && config.threads <= 8);
	FUZZ_REQUIRE(config.session_idle_s <= config.session_lifetime_s);
	return 0;
}
