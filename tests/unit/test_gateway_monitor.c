/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics that are asked for while the gateway ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/monitor.h"
#include "http/exchange.h"
#include "process/process.h"

#define THREADS 2

/* The loops have stopped, the store is closed; what they had been asked is still in their mailboxes. */
static void a_question_that_is_left_over_at_the_end_is_dropped_with_the_loops(void **state)
{
	struct hc_process *process = calloc(1, sizeof(*process));
	struct hc_exchange *exchange = calloc(1, sizeof(*exchange)); /* its client has gone */

	(void)state;
	assert_non_null(process);
	assert_non_null(exchange);
	process->gateway.config.threads = THREADS;
	(void)snprintf(process->gateway.config.issuer, sizeof(process->gateway.config.issuer),
		       "https://sso.example");
	assert_int_equal(hc_listeners_open(process), HC_OK);
	hc_monitor_metrics(exchange, process);
	hc_listeners_close(process);
	hc_listeners_free(process);
	assert_null(process->gateway.workers);
	free(process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_that_is_left_over_at_the_end_is_dropped_with_the_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
