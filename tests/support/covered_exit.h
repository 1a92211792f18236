/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_COVERED_EXIT_H
#define HC_COVERED_EXIT_H

/*
 * Read before everything else by every file of the preset `coverage`, and by no other build: the
 * counts of a child that ends by _exit(2), as forked children do, are written like those of a
 * process that ends by exit(3). Includes nothing, so that no file sees names that it did not ask for.
 */
void __gcov_dump(void);
void _Exit(int status) __attribute__((__noreturn__));
void hc_covered_exit(int status) __attribute__((__noreturn__));

/* Weak: each file has one, each program keeps one. */
__attribute__((__weak__)) void hc_covered_exit(int status)
{
	__gcov_dump();
	_Exit(status);
}

#define _exit hc_covered_exit

#endif
