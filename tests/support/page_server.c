/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows the gateway's pages to whoever works on them: every kind, in both languages, on loopback and
 * without a gateway behind it. A form leads back to the list.
 *
 *	page_server [ADDRESS]	then look at http://127.0.0.1:8091/
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/attrs.h"
#include "http/http.h"
#include "http/loop.h"
#include "pages/page.h"

#define APPLICATION "Dossier patient Orchidée"
#define HOUSE	    "CHU de Saint-Étienne"
#define PERSON	    "martin.dupont"
#define TOKEN	    "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_"
#define APP_LINK    "https://dpi.example/accueil"

#define FORM(sort, ...)                                                                                \
	{                                                                                              \
		.kind = (sort), .application = APPLICATION, .request = TOKEN, .form_action = APP_LINK, \
		__VA_ARGS__                                                                            \
	}

static const struct {
	const char *path;
	unsigned status;
	struct hc_page page;
} samples[] = {
	{"/password", 200, FORM(HC_PAGE_PASSWORD, .notice = NULL)},
	{"/refused", 200, FORM(HC_PAGE_PASSWORD, .notice = HC_PAGE_NOTICE_REFUSED, .username = PERSON)},
	{"/confirm", 200, FORM(HC_PAGE_PASSWORD, .notice = HC_PAGE_NOTICE_CONFIRM, .username = PERSON)},
	{"/timed-out", 200, FORM(HC_PAGE_PASSWORD, .notice = HC_PAGE_NOTICE_TIMED_OUT)},
	{"/away", 503, FORM(HC_PAGE_PASSWORD, .reason = HC_REASON_BROKER_AWAY, .username = PERSON)},
	{"/code", 200, FORM(HC_PAGE_CODE, .conversation = TOKEN, .username = PERSON)},
	{"/logout", 200, FORM(HC_PAGE_LOGOUT, .logout = TOKEN, .username = PERSON, .link = APP_LINK)},
	{"/logged-out", 200, {.kind = HC_PAGE_LOGGED_OUT, .application = APPLICATION, .link = APP_LINK}},
	{"/error", 400, {.kind = HC_PAGE_ERROR, .notice = HC_PAGE_ERROR_REDIRECT}},
	{"/error-code", 503, {.kind = HC_PAGE_ERROR, .reason = HC_REASON_BROKER_AWAY}},
	{"/error-link",
	 400,
	 {.kind = HC_PAGE_ERROR,
	  .notice = HC_PAGE_ERROR_EXPIRED,
	  .application = APPLICATION,
	  .link = APP_LINK}},
	{"/not-found", 404, {.kind = HC_PAGE_ERROR, .notice = HC_PAGE_ERROR_NOT_FOUND}},
	{"/long", 200,
	 FORM(HC_PAGE_CODE, .conversation = TOKEN,
	      .username = "un-nom-beaucoup-trop-long-pour-tenir-sur-une-seule-ligne-et-sans-aucune-espace",
	      .establishment =
		      "Groupement hospitalier de territoire des Hautes-Vallées, site de Saint-Jean")},
};

static const char *const languages[] = {"/fr", "/en"};

#define ROUTES (HC_COUNT(samples) * HC_COUNT(languages) + 5)
static char paths[ROUTES][32];
static struct hc_http_route routes[ROUTES];
static struct hc_loop *loop;

static void show(struct hc_exchange *exchange, void *app)
{
	const struct hc_http_request *request = hc_exchange_request(exchange);

	(void)app;
	for (size_t i = 0; i < HC_COUNT(samples); i++) {
		struct hc_page page = samples[i].page;
		size_t len = strlen(samples[i].path);

		if (request->path.len != len + 3 || memcmp(request->path.data + 3, samples[i].path, len) != 0)
			continue;
		page.lang = request->path.data[1] == 'e' ? HC_LANG_EN : HC_LANG_FR;
		page.base = "";
		if (page.establishment == NULL)
			page.establishment = HOUSE;
		hc_page_reply(exchange, samples[i].status, &page, NULL);
		return;
	}
	hc_exchange_reply(exchange, 404, NULL, NULL, 0, false);
}

static void list(struct hc_exchange *exchange, void *app)
{
	static const char *const headers[] = {"Content-Type", "text/html; charset=utf-8", NULL};
	char body[8192];
	int len = snprintf(body, sizeof(body), "<!DOCTYPE html><title>Pages</title><ul>");

	(void)app;
	for (size_t i = 0; routes[i].path != NULL; i++) {
		if (routes[i].handler == show && len > 0 && (size_t)len < sizeof(body))
			len += snprintf(body + len, sizeof(body) - (size_t)len, "<li><a href=\"%s\">%s</a>\n",
					routes[i].path, routes[i].path);
	}
	hc_exchange_reply(exchange, 200, headers, body, strnlen(body, sizeof(body)), false);
}

static void add_route(size_t *count, const char *folder, const char *path, unsigned methods,
		      hc_http_handler_fn handler)
{
	(void)snprintf(paths[*count], sizeof(paths[0]), "%s%s", folder, path);
	routes[*count] =
		(struct hc_http_route){.path = paths[*count], .methods = methods, .handler = handler};
	*count += 1;
}

static void make_routes(void)
{
	size_t count = 0;

	for (size_t i = 0; i < HC_COUNT(languages); i++) {
		for (size_t k = 0; k < HC_COUNT(samples); k++)
			add_route(&count, languages[i], samples[k].path, HC_HTTP_GET, show);
	}
	add_route(&count, "", "/", HC_HTTP_GET, list);
	add_route(&count, "", hc_page_style_path(), HC_HTTP_GET, hc_page_handle_style);
	add_route(&count, "", HC_PAGE_LOGIN_PATH, HC_HTTP_POST, list);
	add_route(&count, "", HC_PAGE_LOGOUT_PATH, HC_HTTP_POST, list);
}

int main(int argc, char **argv)
{
	static const struct hc_http_limits limits = {
		.connections = 64,
		.tls_handshake_timeout_ms = 10000,
		.header_timeout_ms = 60000,
		.body_timeout_ms = 10000,
		.idle_timeout_ms = 60000,
		.write_timeout_ms = 30000,
	};
	const char *address = argc > 1 ? argv[1] : "127.0.0.1:8091";
	struct hc_http_server *server = NULL;
	enum hc_err err = HC_OK;

	make_routes();
	err = hc_loop_new(0, &loop);
	if (err == HC_OK)
		err = hc_http_server_new(loop, address, NULL, routes, NULL, NULL, &limits, &server);
	if (err != HC_OK) {
		(void)fprintf(stderr, "page_server: %s: %s\n", address, hc_strerror(err));
		return 1;
	}
	(void)printf("http://127.0.0.1:%u/\n", (unsigned)hc_http_server_port(server));
	(void)fflush(stdout);
	err = hc_loop_run(loop);
	hc_http_server_free(&server);
	hc_loop_free(&loop);
	return err == HC_OK ? 0 : 1;
}
