/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QR codes. State: none. The picture is as secret as the seed in it: modules and drawing are
 * hc_secret, libqrencode's result is scrubbed before it is freed (what libqrencode frees itself is
 * overwritten by the allocator, see main.c).
 */
#include "qr.h"

#include <errno.h>
#include <qrencode.h>
#include <string.h>

#define QUIET_MAX      4
#define QUIET_MIN      1
#define TEXT_MAX       1024
#define BLACK_ON_WHITE "\033[38;5;16;48;5;231m"
#define NORMAL	       "\033[0m"

enum hc_err hc_qr_make(const struct hc_secret *text, struct hc_secret **ret_modules, size_t *ret_side)
{
	HC_AUTO(secret) modules = NULL;
	QRcode *code;
	size_t side, count;
	enum hc_err err;

	if (hc_secret_len(text) == 0 || hc_secret_len(text) > TEXT_MAX)
		return HC_ERR_TOOBIG;
	code = QRcode_encodeData((int)hc_secret_len(text), hc_secret_data(text), 0, QR_ECLEVEL_L);
	if (code == NULL)
		return errno == ERANGE ? HC_ERR_TOOBIG : HC_ERR_NOMEM;
	side = (size_t)code->width;
	count = side * side;
	err = hc_secret_new(count, &modules);
	for (size_t i = 0; err == HC_OK && i < count; i++) {
		uint8_t dark = code->data[i] & 1;

		err = hc_secret_append(modules, &dark, 1);
	}
	hc_scrub(code->data, count);
	QRcode_free(code);
	if (err != HC_OK)
		return err;
	*ret_modules = hc_steal_ptr(&modules);
	*ret_side = side;
	return HC_OK;
}

size_t hc_qr_lines(size_t side, size_t quiet)
{
	return (side + 2 * quiet + 1) / 2;
}

size_t hc_qr_columns(size_t side, size_t quiet)
{
	return side + 2 * quiet;
}

size_t hc_qr_quiet(size_t side, size_t columns, size_t lines)
{
	size_t quiet = QUIET_MAX;

	while (quiet > QUIET_MIN &&
	       (hc_qr_columns(side, quiet) > columns || hc_qr_lines(side, quiet) > lines))
		quiet--;
	return quiet;
}

struct drawing {
	const uint8_t *modules;
	size_t side, quiet;
	bool color;
	struct hc_secret *out;
	enum hc_err err;
};

static bool is_dark(const struct drawing *drawing, size_t row, size_t column)
{
	size_t quiet = drawing->quiet, side = drawing->side;

	if (row < quiet || column < quiet || row >= side + quiet || column >= side + quiet)
		return false;
	return drawing->modules[(row - quiet) * side + (column - quiet)] != 0;
}

static void put(struct drawing *drawing, const char *text)
{
	if (drawing->err == HC_OK)
		drawing->err = hc_secret_append(drawing->out, text, strlen(text));
}

/* One cell: an upper and a lower module. Ink is what is drawn: dark with colours, light without. */
static const char *cell(bool upper_ink, bool lower_ink)
{
	if (upper_ink)
		return lower_ink ? "█" : "▀";
	return lower_ink ? "▄" : " ";
}

static void put_line(struct drawing *drawing, size_t line)
{
	size_t columns = hc_qr_columns(drawing->side, drawing->quiet);

	put(drawing, drawing->color ? BLACK_ON_WHITE : "");
	for (size_t column = 0; column < columns; column++) {
		bool upper = is_dark(drawing, 2 * line, column),
		     lower = is_dark(drawing, 2 * line + 1, column);

		put(drawing, drawing->color ? cell(upper, lower) : cell(!upper, !lower));
	}
	put(drawing, drawing->color ? NORMAL "\n" : "\n");
}

enum hc_err hc_qr_draw(const struct hc_secret *modules, size_t side, size_t quiet, bool color,
		       struct hc_secret **ret_drawing)
{
	HC_AUTO(secret) out = NULL;
	struct drawing drawing = {.modules = hc_secret_data(modules),
				  .side = side,
				  .quiet = quiet,
				  .color = color,
				  .err = HC_OK};
	size_t line_len = 3 * hc_qr_columns(side, quiet) + sizeof(BLACK_ON_WHITE) + sizeof(NORMAL) + 1;

	if (hc_secret_len(modules) != side * side)
		return HC_ERR_INVALID;
	drawing.err = hc_secret_new(line_len * hc_qr_lines(side, quiet), &out);
	drawing.out = out;
	for (size_t line = 0; drawing.err == HC_OK && line < hc_qr_lines(side, quiet); line++)
		put_line(&drawing, line);
	if (drawing.err != HC_OK)
		return drawing.err;
	*ret_drawing = hc_steal_ptr(&out);
	return HC_OK;
}
