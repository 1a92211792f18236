/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host tells about a sign-in: items of the handle, flags, language. Stateless.
 *
 * All of it comes from a foreign program, and from the remote side through it. Each value passes
 * its parser once, here; the environment is read for the language alone, and of that only a tag is
 * kept. PAM_USER is read, or asked for through libpam when there is none; it is set where a device named
 * somebody and nobody else was.
 */
#include "facts.h"

#include <pwd.h>
#include <security/pam_modutil.h>
#include <stdlib.h>
#include <string.h>

#include "verdict.h"

/*
 * Front ends that drop, delay or batch texts that want no answer. sshd and cockpit hold them until
 * the next question; the greeters and lockers never show them.
 */
bool hc_frontend_prompt_only(const char *service)
{
	static const char *const services[] = {
		"cockpit",
		"cosmic-greeter",
		"gtklock",
		"hyprlock",
		"i3lock",
		"kde",
		"kde-fingerprint",
		"kde-smartcard",
		"kscreenlocker",
		"light-locker",
		"lightdm",
		"sddm",
		"sshd",
		"swaylock",
		"waylock",
		"xsecurelock",
	};

	for (size_t i = 0; i < HC_COUNT(services); i++) {
		if (strcmp(services[i], service) == 0)
			return true;
	}
	return false;
}

/* ret_text: NULL for an item that is not set, so that "absent" and "empty" are one. */
static enum hc_err read_item(pam_handle_t *pamh, int item, const char **ret_text)
{
	const void *value = NULL;
	const char *text;

	if (!hc_pam_ok(pam_get_item(pamh, item, &value)))
		return HC_ERR_IO;
	text = value;
	*ret_text = text != NULL && text[0] != '\0' ? text : NULL;
	return HC_OK;
}

/* An item that only serves the trail may as well be missing. */
static const char *item_text(pam_handle_t *pamh, int item)
{
	const char *text = NULL;

	return read_item(pamh, item, &text) == HC_OK ? text : NULL;
}

static const char *language_tag(pam_handle_t *pamh)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	const char *tag;

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		tag = pam_getenv(pamh, names[i]);
		if (tag != NULL && tag[0] != '\0')
			return tag;
	}
	for (size_t i = 0; i < HC_COUNT(names); i++) {
		tag = getenv(names[i]);
		if (tag != NULL && tag[0] != '\0')
			return tag;
	}
	return NULL;
}

static void collect_language(pam_handle_t *pamh, struct hc_facts *facts)
{
	const char *tag = language_tag(pamh);

	facts->lang = hc_lang_from_tag(tag, HC_LANG_FR);
	/* A tag that decides nothing gives whatever fallback it is handed. */
	facts->lang_known = facts->lang == hc_lang_from_tag(tag, HC_LANG_EN);
}

void hc_facts_lang(struct hc_facts *facts, const struct hc_options *options)
{
	if (facts->lang_known || !options->lang_known)
		return;
	facts->lang = options->lang;
	facts->lang_known = true; /* the broker speaks it as well: one line, one language */
}

static void collect_origin(pam_handle_t *pamh, struct hc_facts *facts)
{
	const char *tty = item_text(pamh, PAM_TTY);
	const char *rhost = NULL;
	const char *ruser = item_text(pamh, PAM_RUSER);

	/* A value that its parser refuses stays empty: it only serves the trail. */
	if (tty != NULL)
		(void)!hc_tty_parse(tty, strlen(tty), &facts->tty);
	if (ruser != NULL)
		(void)!hc_label_parse(ruser, strlen(ruser), &facts->ruser);
	/* "Local" opens doors (exempt=, grace), so it must be known, not assumed. */
	facts->remote = read_item(pamh, PAM_RHOST, &rhost) != HC_OK || rhost != NULL;
	if (rhost != NULL)
		(void)!hc_host_parse(rhost, strlen(rhost), &facts->rhost);
}

enum hc_err hc_facts_collect(pam_handle_t *pamh, int flags, struct hc_facts *ret_facts)
{
	struct hc_facts facts = {.silent = ((unsigned)flags & (unsigned)PAM_SILENT) != 0};
	const char *service = item_text(pamh, PAM_SERVICE);
	enum hc_err err = HC_ERR_INVALID;

	collect_language(pamh, &facts);
	collect_origin(pamh, &facts);
	if (service != NULL && hc_service_parse(service, strlen(service), &facts.service) == HC_OK)
		err = strcmp(service, HC_PASSWORD_SERVICE) == 0 ? HC_ERR_PERM : HC_OK;
	facts.prompt_only = hc_frontend_prompt_only(facts.service.text);
	/* ssh(1) passes sshd's last words through its log, which escapes them. */
	facts.ascii_refusal = strcmp(facts.service.text, "sshd") == 0;
	*ret_facts = facts;
	return err;
}

enum hc_err hc_facts_user_ask(pam_handle_t *pamh, struct hc_facts *facts)
{
	char prompt[128];
	const char *user = NULL;
	/* A host that set its own prompt, such as login(1) with the host name, keeps it. */
	bool own_prompt = item_text(pamh, PAM_USER_PROMPT) != NULL;
	int code;

	hc_text(facts->lang, "prompt.login", NULL, prompt, sizeof(prompt));
	code = pam_get_user(pamh, &user, own_prompt ? NULL : prompt);
	if (code == PAM_BUF_ERR)
		return HC_ERR_NOMEM;
	if (!hc_pam_ok(code) || user == NULL)
		return HC_ERR_IO;
	facts->user = user;
	return HC_OK;
}

enum hc_err hc_facts_user(pam_handle_t *pamh, struct hc_facts *facts)
{
	const char *user = item_text(pamh, PAM_USER);

	if (user == NULL)
		return HC_ERR_NOTFOUND;
	facts->user = user;
	return HC_OK;
}

enum hc_err hc_facts_user_set(pam_handle_t *pamh, const struct hc_login *login, struct hc_facts *facts)
{
	const char *user = NULL;

	if (read_item(pamh, PAM_USER, &user) != HC_OK || user != NULL)
		return HC_ERR_STATE;
	if (!hc_pam_ok(pam_set_item(pamh, PAM_USER, login->text)))
		return HC_ERR_NOMEM;
	facts->login = *login;
	return hc_facts_user(pamh, facts);
}

enum hc_err hc_facts_login(struct hc_facts *facts)
{
	return hc_login_parse(facts->user, strlen(facts->user), &facts->login);
}

enum hc_err hc_facts_account(pam_handle_t *pamh, struct hc_facts *facts)
{
	enum hc_err err = hc_facts_login(facts);
	const struct passwd *entry;

	if (err == HC_OK)
		return err;
	entry = pam_modutil_getpwnam(pamh, facts->user);
	if (entry == NULL || entry->pw_name == NULL)
		return err;
	return hc_login_parse(entry->pw_name, strlen(entry->pw_name), &facts->login);
}

void hc_facts_hello(const struct hc_facts *facts, const struct hc_options *options, enum hc_request request,
		    struct hc_msg *msg)
{
	uint32_t flags = 0;

	flags |= facts->silent ? HC_FLAG_SILENT : 0;
	flags |= facts->prompt_only ? HC_FLAG_PROMPT_ONLY : 0;
	flags |= facts->remote ? HC_FLAG_REMOTE : 0;
	hc_msg_init(msg, HC_MSG_HELLO);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, (uint32_t)request);
	hc_msg_put_u32(msg, HC_FIELD_MODE, (uint32_t)options->mode);
	hc_msg_put_u32(msg, HC_FIELD_METHODS, options->methods);
	hc_msg_put_u32(msg, HC_FIELD_FLAGS, flags);
	hc_msg_put_text(msg, HC_FIELD_SERVICE, facts->service.text);
	hc_msg_put_text(msg, HC_FIELD_USER, facts->login.text);
	hc_msg_put_text(msg, HC_FIELD_TTY, facts->tty.text);
	hc_msg_put_text(msg, HC_FIELD_RHOST, facts->rhost.text);
	hc_msg_put_text(msg, HC_FIELD_RUSER, facts->ruser.text);
	if (facts->lang_known)
		hc_msg_put_text(msg, HC_FIELD_LANG, facts->lang == HC_LANG_EN ? "en" : "fr");
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, options->timeout_s);
	if (facts->ticket.known && request == HC_REQUEST_AUTHENTICATE && !facts->remote)
		hc_msg_put_bytes(msg, HC_FIELD_TICKET, facts->ticket.bytes, sizeof(facts->ticket.bytes));
}
