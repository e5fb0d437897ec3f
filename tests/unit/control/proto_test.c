// SPDX-License-Identifier: GPL-2.0-or-later
/* Framing on the control socket, byte by byte. */
#include "control/proto.h"

#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>
#include "base/err.h"

Test(proto, code_lines)
{
	char buf[CONTROL_CODE_MAX];
	int code = 0;

	cr_assert_eq(control_code_format(buf, sizeof(buf), CONTROL_CODE_OK), 8);
	cr_assert_str_eq(buf, "0200 ok\n");
	control_code_format(buf, sizeof(buf), CONTROL_CODE_BUSY);
	cr_assert_str_eq(buf, "0409 busy\n");
	cr_assert_eq(control_code_parse(buf, strlen(buf), &code), 10);
	cr_assert_eq(code, 409);
	cr_assert_eq(control_code_parse("0200 ok\ntcp      6 ", 19, &code), 8);
	cr_assert_eq(code, 200);
}

Test(proto, code_lines_arrive_in_pieces)
{
	const char line[] = "0501 unsupported\n";
	int code = 0;
	size_t n;

	for (n = 0; n < strlen(line); n++)
		cr_assert_eq(control_code_parse(line, n, &code), 0, "%zu", n);
	cr_assert_eq(control_code_parse(line, n, &code), (int)n);
	cr_assert_eq(code, 501);
}

Test(proto, what_is_no_code_line)
{
	static const char *const bad[] = { "cache",     "20 ok\n",   "0200\n",
					   "0200-ok\n", "02x0 ok\n", "\n" };
	char endless[CONTROL_CODE_MAX];
	int code = 7;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(control_code_parse(bad[i], strlen(bad[i]), &code), CTD_ESYNTAX, "%s",
			     bad[i]);
	memset(endless, 'a', sizeof(endless));
	memcpy(endless, "0200 ", 5);
	cr_assert_eq(control_code_parse(endless, sizeof(endless), &code), CTD_ESYNTAX);
	cr_assert_eq(code, 7);
}

Test(proto, errors_become_codes)
{
	cr_assert_eq(control_code_of(0), CONTROL_CODE_OK);
	cr_assert_eq(control_code_of(-EINVAL), CONTROL_CODE_BAD_REQUEST);
	cr_assert_eq(control_code_of(-EPERM), CONTROL_CODE_NOT_ALLOWED);
	cr_assert_eq(control_code_of(-EACCES), CONTROL_CODE_NOT_ALLOWED);
	cr_assert_eq(control_code_of(CTD_EBUSY), CONTROL_CODE_BUSY);
	cr_assert_eq(control_code_of(CTD_EUNSUPPORTED), CONTROL_CODE_UNSUPPORTED);
	cr_assert_eq(control_code_of(CTD_EFULL), CONTROL_CODE_TOO_MANY);
	cr_assert_eq(control_code_of(-ENOMEM), CONTROL_CODE_FAILED);
	cr_assert_str_eq(control_code_text(CONTROL_CODE_FAILED), "failed");
	cr_assert_str_eq(control_code_text(CONTROL_CODE_NOT_ALLOWED), "not allowed");
}

Test(proto, request_lines_in_pieces)
{
	const char line[] = "dump-external expect xml\n";
	struct control_request rq;
	size_t n;

	for (n = 0; n < strlen(line); n++)
		cr_assert_eq(control_request_read(&rq, line, n), 0);
	cr_assert_eq(control_request_read(&rq, line, n), 1);
	cr_assert_eq(rq.cmd, CONTROL_DUMP_EXTERNAL);
	cr_assert_eq(rq.format, FORMAT_XML);
	cr_assert_eq(control_request_read(&rq, "kill\r\n", 6), 1);
	cr_assert_eq(rq.cmd, CONTROL_KILL);
}

Test(proto, bad_request_lines)
{
	char endless[CONTROL_REQUEST_MAX];
	struct control_request rq;

	cr_assert_eq(control_request_read(&rq, "nonsense\n", 9), CTD_ESYNTAX);
	cr_assert_eq(control_request_read(&rq, "stats\0cache\n", 12), CTD_ESYNTAX);
	cr_assert_eq(control_request_read(&rq, "kill ct\n", 8), CTD_ESYNTAX);
	memset(endless, 'a', sizeof(endless));
	cr_assert_eq(control_request_read(&rq, endless, sizeof(endless) - 1), 0);
	cr_assert_eq(control_request_read(&rq, endless, sizeof(endless)), CTD_ESYNTAX);
	endless[sizeof(endless) - 1] = '\n';
	cr_assert_eq(control_request_read(&rq, endless, sizeof(endless)), CTD_ESYNTAX);
}

/* The numbers 32 to 48 start with a printable byte on little-endian machines. */
Test(proto, classic_integers)
{
	struct control_request rq, want;
	char raw[4];
	uint32_t n;

	for (n = 0; n <= 48; n++) {
		int known = control_request_classic(&want, n) == 0;

		memcpy(raw, &n, sizeof(raw));
		cr_assert_eq(control_dialect_of(raw, 1), CONTROL_CLASSIC, "%u", n);
		cr_assert_eq(control_request_read(&rq, raw, 3), 0);
		cr_assert_eq(control_request_read(&rq, raw, 4), known ? 1 : CTD_ESYNTAX, "%u", n);
		if (known)
			cr_assert_eq(rq.cmd, want.cmd);
	}
	n = 0x01000015;
	memcpy(raw, &n, sizeof(raw));
	cr_assert_eq(control_request_read(&rq, raw, 4), CTD_ESYNTAX);
}
