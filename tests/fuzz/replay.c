// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a fuzz target over files and folders, one TAP line for each argument,
 * so that a corpus replays without clang. Each input lies in a block of exactly
 * its size, as libFuzzer hands it over: a sanitizer sees a byte too far. A
 * finding ends the program; the last line it wrote names the file.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "fuzz.h"

/* Largest input read; libFuzzer's default is 4096. */
#define INPUT_MAX (1u << 20)

static int run_file(const char *path)
{
	static uint8_t all[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t n;

	if (!f) {
		printf("# %s: %s\n", path, strerror(errno));
		return -1;
	}
	n = fread(all, 1, sizeof(all), f);
	fclose(f);
	data = malloc(n ? n : 1);
	if (!data)
		return -1;
	memcpy(data, all, n);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 1;
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Number of inputs, -1 if one could not be read. */
static int run_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, not_hidden, alphasort), done = 0;
	char file[4096];

	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (done >= 0)
			done = run_file(file) < 0 ? -1 : done + 1;
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return n < 0 ? -1 : done;
}

static int run(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return run_folder(path);
	return run_file(path);
}

int main(int argc, char **argv)
{
	int failed = 0;

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		int n = run(argv[i]);

		/* Nothing replayed is no success. */
		failed += n <= 0;
		printf("%s %d - %s: %d inputs\n", n > 0 ? "ok" : "not ok", i, argv[i], n);
	}
	return failed ? 1 : 0;
}
