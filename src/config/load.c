// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a file, or a text in memory, to a struct config: defaults first, then the
 * statements, then the rules across keys. Nothing is left behind by a reading
 * that fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "msgs.h"
#include "reader.h"
#include "parser.h"

void config_free(struct config *c)
{
	free(c->filter.nets);
	free(c->helpers);
	memset(c, 0, sizeof(*c));
}

/* The mark that some editors put before a text in UTF-8 is not part of it. */
#define MARK     "\xef\xbb\xbf"
#define MARK_LEN 3

/* The scanner wants two NULs behind the text and writes into it. */
static char *scannable(const char **text, size_t *len)
{
	char *copy;

	if (*len >= MARK_LEN && memcmp(*text, MARK, MARK_LEN) == 0) {
		*text += MARK_LEN;
		*len -= MARK_LEN;
	}
	copy = malloc(*len + 2);
	if (!copy)
		return NULL;
	if (*len)
		memcpy(copy, *text, *len);
	copy[*len] = copy[*len + 1] = '\0';
	return copy;
}

static int scan(struct reader *r, const char *text, size_t len)
{
	char *copy = scannable(&text, &len);
	int rc;

	if (!copy)
		return -ENOMEM;
	rc = lexer_open(r, copy, len);
	if (!rc) {
		rc = conf_yyparse(r->scanner, r);
		if (rc)
			rc = r->err ? r->err : -ENOMEM;
		lexer_close(r);
	}
	if (!rc)
		check_rules(r);
	net_index_free(r);
	free(copy); /* after the last message: words are pieces of it */
	return rc;
}

int config_parse_text(const char *text, size_t len, const char *name, unsigned int flags,
		      struct config *c, struct config_msgs *m)
{
	struct reader *r;
	int rc;

	memset(c, 0, sizeof(*c));
	if (len > CONFIG_FILE_MAX) {
		msgs_addf(m, LOG_LVL_ERROR, name, 0, 0, "more than %u bytes", CONFIG_FILE_MAX);
		return -EFBIG;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->c = c;
	r->m = m;
	r->name = name;
	r->flags = flags;
	schema_defaults(SCOPE_CONFIG, c);
	rc = scan(r, text, len);
	free(r);
	if (rc)
		config_free(c);
	return rc;
}

struct text {
	char *s;
	size_t len, cap;
};

static int text_grow(struct text *t)
{
	size_t cap = t->cap ? t->cap * 2 : 16384;
	char *s = realloc(t->s, cap);

	if (!s)
		return -ENOMEM;
	t->s = s;
	t->cap = cap;
	return 0;
}

/* Until the end, or until it is too long for config_parse_text(). */
static int read_all(int fd, struct text *t)
{
	ssize_t n;

	while (t->len <= CONFIG_FILE_MAX) {
		if (t->len == t->cap && text_grow(t))
			return -ENOMEM;
		n = read(fd, t->s + t->len, t->cap - t->len);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			t->len += (size_t)n;
	}
	return 0;
}

static int read_file(const char *path, struct text *t)
{
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	rc = read_all(fd, t);
	close(fd);
	return rc;
}

int config_load(const char *path, struct config *c, struct config_msgs *m)
{
	struct text t = { .s = NULL };
	int rc;

	memset(c, 0, sizeof(*c));
	rc = read_file(path, &t);
	if (rc)
		msgs_addf(m, LOG_LVL_ERROR, path, 0, 0, "cannot read the configuration: %s",
			  err_text(rc));
	else
		rc = config_parse_text(t.s, t.len, path, CONFIG_HOST, c, m);
	free(t.s);
	return rc;
}
