/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which path leads where. State: the table with its paths, made once. The paths are exact: what is not
 * here is the page that says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/log.h"
#include "oauth/browser.h"
#include "oauth/handlers.h"
#include "oauth/reply.h"
#include "pages/page.h"

#define GET  ((unsigned)HC_HTTP_GET)
#define POST ((unsigned)HC_HTTP_POST)

/* What people come back to: the address of a form, from the history or a bookmark. */
static void handle_form_by_get(struct hc_exchange *exchange, void *app)
{
	hc_reply_error(app, exchange,
		       &(struct hc_reply_fault){.status = 400,
						.notice = HC_PAGE_ERROR_EXPIRED,
						.reason = HC_REASON_FORM_EXPIRED});
}

void hc_handle_not_found(struct hc_exchange *exchange, void *app)
{
	hc_reply_error(app, exchange,
		       &(struct hc_reply_fault){
			       .status = 404, .notice = HC_PAGE_ERROR_NOT_FOUND, .reason = HC_REASON_NONE});
}

static const struct hc_http_route relative[] = {
	{HC_PATH_DISCOVERY, GET, hc_handle_discovery},
	{HC_PATH_OAUTH_METADATA, GET, hc_handle_discovery},
	{HC_PATH_WALLET_DISCOVERY, GET, hc_handle_discovery},
	{HC_PATH_JWKS, GET, hc_handle_jwks},
	{HC_PATH_AUTHORIZE, GET | POST, hc_handle_authorize},
	{HC_PATH_LOGIN, POST, hc_handle_login},
	{HC_PATH_LOGIN, GET, handle_form_by_get},
	{HC_PATH_TOKEN, POST, hc_handle_token},
	{HC_PATH_USERINFO, GET | POST, hc_handle_userinfo},
	{HC_PATH_INTROSPECT, POST, hc_handle_introspect},
	{HC_PATH_REVOKE, POST, hc_handle_revoke},
	{HC_PATH_LOGOUT, GET | POST, hc_handle_logout},
};

/*
 * The table in one block of memory with its paths behind it: rows of ours, the style sheet, RFC 8414's
 * metadata (whose path goes before the issuer's, not behind it), the end.
 */
#define ROWS (HC_COUNT(relative) + 2)

static char *add_row(struct hc_http_route *row, char *memory, const char *first, const char *second)
{
	const size_t len = strlen(first) + strlen(second) + 1;

	(void)snprintf(memory, len, "%s%s", first, second);
	row->path = memory;
	return memory + len;
}

enum hc_err hc_routes_new(const struct hc_gateway_config *config, struct hc_http_route **ret_routes)
{
	const char *base = hc_browser_base(config), *style = hc_page_style_path();
	const size_t base_len = strlen(base);
	size_t len = (ROWS + 1) * sizeof(struct hc_http_route), row = 0;

	for (size_t i = 0; i < HC_COUNT(relative); i++)
		len += base_len + strlen(relative[i].path) + 1;
	len += base_len + strlen(style) + 1 + base_len + sizeof(HC_PATH_OAUTH_METADATA);
	struct hc_http_route *routes = calloc(1, len);
	if (routes == NULL)
		return HC_ERR_NOMEM;
	char *memory = (char *)(routes + ROWS + 1);
	for (; row < HC_COUNT(relative); row++) {
		routes[row] = relative[row];
		memory = add_row(&routes[row], memory, base, relative[row].path);
	}
	routes[row] = (struct hc_http_route){.methods = GET, .handler = hc_page_handle_style};
	memory = add_row(&routes[row++], memory, base, style);
	/* Without a path of the issuer's it is the row that stands there already. */
	if (base_len > 0) {
		routes[row] = (struct hc_http_route){.methods = GET, .handler = hc_handle_discovery};
		(void)add_row(&routes[row], memory, HC_PATH_OAUTH_METADATA, base);
	}
	*ret_routes = routes;
	return HC_OK;
}

void hc_routes_free(struct hc_http_route **routes)
{
	free(*routes);
	*routes = NULL;
}
