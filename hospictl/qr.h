/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_QR_H
#define HC_QR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/secret.h"

/*
 * QR codes on a terminal: two modules a character cell, by half blocks (UTF-8).
 *
 * With colours the code is black on white whatever the terminal's own are; without, a light module
 * is drawn in the foreground colour, which is right on dark terminals.
 */

/*
 * hc_qr_make: the modules of the smallest code that holds text, one byte each (1: dark), row by row
 * (transferred; a secret: who has the picture has the seed). HC_ERR_TOOBIG, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_qr_make(const struct hc_secret *text, struct hc_secret **ret_modules,
				size_t *ret_side);

/* hc_qr_quiet: the widest border, of 4 modules at most and 1 at least, with which the code fits. */
size_t hc_qr_quiet(size_t side, size_t columns, size_t lines);

/* hc_qr_lines, hc_qr_columns: what the drawing takes with that border. */
size_t hc_qr_lines(size_t side, size_t quiet);
size_t hc_qr_columns(size_t side, size_t quiet);

/* hc_qr_draw: the drawing, each line ended by a newline (transferred). */
HC_CHECK enum hc_err hc_qr_draw(const struct hc_secret *modules, size_t side, size_t quiet, bool color,
				struct hc_secret **ret_drawing);

#endif
