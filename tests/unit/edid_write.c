/* SPDX-License-Identifier: MIT */
/* Writes the EDID of a head to standard output: edid_write WIDTH HEIGHT MILLIHERTZ. For edid.py. */
#include <stdio.h>
#include <stdlib.h>

#include <paragpu/device.h>

int main(int argc, char **argv)
{
	struct paragpu_head head = {.connected = true};
	uint8_t edid[256];
	size_t size;

	if (argc != 4) {
		fprintf(stderr, "usage: edid_write WIDTH HEIGHT MILLIHERTZ\n");
		return 2;
	}
	head.width = (uint32_t)strtoul(argv[1], NULL, 10);
	head.height = (uint32_t)strtoul(argv[2], NULL, 10);
	head.refresh_mhz = (uint32_t)strtoul(argv[3], NULL, 10);
	size = paragpu_edid(&head, 0, edid);
	return fwrite(edid, 1, size, stdout) == size ? 0 : 1;
}
