/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in and out of a socket, through OpenSSL or not.
 *
 * State: OpenSSL's. Threats: a TLS failure that is taken for the end of the data (a body is counted,
 * so a cut one is never complete), errors of one connection that are found by the next (OpenSSL's
 * queue belongs to the thread: emptied before each call).
 */
#include "http/wire.h"

#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static enum hc_wire_result from_errno(int error, enum hc_wire_result again)
{
	return error == EAGAIN || error == EINTR ? again : HC_WIRE_BROKEN;
}

static enum hc_wire_result from_tls(const SSL *ssl, int result)
{
	int error = SSL_get_error(ssl, result);

	if (error == SSL_ERROR_WANT_READ)
		return HC_WIRE_WANT_READ;
	if (error == SSL_ERROR_WANT_WRITE)
		return HC_WIRE_WANT_WRITE;
	return error == SSL_ERROR_ZERO_RETURN ? HC_WIRE_CLOSED : HC_WIRE_BROKEN;
}

enum hc_wire_result hc_wire_handshake(const struct hc_wire *wire)
{
	int result = 0;

	ERR_clear_error();
	result = SSL_do_handshake(wire->ssl);
	return result == 1 ? HC_WIRE_DONE : from_tls(wire->ssl, result);
}

enum hc_wire_result hc_wire_read(const struct hc_wire *wire, void *data, size_t cap, size_t *ret_len)
{
	if (wire->ssl != NULL) {
		int result = 0;

		ERR_clear_error();
		result = SSL_read_ex(wire->ssl, data, cap, ret_len);
		return result == 1 ? HC_WIRE_DONE : from_tls(wire->ssl, result);
	}

	ssize_t len = recv(wire->fd, data, cap, 0);

	if (len < 0)
		return from_errno(errno, HC_WIRE_WANT_READ);
	*ret_len = (size_t)len;
	return len == 0 ? HC_WIRE_CLOSED : HC_WIRE_DONE;
}

enum hc_wire_result hc_wire_write(const struct hc_wire *wire, const void *data, size_t len, size_t *ret_len)
{
	if (wire->ssl != NULL) {
		int result = 0;

		ERR_clear_error();
		result = SSL_write_ex(wire->ssl, data, len, ret_len);
		return result == 1 ? HC_WIRE_DONE : from_tls(wire->ssl, result);
	}

	ssize_t sent = send(wire->fd, data, len, MSG_NOSIGNAL);

	if (sent < 0)
		return from_errno(errno, HC_WIRE_WANT_WRITE);
	*ret_len = (size_t)sent;
	return HC_WIRE_DONE;
}

bool hc_wire_pending(const struct hc_wire *wire)
{
	return wire->ssl != NULL && SSL_has_pending(wire->ssl) == 1;
}

void hc_wire_finish(const struct hc_wire *wire)
{
	if (wire->ssl != NULL && SSL_in_init(wire->ssl) == 0) {
		ERR_clear_error();
		(void)SSL_shutdown(wire->ssl); /* close_notify; if it does not fit, the end alone must do */
	}
	(void)shutdown(wire->fd, SHUT_WR); /* fails where the peer has gone */
}

enum hc_wire_result hc_wire_discard(const struct hc_wire *wire, size_t *ret_len)
{
	char waste[4096];
	ssize_t len = recv(wire->fd, waste, sizeof(waste), 0);

	if (len < 0)
		return from_errno(errno, HC_WIRE_WANT_READ);
	*ret_len = (size_t)len;
	return len == 0 ? HC_WIRE_CLOSED : HC_WIRE_DONE;
}

enum hc_wire_result hc_wire_peek(const struct hc_wire *wire)
{
	char byte = 0;
	ssize_t len = recv(wire->fd, &byte, 1, MSG_PEEK);

	if (len < 0)
		return from_errno(errno, HC_WIRE_WANT_READ);
	return len == 0 ? HC_WIRE_CLOSED : HC_WIRE_DONE;
}

void hc_wire_close(struct hc_wire *wire)
{
	SSL_free(wire->ssl);
	wire->ssl = NULL;
	if (wire->fd >= 0)
		(void)close(wire->fd); /* what was sent is with the kernel already */
	wire->fd = -1;
}
