/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONTROL_CALL_H
#define CTD_CONTROL_CALL_H

/* The client's end of the control socket. */
#include <stddef.h>
#include "control/cmds.h"

/*
 * Send one request to the daemon at path and copy its reply to out_fd until it
 * closes the connection; blocks for as long as that takes, with rq->wait at most
 * for so many seconds of silence (-ETIMEDOUT). 0 if the request was
 * delivered: *code is then the daemon's answer (enum control_code), and unless
 * that is CONTROL_CODE_OK errbuf has its words. A daemon of earlier versions,
 * which knows classic numbers only, is asked in that way; where no number means the
 * request *code is 0.
 *
 * -errno if the request could not be delivered or the reply not be written.
 * errbuf (of errcap > 0 bytes) then says so.
 */
int control_call(const char *path, const struct control_request *rq, int out_fd, char *errbuf,
		 size_t errcap, int *code);

#endif
