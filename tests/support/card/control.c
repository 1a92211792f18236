/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of a test:
 *
 *   insert FOLDER            a card into the slot
 *   remove                   out of it
 *   swap MS FOLDER           out, and another one MS later
 *   at KIND N remove         at the N-th command of that kind from now on: the card is pulled
 *   at KIND N swap MS FOLDER
 *   at KIND N slow MS        its answer comes later
 *   at KIND N answer HEX     this is answered, and the card does not see the command
 *   clear                    no faults
 *   status                   counters, as name=number
 *
 * KIND: select get verify tries sign other any. Answered by "ok", "error …" or the status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

static const char *const kinds[TC_KINDS + 1] = {"select", "get", "verify", "tries", "sign", "other", "any"};

static bool read_hex(const char *text, struct tc_fault *fault)
{
	char digits[3] = "", *end;

	for (fault->answer_len = 0; *text != '\0'; text += 2) {
		if (text[1] == '\0' || fault->answer_len == sizeof(fault->answer))
			return false;
		memcpy(digits, text, 2);
		fault->answer[fault->answer_len++] = (uint8_t)strtoul(digits, &end, 16);
		if (*end != '\0')
			return false;
	}
	return fault->answer_len > 0;
}

static bool read_action(const char *words, struct tc_fault *fault)
{
	char hex[2 * sizeof(fault->answer) + 1];

	if (strcmp(words, "remove") == 0) {
		fault->action = TC_REMOVE;
		return true;
	}
	if (sscanf(words, "swap %u %511s", &fault->ms, fault->folder) == 2) {
		fault->action = TC_SWAP;
		return true;
	}
	if (sscanf(words, "slow %u", &fault->ms) == 1) {
		fault->action = TC_SLOW;
		return true;
	}
	fault->action = TC_ANSWER;
	return sscanf(words, "answer %1024s", hex) == 1 && read_hex(hex, fault);
}

static const char *add_fault(struct tc_reader *reader, const char *line)
{
	struct tc_fault fault = {.kind = 0};
	char kind[16];
	int used = 0;
	size_t free = 0;

	if (sscanf(line, "at %15s %u %n", kind, &fault.countdown, &used) != 2 || fault.countdown == 0 ||
	    !read_action(line + used, &fault))
		return "error at KIND N ACTION";
	while (fault.kind < TC_KINDS && strcmp(kind, kinds[fault.kind]) != 0)
		fault.kind++;
	if (strcmp(kind, kinds[fault.kind]) != 0)
		return "error which kind?";
	while (free < TC_FAULTS_MAX && reader->faults[free].countdown != 0)
		free++;
	if (free == TC_FAULTS_MAX)
		return "error too many faults";
	reader->faults[free] = fault;
	return "ok";
}

static void tell_status(const struct tc_reader *reader, char *out, size_t cap)
{
	const struct tc_card *card = reader->card;
	int len = snprintf(out, cap, "present=%d open=%d left=%u resets=%u", card != NULL,
			   card != NULL && card->open, card != NULL ? card->tries : 0, reader->resets);

	for (size_t i = 0; i < TC_KINDS && len > 0 && (size_t)len < cap; i++)
		len += snprintf(out + len, cap - (size_t)len, " %s=%u", kinds[i], reader->counts[i]);
}

static const char *obey(struct tc_reader *reader, const char *line)
{
	char folder[TC_PATH_MAX];
	unsigned ms;

	if (sscanf(line, "insert %511s", folder) == 1)
		return tc_reader_insert(reader, folder) ? "ok" : "error the slot is not free";
	if (strcmp(line, "remove") == 0) {
		tc_reader_remove(reader);
		return "ok";
	}
	if (sscanf(line, "swap %u %511s", &ms, folder) == 2) {
		tc_reader_swap(reader, folder, ms);
		return "ok";
	}
	if (strcmp(line, "clear") == 0) {
		memset(reader->faults, 0, sizeof(reader->faults));
		return "ok";
	}
	return strncmp(line, "at ", 3) == 0 ? add_fault(reader, line) : "error what?";
}

void tc_control(struct tc_reader *reader, const char *line, char *out, size_t cap)
{
	if (strcmp(line, "status") == 0)
		tell_status(reader, out, cap);
	else
		(void)snprintf(out, cap, "%s", obey(reader, line));
}
