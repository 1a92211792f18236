/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TLS_H
#define HC_TLS_H

#include "http/http.h"

struct ssl_st;

/* hc_tls_session: the server's side of TLS over fd (borrowed). Transferred, SSL_free. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_tls_session(struct hc_http_tls *tls, int fd, struct ssl_st **ret_session);

#endif
