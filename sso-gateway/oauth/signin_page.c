/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of a sign-in. No state. What they show after a wrong answer must not depend on what was wrong.
 */
#include "oauth/signin_page.h"

#include "oauth/redirect_uri.h"
#include "oauth/reply.h"
#include "oauth/sealed_field.h"

_Static_assert(HC_FIELD_TEXT_MAX - 1 <= HC_PAGE_HIDDEN_MAX, "every sealed field fits into a page");

void hc_signin_page_reply(struct hc_worker *worker, struct hc_exchange *exchange,
			  const struct hc_signin_page *signin_page)
{
	const char *const cookies[] = {signin_page->set_cookie, NULL};
	const bool asks_code = signin_page->conversation != NULL;
	char addresses[HC_REDIRECT_LIST_MAX];
	struct hc_page page;

	hc_reply_page_init(worker, exchange, asks_code ? HC_PAGE_CODE : HC_PAGE_PASSWORD, &page);
	page.lang = signin_page->pending->lang;
	page.application = signin_page->client->name;
	page.notice = signin_page->notice;
	page.reason = signin_page->reason;
	page.username = signin_page->username;
	page.request = signin_page->request;
	page.conversation = signin_page->conversation;
	hc_redirect_list(&signin_page->client->redirect_uris, addresses);
	page.form_action = addresses;
	hc_page_reply(exchange, signin_page->status, &page, cookies);
}
