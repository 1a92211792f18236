/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One password, asked of PAM.
 *
 * State: none that outlives the call; the process ends after it. Threats: an account that is root under
 * another name, a module that asks for something else and would be given the password, a module that
 * changes whom the answer is about, a missing service file (PAM would take "other", whose stack is
 * anybody's guess), a name whose existence shows in the time. Every path begins as a wrong password. It
 * must never answer a prompt twice, and never log what was typed: people type passwords into login fields.
 */
#include "password_check.h"

#include <crypt.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

#define NAME_BUFFER_LEN 16384

/* ---- the conversation ---- */

struct answerer {
	const struct hc_secret *password; /* borrowed */
	bool answered;
};

/* What libpam takes over and frees. */
static char *copy_of(const struct hc_secret *password)
{
	size_t len = hc_secret_len(password);
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, hc_secret_data(password), len);
	copy[len] = '\0';
	return copy;
}

static void drop_answers(struct pam_response *answers, int count)
{
	for (int i = 0; i < count; i++) {
		if (answers[i].resp == NULL)
			continue;
		hc_scrub(answers[i].resp, strlen(answers[i].resp));
		free(answers[i].resp);
	}
	free(answers);
}

/* The first hidden question is answered; texts are nobody's business here; anything else is refused. */
static bool answer_one(struct answerer *answerer, const struct pam_message *question,
		       struct pam_response *answer)
{
	if (question->msg_style == PAM_TEXT_INFO || question->msg_style == PAM_ERROR_MSG)
		return true;
	if (question->msg_style != PAM_PROMPT_ECHO_OFF || answerer->answered)
		return false;
	answerer->answered = true;
	answer->resp = copy_of(answerer->password);
	return answer->resp != NULL;
}

static int converse(int count, const struct pam_message **questions, struct pam_response **ret_answers,
		    void *ctx)
{
	struct pam_response *answers;

	if (count < 1 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	answers = calloc((size_t)count, sizeof(*answers));
	if (answers == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		if (!answer_one(ctx, questions[i], &answers[i])) {
			drop_answers(answers, count);
			return PAM_CONV_ERR;
		}
	}
	*ret_answers = answers;
	return PAM_SUCCESS;
}

/* ---- PAM ---- */

/* Wrong, or not to be had: what the person can do something about is told from what he cannot. */
static enum hc_password meaning_of(int code)
{
	switch (code) {
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_CRED_INSUFFICIENT:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
		return HC_PASSWORD_WRONG;
	default:
		/* PAM's codes are numbers, not an enumeration: whatever else a module returns is trouble. */
		return HC_PASSWORD_UNAVAILABLE;
	}
}

static bool is_still(pam_handle_t *pamh, const struct hc_login *login)
{
	const void *user = NULL;

	return pam_get_item(pamh, PAM_USER, &user) == PAM_SUCCESS && user != NULL &&
	       strcmp(user, login->text) == 0;
}

static enum hc_password ask_stack(pam_handle_t *pamh, const struct hc_login *login)
{
	int code = pam_authenticate(pamh, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);

	if (code == PAM_SUCCESS)
		code = pam_acct_mgmt(pamh, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (code == PAM_SUCCESS && is_still(pamh, login))
		return HC_PASSWORD_RIGHT;
	if (code == PAM_SUCCESS) {
		hc_log(HC_LOG_ERROR, "refused: the stack answered about somebody else",
		       HC_F_TEXT("user", login->text));
		return HC_PASSWORD_UNAVAILABLE;
	}
	if (meaning_of(code) == HC_PASSWORD_UNAVAILABLE)
		hc_log(HC_LOG_ERROR, "PAM could not check a password", HC_F_TEXT("user", login->text),
		       HC_F_TEXT("service", HC_PASSWORD_SERVICE),
		       HC_F_TEXT("reason", pam_strerror(pamh, code)));
	return meaning_of(code);
}

/* libpam falls back to "other" where a service has no file. */
static bool has_stack(void)
{
	static const char *const paths[] = {"/etc/pam.d/" HC_PASSWORD_SERVICE,
					    "/usr/lib/pam.d/" HC_PASSWORD_SERVICE};

	for (size_t i = 0; i < HC_COUNT(paths); i++) {
		if (access(paths[i], R_OK) == 0)
			return true;
	}
	hc_log(HC_LOG_ERROR, "no password can be checked: install the stack", HC_F_TEXT("path", paths[0]));
	return false;
}

static enum hc_password ask_pam(const struct hc_login *login, const struct hc_secret *password)
{
	struct answerer answerer = {.password = password};
	const struct pam_conv conversation = {.conv = converse, .appdata_ptr = &answerer};
	enum hc_password answer;
	pam_handle_t *pamh = NULL;
	int code;

	if (!has_stack())
		return HC_PASSWORD_UNAVAILABLE;
	code = pam_start(HC_PASSWORD_SERVICE, login->text, &conversation, &pamh);
	if (code != PAM_SUCCESS) {
		hc_log(HC_LOG_ERROR, "PAM does not start", HC_F_TEXT("service", HC_PASSWORD_SERVICE),
		       HC_F_NUM("code", code));
		return HC_PASSWORD_UNAVAILABLE;
	}
	answer = ask_stack(pamh, login);
	(void)pam_end(pamh, PAM_DATA_SILENT); /* the process ends now */
	return answer;
}

/* ---- who ---- */

enum account { ACCOUNT_NONE = 0, ACCOUNT_ROOT, ACCOUNT_TROUBLE, ACCOUNT_PERSON };

static enum account account_of(const struct hc_login *login)
{
	char buffer[NAME_BUFFER_LEN];
	struct passwd entry;
	struct passwd *found = NULL;
	int failure = getpwnam_r(login->text, &entry, buffer, sizeof(buffer), &found);

	if (found == NULL)
		return failure == 0 ? ACCOUNT_NONE : ACCOUNT_TROUBLE;
	return entry.pw_uid == 0 ? ACCOUNT_ROOT : ACCOUNT_PERSON;
}

/* One hash, as the system makes them for new passwords. Its result is thrown away. */
static void hash_once(const struct hc_secret *password)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *work = calloc(1, sizeof(*work));
	char *copy = copy_of(password);

	if (work != NULL && copy != NULL &&
	    crypt_gensalt_rn(NULL, 0, NULL, 0, setting, (int)sizeof(setting)) != NULL)
		(void)crypt_r(copy, setting, work); /* whatever it is, it is wrong */
	if (copy != NULL)
		hc_scrub(copy, hc_secret_len(password));
	if (work != NULL)
		hc_scrub(work, sizeof(*work));
	free(copy);
	free(work);
}

static enum hc_password decoy_check(const struct hc_secret *password)
{
	hash_once(password);
	return HC_PASSWORD_WRONG;
}

/* What no password can be: PAM takes it as a string, and an empty one is no proof. */
static bool can_be(const struct hc_secret *password)
{
	size_t len = hc_secret_len(password);

	return len > 0 && len < PAM_MAX_RESP_SIZE && memchr(hc_secret_data(password), '\0', len) == NULL;
}

enum hc_password hc_password_check(const struct hc_login *login, const struct hc_secret *password, bool decoy)
{
	if (!can_be(password))
		return HC_PASSWORD_WRONG;
	if (login == NULL || decoy)
		return decoy_check(password);
	switch (account_of(login)) {
	case ACCOUNT_PERSON:
		return ask_pam(login, password);
	case ACCOUNT_ROOT:
		hc_log(HC_LOG_WARNING, "refused: uid 0 does not sign in this way",
		       HC_F_TEXT("user", login->text));
		return decoy_check(password);
	case ACCOUNT_NONE:
		return decoy_check(password);
	case ACCOUNT_TROUBLE:
		break;
	}
	hc_log(HC_LOG_ERROR, "cannot look an account up", HC_F_TEXT("user", login->text));
	return HC_PASSWORD_UNAVAILABLE;
}
