/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading the vendor's PKCS#11 library and calling it.
 *
 * State: the library, and whether a session is open and logged in. Threats: a call that never returns or
 * crashes (the watcher ends this process; pkcs11_watch.c), a library that lies. What was begun is ended in
 * every case: the PIN's state belongs to the card, not to this process. It must never be loaded into a
 * process that holds anything else of value.
 */
#include "pkcs11_module.h"

#include <stdio.h>
#include <string.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/log.h"

void hc_p11_call_begin(struct hc_p11_module *module, const char *name, int64_t limit_ms)
{
	struct hc_p11_watch *watch = module->watch;

	(void)snprintf(watch->call, sizeof(watch->call), "%s", name);
	atomic_store(&watch->call_until_ms, hc_mono_ms(hc_clock_system()) + limit_ms);
}

CK_RV hc_p11_call_end(struct hc_p11_module *module, const char *name, CK_RV rv)
{
	atomic_store(&module->watch->call_until_ms, 0);
	if (rv != CKR_OK)
		(void)snprintf(module->failure, sizeof(module->failure), "%s: 0x%lx", name, rv);
	return rv;
}

enum hc_reason hc_p11_fail(struct hc_p11_module *module, enum hc_reason reason, const char *why)
{
	hc_escape(why, module->failure, sizeof(module->failure));
	return reason;
}

enum hc_reason hc_p11_reason_of(CK_RV rv)
{
	switch (rv) {
	case CKR_OK:
		return HC_REASON_NONE;
	case CKR_DEVICE_REMOVED:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_SESSION_CLOSED:
		return HC_REASON_DEVICE_REMOVED;
	case CKR_PIN_LOCKED:
		return HC_REASON_PIN_BLOCKED;
	case CKR_CANCEL:
	case CKR_FUNCTION_CANCELED:
		return HC_REASON_CANCELLED;
	case CKR_DEVICE_ERROR:
	case CKR_SLOT_ID_INVALID:
		return HC_REASON_READER_ERROR;
	case CKR_HOST_MEMORY:
	case CKR_DEVICE_MEMORY:
	default: /* not an enum: any number may come, and those of the vendor mean nothing here */
		return HC_REASON_MODULE_ERROR;
	}
}

enum hc_reason hc_p11_open(struct hc_p11_module *module, const char *path)
{
	CK_RV rv;

	if (path[0] != '/')
		return hc_p11_fail(module, HC_REASON_MODULE_ERROR, "the module's path is not absolute");
	p11_kit_be_quiet();
	/* Its constructors are calls as well. Unmanaged: this process is its only user, and its own error
	 * numbers are wanted. */
	hc_p11_call_begin(module, "load", HC_P11_CALL_MS);
	module->functions = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
	rv = hc_p11_call_end(module, "load", module->functions != NULL ? CKR_OK : CKR_GENERAL_ERROR);
	if (rv != CKR_OK) {
		const char *why = p11_kit_message();

		return hc_p11_fail(module, HC_REASON_MODULE_ERROR, why != NULL ? why : "cannot be loaded");
	}
	hc_p11_call_begin(module, "C_Initialize", HC_P11_CALL_MS);
	rv = hc_p11_call_end(module, "C_Initialize", p11_kit_module_initialize(module->functions));
	module->initialized = rv == CKR_OK;
	return rv == CKR_OK ? HC_REASON_NONE : HC_REASON_MODULE_ERROR;
}

void hc_p11_close(struct hc_p11_module *module)
{
	char failure[sizeof(module->failure)];

	/* What failed first is what is told. */
	memcpy(failure, module->failure, sizeof(failure));
	if (module->has_session) {
		/* Whatever happened before: a card must not be left open. */
		(void)HC_P11_CALL(module, C_Logout, module->session);
		(void)HC_P11_CALL(module, C_CloseSession, module->session);
	}
	module->has_session = module->logged_in = false;
	if (module->initialized) {
		hc_p11_call_begin(module, "C_Finalize", HC_P11_CALL_MS);
		(void)hc_p11_call_end(module, "C_Finalize", p11_kit_module_finalize(module->functions));
	}
	module->initialized = false;
	if (module->functions != NULL) {
		hc_p11_call_begin(module, "unload", HC_P11_CALL_MS);
		p11_kit_module_release(module->functions);
		(void)hc_p11_call_end(module, "unload", CKR_OK);
	}
	module->functions = NULL;
	memcpy(module->failure, failure, sizeof(failure));
}
