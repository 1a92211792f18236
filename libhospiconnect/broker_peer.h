/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROKER_PEER_H
#define HC_BROKER_PEER_H

#include "hospiconnect/broker_client.h"

/*
 * hc_broker_check_peer: HC_OK if the process that listens at the other end of fd is who it must be,
 * judged by SO_PEERCRED; HC_ERR_PEER otherwise. path is the socket's.
 */
HC_CHECK enum hc_err hc_broker_check_peer(int fd, const char *path, enum hc_broker_peer peer);

#endif
