/* SPDX-License-Identifier: Apache-2.0 */
/* QR codes on a terminal: the drawing shows exactly the modules, with a light border. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospictl/qr.h"

static const char uri[] = "otpauth://totp/HospiConnect:martin?secret=J7U2IWT7DOQNSN4FEQZI63HVRKBE4F33"
			  "&issuer=HospiConnect&algorithm=SHA1&digits=6&period=30";

static struct hc_secret *secret_of(const void *data, size_t len)
{
	struct hc_secret *secret = NULL;

	assert_int_equal(hc_secret_from(data, len, &secret), HC_OK);
	return secret;
}

/* The ink of a cell's upper and lower half; moves behind the cell. False for a byte that is no cell. */
static bool read_cell(const char **at, bool *upper, bool *lower)
{
	static const struct {
		const char *text;
		bool upper, lower;
	} cells[] = {{" ", false, false}, {"▀", true, false}, {"▄", false, true}, {"█", true, true}};

	for (size_t i = 0; i < HC_COUNT(cells); i++) {
		if (strncmp(*at, cells[i].text, strlen(cells[i].text)) == 0) {
			*at += strlen(cells[i].text);
			*upper = cells[i].upper;
			*lower = cells[i].lower;
			return true;
		}
	}
	return false;
}

static void pass_over(const char **at, const char *text)
{
	assert_int_equal(strncmp(*at, text, strlen(text)), 0);
	*at += strlen(text);
}

static bool dark_at(const uint8_t *modules, size_t side, size_t quiet, size_t row, size_t column)
{
	if (row < quiet || column < quiet || row >= side + quiet || column >= side + quiet)
		return false;
	return modules[(row - quiet) * side + (column - quiet)] == 1;
}

static void check_drawing(const struct hc_secret *modules, size_t side, size_t quiet, bool color)
{
	HC_AUTO(secret) drawing = NULL;
	char *text;
	const char *at;

	assert_int_equal(hc_qr_draw(modules, side, quiet, color, &drawing), HC_OK);
	text = strndup((const char *)hc_secret_data(drawing), hc_secret_len(drawing));
	assert_non_null(text);
	at = text;
	for (size_t line = 0; line < hc_qr_lines(side, quiet); line++) {
		if (color)
			pass_over(&at, "\033[38;5;16;48;5;231m");
		for (size_t column = 0; column < hc_qr_columns(side, quiet); column++) {
			bool upper = false, lower = false;

			assert_true(read_cell(&at, &upper, &lower));
			assert_int_equal(upper == color,
					 dark_at(hc_secret_data(modules), side, quiet, 2 * line, column));
			assert_int_equal(lower == color,
					 dark_at(hc_secret_data(modules), side, quiet, 2 * line + 1, column));
		}
		pass_over(&at, color ? "\033[0m\n" : "\n");
	}
	assert_string_equal(at, "");
	free(text);
}

static void nothing_and_too_much_are_refused(void **state)
{
	HC_AUTO(secret) nothing = NULL;
	HC_AUTO(secret) much = NULL;
	HC_AUTO(secret) modules = NULL;
	static const char text[1025] = {'x'};
	size_t side = 0;

	(void)state;
	assert_int_equal(hc_secret_new(1, &nothing), HC_OK);
	much = secret_of(text, sizeof(text));
	assert_int_equal(hc_qr_make(nothing, &modules, &side), HC_ERR_TOOBIG);
	assert_int_equal(hc_qr_make(much, &modules, &side), HC_ERR_TOOBIG);
	assert_null(modules);
}

static void the_drawing_shows_every_module_and_a_light_border(void **state)
{
	HC_AUTO(secret) text = secret_of(uri, sizeof(uri) - 1);
	HC_AUTO(secret) modules = NULL;
	size_t side = 0;

	(void)state;
	assert_int_equal(hc_qr_make(text, &modules, &side), HC_OK);
	assert_int_equal(hc_secret_len(modules), side * side);
	for (size_t quiet = 1; quiet <= 4; quiet++) {
		check_drawing(modules, side, quiet, true);
		check_drawing(modules, side, quiet, false);
	}
}

/* The three finders: a dark frame of 7 modules with a light ring in it. */
static void the_modules_are_a_qr_code(void **state)
{
	HC_AUTO(secret) text = secret_of(uri, sizeof(uri) - 1);
	HC_AUTO(secret) modules = NULL;
	const uint8_t *data;
	size_t side = 0;

	(void)state;
	assert_int_equal(hc_qr_make(text, &modules, &side), HC_OK);
	assert_int_equal((side - 17) % 4, 0);
	data = hc_secret_data(modules);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(data[i], 1);
		assert_int_equal(data[side - 1 - i], 1);
		assert_int_equal(data[(side - 1) * side + i], 1);
	}
	assert_int_equal(data[side + 1], 0);
	assert_int_equal(data[3 * side + 3], 1);
}

static void a_usual_code_fits_a_terminal_of_80_by_24(void **state)
{
	HC_AUTO(secret) text = secret_of(uri, sizeof(uri) - 1);
	HC_AUTO(secret) modules = NULL;
	size_t side = 0, quiet;

	(void)state;
	assert_int_equal(hc_qr_make(text, &modules, &side), HC_OK);
	quiet = hc_qr_quiet(side, 80, 23);
	assert_true(quiet >= 1);
	assert_true(hc_qr_lines(side, quiet) <= 23);
	assert_true(hc_qr_columns(side, quiet) <= 80);
	assert_int_equal(hc_qr_quiet(side, 200, 60), 4);
	assert_int_equal(hc_qr_quiet(side, 10, 3), 1);
}

static void every_length_of_text_is_drawn(void **state)
{
	static const char text[1024] = {'y'};

	(void)state;
	for (size_t len = 1; len <= sizeof(text); len += 93) {
		HC_AUTO(secret) content = secret_of(text, len);
		HC_AUTO(secret) modules = NULL;
		size_t side = 0;

		assert_int_equal(hc_qr_make(content, &modules, &side), HC_OK);
		check_drawing(modules, side, 4, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_and_too_much_are_refused),
		cmocka_unit_test(the_drawing_shows_every_module_and_a_light_border),
		cmocka_unit_test(the_modules_are_a_qr_code),
		cmocka_unit_test(a_usual_code_fits_a_terminal_of_80_by_24),
		cmocka_unit_test(every_length_of_text_is_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
