/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ctrl-C as a request: a flag that a change looks at, so that it can undo what it began.
 */
#pragma once

/* From here on SIGINT, SIGTERM and SIGHUP raise the flag instead of killing, however often they
 * come, and a closed pipe is an error, not a death. SIGHUP stays ignored under nohup. `what` (a
 * constant; "" to be silent) says what happens now: "what was begun is undone". */
void tr_stop_catch(const char *what);

/* The flag; for struct tr_change and tr_logs. */
const volatile int *tr_stop_flag(void);
