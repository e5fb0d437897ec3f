// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may command: by credentials the kernel gives, held against group and mode. */
#define _GNU_SOURCE
#include "control/creds.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWN 107

static const struct control_access plain = { .mode = 0600 };
static const struct control_access group = { .mode = 0660, .has_group = true, .group = 50 };
static const struct control_access open_to_all = { .mode = 0666, .has_group = true, .group = 50 };

static struct control_creds who(uid_t uid, bool in_group)
{
	return (struct control_creds){ .pid = 1, .uid = uid, .gid = uid, .in_group = in_group };
}

Test(creds, what_changes_something)
{
	const struct control_access *all[] = { &plain, &group, &open_to_all };
	const struct control_creds root = who(0, false), own = who(OWN, false);
	const struct control_creds member = who(1000, true), other = who(1000, false);

	for (int i = 0; i < 3; i++) {
		cr_expect(control_allowed(&root, all[i], OWN, true));
		cr_expect(control_allowed(&own, all[i], OWN, true));
		cr_expect(control_allowed(&member, all[i], OWN, true));
		cr_expect_not(control_allowed(&other, all[i], OWN, true), "%o", all[i]->mode);
	}
}

Test(creds, what_only_shows)
{
	const struct control_creds other = who(1000, false), member = who(1000, true);

	cr_expect_not(control_allowed(&other, &plain, OWN, false));
	cr_expect_not(control_allowed(&other, &group, OWN, false));
	cr_expect(control_allowed(&other, &open_to_all, OWN, false));
	cr_expect(control_allowed(&member, &group, OWN, false));
}

/* A client the kernel knows nothing of may nothing, whatever number stands for that. */
Test(creds, unknown)
{
	const struct control_creds nobody = who((uid_t)-1, true);

	cr_expect_not(control_allowed(&nobody, &open_to_all, (uid_t)-1, false));
	cr_expect_not(control_allowed(&nobody, &open_to_all, (uid_t)-1, true));
}

static struct control_creds read_pair(const struct control_access *a)
{
	struct control_creds c;
	int fd[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	control_creds_read(fd[0], a, &c);
	close(fd[0]);
	close(fd[1]);
	return c;
}

Test(creds, read_from_the_kernel)
{
	struct control_access a = { .mode = 0660, .has_group = true, .group = getgid() };
	struct control_creds c = read_pair(&a);

	cr_expect_eq(c.pid, getpid());
	cr_expect_eq(c.uid, geteuid());
	cr_expect_eq(c.gid, getegid());
	cr_expect(c.in_group);
	a.group = getgid() + 12345;
	cr_expect_not(read_pair(&a).in_group);
	a.has_group = false;
	a.group = getgid();
	cr_expect_not(read_pair(&a).in_group, "there is no group to be in");
	control_creds_read(-1, &a, &c);
	cr_expect_eq(c.uid, (uid_t)-1);
}
