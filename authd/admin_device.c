/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of an administrator that need a device: which one each waits for.
 *
 * State: the job's: that it waits, and whether a question is open. Threats: a device that answers to a request which
 * does not wait for one, which is a mistake of ours and ends the operation. What a device says is judged by the request.
 */
#include "admin_job.h"

void hc_admin_wait_for(struct hc_admin_job *job, const struct hc_admin_device_ops *device)
{
	job->device = device;
	job->inserts = false;
	job->asks = 0;
	job->waits = true;
}

bool hc_admin_waits(const struct hc_admin_job *job)
{
	return job->waits;
}

enum hc_device_helper hc_admin_device_helper(const struct hc_admin_job *job)
{
	return job->device != NULL ? job->device->helper : HC_HELPER_FIDO2;
}

enum hc_err hc_admin_device_start(struct hc_admin_job *job, struct hc_msg *start)
{
	job->asks = 0;
	return job->device != NULL ? job->device->start(job, start) : HC_ERR_STATE;
}

enum hc_admin_device_act hc_admin_device(struct hc_admin_job *job, const struct hc_msg *msg,
					 struct hc_msg *out)
{
	job->inserts = false;
	if (job->device == NULL || !job->waits)
		return HC_ADMIN_DEVICE_BREAK;
	return job->device->said(job, msg, out);
}

void hc_admin_device_refused(struct hc_admin_job *job, enum hc_reason reason)
{
	job->waits = false;
	job->asks = 0;
	if (job->device != NULL)
		job->device->refused(job, reason);
	else
		hc_answer_refuse(&job->answer, HC_ERR_PERM, reason, NULL);
}

bool hc_admin_device_inserts(const struct hc_admin_job *job)
{
	return job->waits && job->inserts;
}

bool hc_admin_device_asks(const struct hc_admin_job *job)
{
	return job->waits && job->asks != 0;
}

enum hc_admin_device_act hc_admin_device_answer(struct hc_admin_job *job, const struct hc_secret *answer,
						struct hc_msg *out)
{
	job->asks = 0;
	if (job->device == NULL || job->device->answered == NULL)
		return HC_ADMIN_DEVICE_PASS;
	return job->device->answered(job, answer, out);
}

enum hc_reason hc_admin_device_reason(const struct hc_msg *msg)
{
	enum hc_reason reason = HC_REASON_NONE;
	uint32_t wire = 0;

	if (hc_msg_u32(msg, HC_FIELD_REASON, &wire) != HC_OK || hc_reason_from_wire(wire, &reason) != HC_OK)
		return HC_REASON_NONE;
	return reason;
}
