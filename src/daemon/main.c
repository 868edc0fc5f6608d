/* SPDX-License-Identifier: MIT */
/* paragpud. Everything is in program.c, where tests can reach it. */
#include "daemon/daemon.h"

int main(int argc, char **argv)
{
	return pg_daemon_main(argc, argv);
}
