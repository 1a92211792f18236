/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CARD_READER_H
#define HC_TEST_CARD_READER_H

#include "card.h"

/*
 * A slot of a virtual reader. vpcd listens on a port: who is connected is a card in it, and the end of the
 * connection is its removal. A message is two bytes of length and a command; one byte is an order to the
 * reader. Faults belong to the slot, and are used up.
 */
#define TC_FAULTS_MAX 8

enum tc_action { TC_REMOVE, TC_SWAP, TC_SLOW, TC_ANSWER };

struct tc_fault {
	enum tc_kind kind;  /* TC_KINDS: of any kind */
	unsigned countdown; /* at which one of them, from 1; 0: this place is free */
	enum tc_action action;
	unsigned ms;		  /* SLOW: how much later; SWAP: how long the slot is empty */
	char folder[TC_PATH_MAX]; /* SWAP */
	uint8_t answer[512];	  /* ANSWER: instead of the card's, which does not see the command */
	size_t answer_len;
};

struct tc_reader {
	uint16_t port;
	int fd; /* -1: nothing is in the slot */
	struct tc_card *card;
	uint8_t in[2 + TC_APDU_MAX], out[2 + TC_APDU_MAX];
	size_t in_len, out_len;
	int64_t out_ms;		/* when out is sent; 0: nothing waits */
	char next[TC_PATH_MAX]; /* the card that comes at next_ms */
	int64_t next_ms;	/* 0: none */
	struct tc_fault faults[TC_FAULTS_MAX];
	unsigned counts[TC_KINDS], resets;
};

/* tc_reader_insert: the card of folder; false where one is in the slot or vpcd does not listen. */
bool tc_reader_insert(struct tc_reader *reader, const char *folder);
void tc_reader_remove(struct tc_reader *reader);
/* tc_reader_swap: another card, ms later. */
void tc_reader_swap(struct tc_reader *reader, const char *folder, unsigned ms);
/* tc_reader_hear: what vpcd has sent. tc_reader_tick: what is due; how many ms until the next, -1: nothing. */
void tc_reader_hear(struct tc_reader *reader);
int tc_reader_tick(struct tc_reader *reader);

/* control.c: tc_control: one command of a test's, and the answer to it, both without the end of the line. */
void tc_control(struct tc_reader *reader, const char *line, char *out, size_t cap);

#endif
