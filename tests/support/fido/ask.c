/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What MakeCredential and GetAssertion have in common: their options, the pinUvAuthParam, when the
 * person is verified and when a touch is asked for (CTAP 2.1, 6.1.2 and 6.2.2).
 */
#include <string.h>

#include "ctap.h"

bool tk_protected(const struct tk_key *key)
{
	return key->memory.has_pin || key->options.uv == TK_UV_READY;
}

uint8_t tk_ask_options(struct tk_reader *in, struct tk_ask *ask, bool *resident)
{
	size_t count = tk_get_map(in);

	while (count-- > 0 && !in->bad) {
		struct tk_slice name = tk_get_text(in);
		bool value = tk_get_bool(in);

		if (tk_slice_is(name, "up"))
			ask->up = value;
		else if (tk_slice_is(name, "uv"))
			ask->uv = value;
		else if (tk_slice_is(name, "rk") && !resident)
			return TK_UNSUPPORTED_OPTION;
		else if (tk_slice_is(name, "rk"))
			*resident = value;
	}
	return TK_OK;
}

uint8_t tk_ask_chosen(struct tk_key *key, const struct tk_ask *ask)
{
	uint8_t status;

	if (!ask->has_param || ask->param.len > 0)
		return TK_OK;
	key->command = "choose";
	status = tk_await_touch(key);
	if (status != TK_OK)
		return status;
	return tk_protected(key) ? TK_PIN_INVALID : TK_PIN_NOT_SET;
}

static uint8_t verify_param(struct tk_key *key, const struct tk_ask *ask, uint8_t *flags)
{
	struct tk_grant *grant = &key->session.grant;
	struct tk_slice data = {ask->data_hash, TK_HASH_LEN};

	if (ask->protocol == 0)
		return TK_MISSING_PARAMETER;
	if (!tk_protocol_known(key, ask->protocol))
		return TK_INVALID_PARAMETER;
	if (!tk_grant_allows(key, ask->protocol, data, ask->param, ask->permission) || !grant->verified)
		return TK_PIN_AUTH_INVALID;
	if (grant->bound && memcmp(grant->rp_hash, ask->rp_hash, TK_HASH_LEN) != 0)
		return TK_PIN_AUTH_INVALID;
	grant->bound = true;
	memcpy(grant->rp_hash, ask->rp_hash, TK_HASH_LEN);
	*flags |= TK_FLAG_UV;
	return TK_OK;
}

uint8_t tk_ask_verify(struct tk_key *key, struct tk_ask *ask, uint8_t *flags)
{
	uint8_t status;

	if (ask->has_param)
		return verify_param(key, ask, flags);
	if (ask->uv && key->options.uv != TK_UV_READY)
		return key->options.ctap20 ? TK_UNSUPPORTED_OPTION : TK_INVALID_OPTION;
	if (key->memory.always_uv && ask->up && !ask->uv) {
		if (key->options.uv != TK_UV_READY)
			return TK_PUAT_REQUIRED;
		ask->uv = true;
	}
	if (!ask->uv)
		return TK_OK;
	status = tk_verify_finger(key);
	if (status == TK_UV_BLOCKED || status == TK_UV_INVALID)
		return key->memory.has_pin ? TK_PUAT_REQUIRED : TK_OPERATION_DENIED;
	if (status == TK_OK)
		*flags |= TK_FLAG_UV | TK_FLAG_UP;
	return status;
}

uint8_t tk_ask_present(struct tk_key *key, const struct tk_ask *ask, uint8_t *flags)
{
	struct tk_grant *grant = &key->session.grant;
	uint8_t status = TK_OK;

	if (!(*flags & TK_FLAG_UP) && !(ask->has_param && grant->present))
		status = tk_await_touch(key);
	if (status != TK_OK)
		return status;
	*flags |= TK_FLAG_UP;
	/* A token is good for one touch; keys before 2.1 let it live on. */
	if (ask->has_param && !key->options.ctap20) {
		grant->present = false;
		grant->verified = false;
		grant->permissions = 0;
	}
	return TK_OK;
}
