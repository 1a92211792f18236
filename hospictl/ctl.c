/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of hospictl: environment, language, output, and the run of one command.
 *
 * State: the buffer of standard output. Threats: text of the broker or of files acting on the
 * administrator's terminal (everything is escaped), seeds left behind in stdio's buffers (scrubbed).
 * It must never use setlocale for its texts: the catalogue is in the program.
 */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

#include "args.h"
#include "command.h"

#define TEXT_CAP	4096
#define OUT_CAP		16384
#define FALLBACK_WIDTH	80
#define FALLBACK_HEIGHT 24
#define WIDTH_MAX	1000

static char out_buffer[OUT_CAP];

void hc_ctl_out_init(void)
{
	(void)setvbuf(stdout, out_buffer, _IOFBF,
		      sizeof(out_buffer)); /* refused: stdio's own buffer serves */
}

void hc_ctl_out_scrub(void)
{
	(void)fflush(stdout); /* a failure stays in ferror, which hc_ctl_out_finish reads */
	hc_scrub(out_buffer, sizeof(out_buffer));
}

bool hc_ctl_out_finish(void)
{
	bool written = fflush(stdout) == 0 && ferror(stdout) == 0;

	hc_scrub(out_buffer, sizeof(out_buffer));
	return written;
}

void hc_ctl_say(const struct hc_ctl *ctl, FILE *out, const char *name, const char *const *args)
{
	char text[TEXT_CAP];

	hc_text(ctl->lang, name, args, text, sizeof(text));
	(void)fprintf(out, "%s\n", text); /* stdout's errors are read at the end, stderr has nobody to tell */
}

void hc_ctl_complain(const struct hc_ctl *ctl, const char *name, const char *const *args)
{
	(void)fflush(stdout); /* keeps the order on a terminal */
	(void)fputs("hospictl: ", stderr);
	hc_ctl_say(ctl, stderr, name, args);
}

void hc_ctl_escape(const char *text, char *out, size_t cap)
{
	size_t from = 0, to = 0;

	if (cap == 0)
		return;
	hc_escape(text, out, cap);
	while (out[from] != '\0') {
		if (out[from] == '\\' && out[from + 1] == '"')
			from++; /* only a log needs its quotes marked */
		else if (out[from] == '\\' && out[from + 1] == '\\')
			out[to++] = out[from++];
		out[to++] = out[from++];
	}
	out[to] = '\0';
}

enum hc_ctl_status hc_ctl_status_of(enum hc_err err)
{
	switch (err) {
	case HC_OK:
		return HC_CTL_DONE;
	case HC_ERR_NOTFOUND:
		return HC_CTL_NOTFOUND;
	case HC_ERR_AWAY:
	case HC_ERR_CLOSED:
	case HC_ERR_TIMEOUT:
		return HC_CTL_AWAY;
	case HC_ERR_NOMEM:
	case HC_ERR_INVALID:
	case HC_ERR_TOOBIG:
	case HC_ERR_EXISTS:
	case HC_ERR_STATE:
	case HC_ERR_PERM:
	case HC_ERR_IO:
	case HC_ERR_FULL:
	case HC_ERR_PROTOCOL:
	case HC_ERR_PEER:
	case HC_ERR_SEAL:
	case HC_ERR_CRYPTO:
	case HC_ERR_CORRUPT:
	case HC_ERR_MAX_:
		break;
	}
	return HC_CTL_FAILED;
}

/* The first of the three that is set decides, as in POSIX; "C" means English. */
static enum hc_lang lang_of_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return hc_lang_from_tag(value, HC_LANG_EN);
	}
	return HC_LANG_EN;
}

static unsigned number_of_environment(const char *name, unsigned fallback)
{
	const char *value = getenv(name);
	unsigned long number = value == NULL ? 0 : strtoul(value, NULL, 10);

	return number > 0 && number <= WIDTH_MAX ? (unsigned)number : fallback;
}

static void measure_terminal(struct hc_ctl *ctl)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		ctl->width = size.ws_col;
		ctl->height = size.ws_row;
		return;
	}
	ctl->width = number_of_environment("COLUMNS", FALLBACK_WIDTH);
	ctl->height = number_of_environment("LINES", FALLBACK_HEIGHT);
}

static bool color_wanted(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

static void ctl_init(struct hc_ctl *ctl)
{
	bool terminal = isatty(STDOUT_FILENO) == 1;

	*ctl = (struct hc_ctl){
		.socket = HC_CTL_DEFAULT_SOCKET,
		.gateway_socket = HC_CTL_DEFAULT_GATEWAY_SOCKET,
		.table = terminal,
		.asking = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1,
		.color = terminal && color_wanted(),
		.lang = lang_of_environment(),
		.clock = hc_clock_system(),
	};
	measure_terminal(ctl);
}

struct hc_ctl hc_ctl_at_gateway(const struct hc_ctl *ctl)
{
	struct hc_ctl gateway = *ctl;

	gateway.socket = ctl->gateway_socket;
	gateway.at_gateway = true;
	return gateway;
}

int hc_ctl_main(int argc, char *const *argv)
{
	struct hc_ctl ctl;
	struct hc_args args;
	enum hc_ctl_status status;

	hc_ctl_out_init();
	hc_log_init("hospictl", HC_LOG_ERROR);
	ctl_init(&ctl);
	if (!hc_args_parse(&ctl, argc, argv, &args))
		return HC_CTL_USAGE;
	ctl.table = ctl.table && !ctl.json;
	status = hc_command_run(&ctl, &args);
	if (!hc_ctl_out_finish() && status == HC_CTL_DONE) {
		hc_ctl_complain(&ctl, "ctl.error.output", NULL);
		status = HC_CTL_FAILED;
	}
	return (int)status;
}
