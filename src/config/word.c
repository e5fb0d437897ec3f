// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A word of the text taken as number, boolean or address. The scanner has no
 * opinion on these: the same letters are a device name after one keyword and an
 * address after another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/err.h"
#include "word.h"

bool word_is(const struct word *w, const char *text)
{
	return strlen(text) == w->len && memcmp(w->s, text, w->len) == 0;
}

bool word_is_nocase(const struct word *w, const char *text)
{
	return strlen(text) == w->len && strncasecmp(w->s, text, w->len) == 0;
}

bool word_is_name(const struct word *w)
{
	return !memchr(w->s, '/', w->len) && !memchr(w->s, ':', w->len) && !word_is(w, ".") &&
	       !word_is(w, "..");
}

int word_number(const struct word *w, uint32_t *out)
{
	uint64_t n = 0;
	size_t i;

	if (!w->len)
		return -EINVAL;
	for (i = 0; i < w->len; i++)
		if (w->s[i] < '0' || w->s[i] > '9')
			return -EINVAL;
	for (i = 0; i < w->len; i++) {
		n = n * 10 + (uint64_t)(w->s[i] - '0');
		if (n > UINT32_MAX)
			return CTD_ERANGE;
	}
	*out = (uint32_t)n;
	return 0;
}

bool word_bool(const struct word *w, bool *out)
{
	if (word_is_nocase(w, "on") || word_is_nocase(w, "yes"))
		*out = true;
	else if (word_is_nocase(w, "off") || word_is_nocase(w, "no"))
		*out = false;
	else
		return false;
	return true;
}

#define WORD_CUT 40 /* bytes shown; each takes at most four */

const char *word_show(const struct word *w, char out[WORD_SHOWN])
{
	size_t i, n = w->len < WORD_CUT ? w->len : WORD_CUT, at = 0;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)w->s[i];

		if (c >= 0x20 && c < 0x7f)
			out[at++] = (char)c;
		else
			at += (size_t)snprintf(out + at, WORD_SHOWN - at, "\\x%02x", c);
	}
	snprintf(out + at, WORD_SHOWN - at, "%s", n < w->len ? "..." : "");
	return out;
}

uint8_t word_addr_shape(const struct word *w)
{
	static const char hex[] = "0123456789abcdefABCDEF:";
	size_t i, dots = 0, colons = 0, others = 0;

	for (i = 0; i < w->len && w->s[i] != '/'; i++) {
		if (w->s[i] == '.')
			dots++;
		else if (w->s[i] == ':')
			colons++;
		else if (w->s[i] < '0' || w->s[i] > '9')
			others++;
		if (w->s[i] != '.' && !memchr(hex, w->s[i], sizeof(hex) - 1))
			return FAM_NONE;
	}
	if (dots == 3 && !colons && !others)
		return FAM_IP4;
	return colons && !dots ? FAM_IP6 : FAM_NONE;
}

/* Split at the slash; the address part NUL-terminated in text. */
static int split(const struct word *w, char text[INET6_ADDRSTRLEN], struct word *prefix)
{
	const char *slash = memchr(w->s, '/', w->len);
	size_t len = slash ? (size_t)(slash - w->s) : w->len;

	if (len >= INET6_ADDRSTRLEN)
		return -EINVAL;
	memcpy(text, w->s, len);
	text[len] = '\0';
	*prefix =
		(struct word){ .s = slash ? slash + 1 : w->s, .len = slash ? w->len - len - 1 : 0 };
	return 0;
}

int word_addr(const struct word *w, uint8_t family, struct addr *a, uint8_t *prefix,
	      bool *has_prefix)
{
	uint32_t most = family == FAM_IP4 ? 32 : 128, bits = most;
	char text[INET6_ADDRSTRLEN];
	struct word tail;

	if (word_addr_shape(w) != family || split(w, text, &tail))
		return -EINVAL;
	memset(a, 0, sizeof(*a));
	if (inet_pton(family, text, a->b) != 1)
		return -EINVAL;
	*has_prefix = memchr(w->s, '/', w->len) != NULL;
	if (*has_prefix) {
		int rc = word_number(&tail, &bits);

		if (rc)
			return rc;
		if (bits > most)
			return CTD_ERANGE;
	}
	*prefix = (uint8_t)bits;
	return 0;
}
