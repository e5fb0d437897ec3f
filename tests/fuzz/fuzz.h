/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_FUZZ_H
#define CTD_TESTS_FUZZ_H

/* What the fuzz targets share. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The target: called by libFuzzer, or by replay.c with the files of a corpus. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold; where it does not, the input is a finding. */
#define CHECK(cond)                                                                           \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			fprintf(stderr, "%s:%d: %s: does not hold: %s\n", __FILE__, __LINE__, \
				__func__, #cond);                                             \
			abort();                                                              \
		}                                                                             \
	} while (0)

/* For checks that name what is wrong, NULL if nothing is. */
#define CHECK_NONE(what)                                                                         \
	do {                                                                                     \
		const char *what_ = (what);                                                      \
                                                                                                 \
		if (what_) {                                                                     \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, __func__, what_); \
			abort();                                                                 \
		}                                                                                \
	} while (0)

#endif
