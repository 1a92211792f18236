/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_STARTUP_H
#define HC_STARTUP_H

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * hc_startup_serve: takes over or binds the sockets, drops root, opens resolver, store, seal and
 * trail in that order, serves until SIGTERM or SIGINT, and closes what it opened. config is borrowed
 * for the whole time. Every failure was logged when it returns. Blocks.
 */
HC_CHECK enum hc_err hc_startup_serve(const struct hc_authd_config *config);

#endif
