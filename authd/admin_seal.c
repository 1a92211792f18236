/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEAL_ROTATE: an administrator wants another seal key. State: how far the walk is, a transaction a call, so that
 * sign-ins go on. An administrator who goes away leaves a rotation that goes on with the next request, or at the next
 * start: until then both keys are needed, and both are there.
 */
#include "admin_job.h"
#include "rotation.h"

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct hc_rotation *rotation = job->answer.state;
	bool done = false;
	enum hc_err err = hc_rotation_step(job->authd, rotation, job->caller.actor, &done);

	(void)out;	 /* no rows: the END tells it all */
	(void)ret_ready; /* stays false */
	job->answer.count = rotation->count;
	*ret_more = !done;
	return err;
}

void hc_admin_seal_rotate(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_rotation *rotation = hc_admin_rows(job, sizeof(*rotation), produce);
	enum hc_err err;

	(void)request; /* has no fields */
	if (rotation == NULL)
		return;
	err = hc_rotation_begin(job->authd);
	if (err == HC_ERR_PERM)
		hc_answer_refuse(&job->answer, err, HC_REASON_SEAL_KEY_ELSEWHERE, NULL);
	/* One that was left half-way is gone on with. */
	else if (err != HC_OK && err != HC_ERR_EXISTS)
		hc_admin_trouble(job, err);
}
