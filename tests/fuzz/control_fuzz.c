// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A request on the control socket, byte by byte: once it is understood or
 * refused, more bytes change nothing, and what it means can be said again. The
 * same bytes serve as the code line a client reads.
 */
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "control/proto.h"
#include "fuzz.h"

static void same(const struct control_request *a, const struct control_request *b)
{
	CHECK(a->cmd == b->cmd && a->what == b->what && a->format == b->format &&
	      a->wait == b->wait);
	CHECK(strcmp(a->peer, b->peer) == 0 && strcmp(a->filter, b->filter) == 0);
	CHECK(a->cmd != CONTROL_REPORT || a->report == b->report);
}

static void say_again(const struct control_request *rq)
{
	struct control_request again;
	char line[CONTROL_REQUEST_MAX];
	int n = control_request_format(rq, line, sizeof(line) - 1), number;

	if (n >= 0) {
		line[n] = '\n';
		CHECK(control_request_read(&again, line, (size_t)n + 1) == 1);
		same(rq, &again);
	}
	number = control_request_number(rq);
	if (number >= 0) {
		CHECK(control_request_classic(&again, (uint32_t)number) == 0);
		same(rq, &again);
	}
	CHECK(n >= 0 || number >= 0);
}

static void read_request(const char *data, size_t size)
{
	struct control_request rq = { 0 }, first = { 0 };
	int was = 0;

	for (size_t len = 0; len <= size; len++) {
		int rc = control_request_read(&rq, data, len);

		CHECK(rc == 0 || rc == 1 || rc == CTD_ESYNTAX);
		CHECK(was == 0 || rc == was);
		CHECK(rc != 0 || len < CONTROL_REQUEST_MAX);
		if (rc == 1 && was == 0)
			first = rq;
		was = rc;
	}
	if (was == 1) {
		same(&rq, &first);
		say_again(&rq);
	}
}

static void read_code(const char *data, size_t size)
{
	int code, was = 0;

	for (size_t len = 0; len <= size; len++) {
		int rc = control_code_parse(data, len, &code);

		CHECK(rc == CTD_ESYNTAX || (rc >= 0 && (size_t)rc <= len));
		CHECK(was == 0 || rc == was);
		CHECK(rc <= 0 || (code >= 0 && code <= 9999));
		was = rc;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_request((const char *)data, size);
	read_code((const char *)data, size);
	return 0;
}
