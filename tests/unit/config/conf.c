// SPDX-License-Identifier: GPL-2.0-or-later
/* What the configuration tests have in common. */
#include "conf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void conf_read_bytes(struct conf *f, const char *text, size_t len)
{
	memset(f, 0, sizeof(*f));
	f->rc = config_parse_text(text, len, "test.conf", 0, &f->c, &f->m);
}

void conf_read(struct conf *f, const char *text)
{
	conf_read_bytes(f, text, strlen(text));
}

/* A file around a statement; the statement stands alone on line 2. */
static const char *const around[IN_COUNT] = {
	[IN_TOP] = "\n%s\n",
	[IN_SYNC] = "Sync {\n%s\n}",
	[IN_PEER] = "Sync { Peer b {\n%s\n} }",
	[IN_FTFW] = "Sync { Mode FTFW {\n%s\n} }",
	[IN_ALARM] = "Sync { Mode ALARM {\n%s\n} }",
	[IN_NOTRACK] = "Sync { Mode NOTRACK {\n%s\n} }",
	[IN_MULTICAST] = "Sync { Multicast {\n%s\n} }",
	[IN_UDP] = "Sync { UDP {\n%s\n} }",
	[IN_TCP] = "Sync { TCP {\n%s\n} }",
	[IN_OPTIONS] = "Sync { Options {\n%s\n} }",
	[IN_GENERAL] = "General {\n%s\n}",
	[IN_UNIX] = "General { UNIX {\n%s\n} }",
	[IN_SCHEDULER] = "General { Scheduler {\n%s\n} }",
	[IN_FILTER] = "General { Filter {\n%s\n} }",
	[IN_ADDRESS] = "General { Filter { Address Ignore {\n%s\n} } }",
	[IN_STATS] = "Stats {\n%s\n}",
	[IN_HELPER] = "Helper {\n%s\n}",
	[IN_TYPE] = "Helper { Type ftp inet tcp {\n%s\n} }",
	[IN_POLICY] = "Helper { Type ftp inet tcp { Policy ftp {\n%s\n} } }",
};

void conf_read_in(struct conf *f, enum schema_block block, const char *statement)
{
	const char *hole = strstr(around[block], "%s");
	char text[1024];

	snprintf(text, sizeof(text), "%.*s%s%s", (int)(hole - around[block]), around[block],
		 statement, hole + 2);
	conf_read(f, text);
}

void conf_done(struct conf *f)
{
	config_free(&f->c);
	config_msgs_free(&f->m);
}

const struct config_msg *conf_error(const struct conf *f)
{
	if (!f->m.n || f->m.v[f->m.n - 1].level != LOG_LVL_ERROR)
		return NULL;
	return &f->m.v[f->m.n - 1];
}

size_t conf_count(const struct conf *f, enum log_level level)
{
	size_t i, n = 0;

	for (i = 0; i < f->m.n; i++)
		n += f->m.v[i].level == level;
	return n;
}

char *conf_print(const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out || config_print(c, out))
		abort();
	fclose(out);
	return text;
}

char *conf_flat(const struct config *c)
{
	char *text = conf_print(c), *flat = NULL, *line, *save = NULL;
	const char *heads[16];
	size_t len, depth = 0, i;
	FILE *out = open_memstream(&flat, &len);

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *last;

		line += strspn(line, "\t");
		last = line + strlen(line) - 1;
		if (*last == '}') {
			depth--;
			continue;
		}
		for (i = 0; i < depth; i++)
			fprintf(out, "%s ", heads[i]);
		if (*last == '{') {
			last[-1] = '\0';
			heads[depth++] = line;
		}
		fprintf(out, "%s\n", line);
	}
	fclose(out);
	free(text);
	return flat;
}

bool conf_has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	while (text) {
		if (strncmp(text, line, len) == 0 && (text[len] == '\n' || !text[len]))
			return true;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return false;
}

char *conf_slurp(const char *path, size_t *len)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	int c;
	FILE *out;

	if (!in)
		return NULL;
	out = open_memstream(&text, len);
	while ((c = getc(in)) != EOF)
		putc(c, out);
	fclose(out);
	fclose(in);
	return text;
}

bool conf_is_fixpoint(const struct config *c)
{
	char *one = conf_print(c), *two;
	struct conf again;
	bool same;

	conf_read(&again, one);
	if (again.rc || again.m.n) {
		fprintf(stderr, "%s\n%s", again.m.n ? again.m.v[0].text : "?", one);
		same = false;
	} else {
		two = conf_print(&again.c);
		same = strcmp(one, two) == 0;
		if (!same)
			fprintf(stderr, "---\n%s---\n%s", one, two);
		free(two);
	}
	conf_done(&again);
	free(one);
	return same;
}
