// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "Keyword value": the word is checked against the type and range of its row and
 * stored where the row says. One function per type, chosen by table.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "word.h"

static char *place(struct reader *r, const struct schema_key *key)
{
	struct config *c = r->c;

	if (key->scope == SCOPE_LINK)
		return (char *)peer_link(r) + key->off;
	if (key->scope == SCOPE_HELPER)
		return (char *)&c->helpers[c->n_helpers - 1] + key->off;
	return (char *)c + key->off;
}

static int read_number(struct reader *r, const struct schema_key *key, const struct word *w,
		       uint32_t *n)
{
	const char *unit = key->unit ? key->unit : "";
	const char *gap = key->unit ? " " : "";
	int rc = word_number(w, n);

	if (rc == -EINVAL)
		return reader_bad(r, key, w, "%s takes a number, %u to %u%s%s", key->name, key->min,
				  key->max, gap, unit);
	if (rc || *n < key->min || *n > key->max)
		return reader_bad(r, key, w, "out of range, %s takes %u to %u%s%s", key->name,
				  key->min, key->max, gap, unit);
	return 0;
}

static int set_number(struct reader *r, const struct schema_key *key, const struct word *w)
{
	uint32_t n;
	int rc = read_number(r, key, w, &n);

	if (rc)
		return rc;
	if (n == 0 && (key->flags & KEY_ZERO_DEFAULT))
		n = key->def;
	*(uint32_t *)place(r, key) = n;
	if (key->scope == SCOPE_HELPER)
		r->policy_given = true;
	return 0;
}

static int set_bool(struct reader *r, const struct schema_key *key, const struct word *w)
{
	bool on;

	if (!word_bool(w, &on))
		return reader_bad(r, key, w, "%s takes on, yes, off or no", key->name);
	*(bool *)place(r, key) = on;
	return 0;
}

static int set_bool_number(struct reader *r, const struct schema_key *key, const struct word *w)
{
	uint32_t n;
	bool on;

	if (word_bool(w, &on)) {
		n = on ? key->def : 0;
	} else if (word_number(w, &n) == -EINVAL) {
		return reader_bad(r, key, w, "%s takes on, yes, off, no or a number", key->name);
	} else {
		int rc = read_number(r, key, w, &n);

		if (rc)
			return rc;
		n = n ? n : key->def;
	}
	*(uint32_t *)place(r, key) = n;
	return 0;
}

static int set_path(struct reader *r, const struct schema_key *key, const struct word *w)
{
	char *to = place(r, key);

	if (w->s[0] != '/')
		return reader_bad(r, key, w, "%s takes a path, which starts with '/'", key->name);
	if (w->len > key->max)
		return reader_bad(r, key, w, "path too long, %s takes at most %u characters",
				  key->name, key->max);
	memcpy(to, w->s, w->len);
	to[w->len] = '\0';
	return 0;
}

static int set_bool_path(struct reader *r, const struct schema_key *key, const struct word *w)
{
	char *to = place(r, key);
	bool on;

	if (w->s[0] == '/')
		return set_path(r, key, w);
	if (!word_bool(w, &on))
		return reader_bad(r, key, w, "%s takes on, yes, off, no or a path", key->name);
	if (on)
		memcpy(to, key->text, strlen(key->text) + 1);
	else
		*to = '\0';
	return 0;
}

static int set_facility(struct reader *r, const struct schema_key *key, const struct word *w)
{
	int32_t facility = name_to_facility(w);
	bool on;

	if (word_bool(w, &on)) {
		static const struct word daemon = { .s = "daemon", .len = 6 };

		facility = on ? name_to_facility(&daemon) : CONFIG_NO_SYSLOG;
	} else if (facility == CONFIG_NO_SYSLOG) {
		return reader_bad(r, key, w,
				  "%s takes on, yes, off, no, daemon or local0 to local7",
				  key->name);
	}
	*(int32_t *)place(r, key) = facility;
	return 0;
}

/* "RR or FIFO" */
static const char *choices_text(const struct schema_key *key, char *out, size_t cap)
{
	struct strbuf b;

	strbuf_init(&b, out, cap);
	for (uint32_t i = 0; key->choices[i]; i++)
		strbuf_addf(&b, "%s%s",
			    i == 0              ? "" :
			    key->choices[i + 1] ? ", " :
						  " or ",
			    key->choices[i]);
	return out;
}

static int set_choice(struct reader *r, const struct schema_key *key, const struct word *w)
{
	char text[128];
	uint32_t i;

	for (i = 0; key->choices[i]; i++) {
		if (word_is_nocase(w, key->choices[i])) {
			*(uint32_t *)place(r, key) = i + 1;
			return 0;
		}
	}
	return reader_bad(r, key, w, "unknown %s, expected %s", key->name,
			  choices_text(key, text, sizeof(text)));
}

/* What useradd(8) takes, or a number. */
static int set_account(struct reader *r, const struct schema_key *key, const struct word *w)
{
	char *to = place(r, key);

	if (w->len >= CONFIG_ACCOUNT)
		return reader_bad(r, key, w, "too long for a name, at most %d characters",
				  CONFIG_ACCOUNT - 1);
	for (size_t i = 0; i < w->len; i++)
		if (!isalnum((unsigned char)w->s[i]) && (i == 0 || !strchr("-.", w->s[i])) &&
		    w->s[i] != '_')
			return reader_bad(r, key, w, "%s takes a name", key->name);
	memcpy(to, w->s, w->len);
	to[w->len] = '\0';
	return 0;
}

static bool octal(const struct word *w, uint32_t *out)
{
	*out = 0;
	for (size_t i = 0; i < w->len; i++) {
		if (w->s[i] < '0' || w->s[i] > '7' || *out > 0777)
			return false;
		*out = *out << 3 | (uint32_t)(w->s[i] - '0');
	}
	return *out && *out <= 0777;
}

static int set_file_mode(struct reader *r, const struct schema_key *key, const struct word *w)
{
	uint32_t mode;

	if (!octal(w, &mode))
		return reader_bad(r, key, w, "%s takes permissions in octal, 0001 to 0777",
				  key->name);
	*(uint32_t *)place(r, key) = mode;
	return 0;
}

static int set_interface(struct reader *r, const struct schema_key *key, const struct word *w)
{
	char *to = place(r, key);

	if (w->len >= CONFIG_IFNAME)
		return reader_bad(r, key, w, "too long for a device name, at most %d characters",
				  CONFIG_IFNAME - 1);
	if (!word_is_name(w))
		return reader_bad(r, key, w, "not possible as a device name");
	memcpy(to, w->s, w->len);
	to[w->len] = '\0';
	check_interface(r, w, to);
	return 0;
}

static int set_link_addr(struct reader *r, const struct schema_key *key, const struct word *w)
{
	bool multicast = reader_block(r) == IN_MULTICAST;
	struct reader_link *l = &r->link;
	unsigned int six = key->family == FAM_IP6;
	bool has_prefix;
	struct addr a;
	uint8_t prefix;

	if (word_addr_shape(w) == FAM_NONE)
		return reader_fail(r, w, "%s takes an IPv%u address", key->name, six ? 6 : 4);
	if (word_addr(w, key->family, &a, &prefix, &has_prefix))
		return reader_bad(r, key, w, "not a valid IPv%u address", six ? 6 : 4);
	if (has_prefix)
		return reader_bad(r, key, w, "%s takes an address without a prefix", key->name);
	if (l->last != FAM_NONE && l->last != key->family) {
		l->mixed = true;
		l->mixed_at = *w;
		if (multicast) /* the first family wins */
			return 0;
	}
	l->last = key->family;
	l->given[six][key->addr] = true;
	l->addr[six][key->addr] = a;
	return 0;
}

static int set_ignored(struct reader *r, const struct schema_key *key, const struct word *w)
{
	reader_warn(r, w, "%s is ignored: %s", key->name, key->help);
	return 0;
}

/* ExpectationSync on or off; the list form is in list.c. */
static int set_bool_list(struct reader *r, const struct schema_key *key, const struct word *w)
{
	bool on;

	if (!word_bool(w, &on))
		return reader_bad(r, key, w, "%s takes on, yes, off, no or { names }", key->name);
	*(bool *)place(r, key) = on;
	r->c->sync.n_expect_helpers = 0;
	return 0;
}

typedef int (*set_fn)(struct reader *r, const struct schema_key *key, const struct word *w);

/* clang-format off */
static const set_fn set_by_type[] = {
	[KEY_NUMBER] = set_number,
	[KEY_BOOL] = set_bool,
	[KEY_BOOL_NUMBER] = set_bool_number,
	[KEY_PATH] = set_path,
	[KEY_BOOL_PATH] = set_bool_path,
	[KEY_FACILITY] = set_facility,
	[KEY_CHOICE] = set_choice,
	[KEY_INTERFACE] = set_interface,
	[KEY_ACCOUNT] = set_account,
	[KEY_FILE_MODE] = set_file_mode,
	[KEY_LINK_ADDR] = set_link_addr,
	[KEY_NET] = net_add,
	[KEY_IGNORED] = set_ignored,
	[KEY_BOOL_LIST] = set_bool_list,
};
/* clang-format on */

int value_set(struct reader *r, const struct schema_key *key, const struct word *w)
{
	return set_by_type[key->type](r, key, w);
}
