/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CARD_FILES_H
#define HC_TEST_CARD_FILES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Readers and cards of the tests, as files beside the module, so that a test changes them while the module runs and
 * reads what came of it. Everything is read anew at each call.
 *
 *   slots/N/reader        the slot's description
 *   slots/N/card          the name of the card in it; absent: none
 *   cards/NAME/label, serial, pin, pin_min, pin_max
 *   cards/NAME/tries      tries left; counted down by wrong PINs, set back to 3 by the right one
 *   cards/NAME/pinpad     what is typed at the reader
 *   cards/NAME/mute       the flags say nothing of the tries
 *   cards/NAME/no_pin     the card has none
 *   cards/NAME/open       written: the PIN was given and the card not closed since
 *   cards/NAME/objects/X/id (hexadecimal), cert.der, key.pem; public: the key needs no PIN
 *   no_events             C_WaitForSlotEvent is not supported
 *   faults/FUNCTION       what goes wrong there: see hc_test_fault
 *   log                   written: one line for each call that matters
 */
#define HC_TEST_NAME_MAX 63

/* hc_test_dir: the folder of the module itself. */
const char *hc_test_dir(void);

/* hc_test_read: a file's first cap - 1 bytes, without the last newline; -1: there is none. format makes its path below the folder. */
long hc_test_read(char *out, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
long hc_test_bytes(void *out, size_t cap, const char *format, ...)
	__attribute__((format(printf, 3, 4))); /* all of them */
bool hc_test_exists(const char *format, ...) __attribute__((format(printf, 1, 2)));
long hc_test_number(long fallback, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hc_test_write(const char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hc_test_remove(const char *format, ...) __attribute__((format(printf, 1, 2)));
void hc_test_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * hc_test_fault: does what faults/FUNCTION says at this call, or tells what is to be done. Its words:
 *   after N      the first N calls work
 *   crash        a NULL is written to
 *   exit         the process ends with status 0
 *   hang         never returns
 *   rv NUMBER    returns that
 *   remove       the card of slot 0 goes, then the call goes on
 *   swap NAME    another card is in slot 0, then the call goes on
 *   tries N      the card of slot 0 has N tries left, then the call goes on
 *   lie          the call answers nonsense of its own kind
 */
enum hc_test_deed { HC_TEST_GO_ON, HC_TEST_RETURN, HC_TEST_LIE };
enum hc_test_deed hc_test_fault(const char *function, unsigned long *ret_rv);

#endif
