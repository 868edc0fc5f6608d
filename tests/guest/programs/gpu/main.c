/* SPDX-License-Identifier: MIT */
/*
 * gpu: the program that the tests run inside the guest. Reads one command a line from standard
 * input and answers each with one line, "ok ..." or "error NUMBER TEXT", so that a picture stays
 * on the screen for as long as the host wants to look at it. Ends at "quit" or end of file, which
 * gives the screen back to the kernel's console.
 */
#include "commands.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_uevents(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int split(char *line, char **words)
{
	int n = 0;

	for (char *word = strtok(line, " \n"); word && n < MAX_WORDS; word = strtok(NULL, " \n"))
		words[n++] = word;
	return n;
}

static void answer(struct session *session, int nwords, char **words)
{
	char *text = NULL;
	size_t len = 0;
	int ret;

	session->out = open_memstream(&text, &len);
	ret = command_run(session, nwords, words);
	fclose(session->out);
	if (ret < 0)
		printf("error %d %s: %s\n", -ret, words[0], strerror(-ret));
	else
		printf("ok%s\n", text);
	fflush(stdout);
	free(text);
}

int main(void)
{
	struct session session = {.uevents = -1};
	char line[512], *words[MAX_WORDS];
	int ret = card_open(&session.card);

	if (ret < 0) {
		printf("error %d open: %s\n", -ret, strerror(-ret));
		return 1;
	}
	session.uevents = open_uevents();
	printf("ok %s\n", session.card.path);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int n = split(line, words);

		if (n == 0)
			continue;
		if (strcmp(words[0], "quit") == 0)
			break;
		answer(&session, n, words);
	}
	session_finish(&session);
	printf("ok bye\n");
	return 0;
}
