// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What travels over the control socket, apart from the replies themselves. A
 * request line starts with a lower case letter; the requests of classic clients
 * are integers in host byte order of at most 48, so that their first byte is
 * below every letter on either kind of machine.
 */
#include "control/proto.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "base/str.h"

#define CLASSIC_LAST_BYTE 48

enum control_code control_code_of(int err)
{
	switch (err) {
	case 0:
		return CONTROL_CODE_OK;
	case -EINVAL:
	case CTD_ESYNTAX:
		return CONTROL_CODE_BAD_REQUEST;
	case -EPERM:
	case -EACCES:
		return CONTROL_CODE_NOT_ALLOWED;
	case -ENOENT:
		return CONTROL_CODE_NO_PEER;
	case -ETIMEDOUT:
		return CONTROL_CODE_TIMEOUT;
	case CTD_EBUSY:
	case -EBUSY:
		return CONTROL_CODE_BUSY;
	case CTD_EUNSUPPORTED:
	case -EOPNOTSUPP:
		return CONTROL_CODE_UNSUPPORTED;
	case CTD_EFULL:
		return CONTROL_CODE_TOO_MANY;
	default:
		return CONTROL_CODE_FAILED;
	}
}

const char *control_code_text(enum control_code code)
{
	switch (code) {
	case CONTROL_CODE_OK:
		return "ok";
	case CONTROL_CODE_BAD_REQUEST:
		return "bad request";
	case CONTROL_CODE_NOT_ALLOWED:
		return "not allowed";
	case CONTROL_CODE_NO_PEER:
		return "no such peer";
	case CONTROL_CODE_TIMEOUT:
		return "no request within the time limit";
	case CONTROL_CODE_BUSY:
		return "busy";
	case CONTROL_CODE_UNSUPPORTED:
		return "unsupported";
	case CONTROL_CODE_TOO_MANY:
		return "too many clients";
	case CONTROL_CODE_FAILED:
		break;
	}
	return "failed";
}

size_t control_code_format(char *buf, size_t cap, enum control_code code)
{
	struct strbuf b;

	assert(cap >= CONTROL_CODE_MAX);
	strbuf_init(&b, buf, cap);
	strbuf_addf(&b, "%04d %s\n", (int)code, control_code_text(code));
	return b.len;
}

int control_code_parse(const char *buf, size_t len, int *code)
{
	size_t i, digits = len < 4 ? len : 4;
	const char *end;
	int v = 0;

	for (i = 0; i < digits; i++) {
		if (buf[i] < '0' || buf[i] > '9')
			return CTD_ESYNTAX;
		v = v * 10 + (buf[i] - '0');
	}
	if (len > 4 && buf[4] != ' ')
		return CTD_ESYNTAX;
	end = memchr(buf, '\n', len < CONTROL_CODE_MAX ? len : CONTROL_CODE_MAX);
	if (!end)
		return len < CONTROL_CODE_MAX ? 0 : CTD_ESYNTAX;
	if (end - buf < 5)
		return CTD_ESYNTAX;
	*code = v;
	return (int)(end - buf) + 1;
}

enum control_dialect control_dialect_of(const char *buf, size_t len)
{
	assert(len > 0);
	return (unsigned char)buf[0] <= CLASSIC_LAST_BYTE ? CONTROL_CLASSIC : CONTROL_TEXT;
}

static int read_classic(struct control_request *rq, const char *buf, size_t len)
{
	uint32_t number;

	if (len < sizeof(number))
		return 0;
	memcpy(&number, buf, sizeof(number));
	return control_request_classic(rq, number) < 0 ? CTD_ESYNTAX : 1;
}

static int read_line(struct control_request *rq, const char *buf, size_t len)
{
	char line[CONTROL_REQUEST_MAX];
	const char *end = memchr(buf, '\n', len);
	size_t n;

	if (!end)
		return len < CONTROL_REQUEST_MAX ? 0 : CTD_ESYNTAX;
	n = (size_t)(end - buf);
	if (n > 0 && buf[n - 1] == '\r')
		n--;
	if (n >= sizeof(line) || memchr(buf, '\0', n))
		return CTD_ESYNTAX;
	memcpy(line, buf, n);
	line[n] = '\0';
	return control_request_parse(rq, line) < 0 ? CTD_ESYNTAX : 1;
}

int control_request_read(struct control_request *rq, const char *buf, size_t len)
{
	if (len == 0)
		return 0;
	if (control_dialect_of(buf, len) == CONTROL_CLASSIC)
		return read_classic(rq, buf, len);
	return read_line(rq, buf, len);
}
