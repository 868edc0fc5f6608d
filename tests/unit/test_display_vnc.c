/* SPDX-License-Identifier: MIT */
/* The VNC display against a client that knows just enough RFB (RFC 6143) to hold it to its word. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <rfb/rfb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "display/options.h"
#include "fake_device.h"
#include "protocol/virtio_gpu.h"

enum {
	RAW = 0,
	NEW_SIZE = -223,
	POINTER_POS = -232,
	RICH_CURSOR = -239,
};

struct bench {
	struct pg_loop *loop;
	struct pg_logger logger;
	struct pg_display *display;
	struct fake_device device;
	char folder[40], path[64], option[160];
	/* the client */
	int fd;
	uint32_t width, height;
	uint32_t *pixels;
	uint64_t updated; /* pixels */
	unsigned int sizes, cursors;
	uint32_t cursor_x, cursor_y, hot_x, hot_y;
	uint32_t cursor[64 * 64];
	uint8_t mask[64 * 8];
};

__attribute__((format(printf, 2, 3))) static void set_option(struct bench *bench,
							     const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(bench->option, sizeof(bench->option), format, arguments);
	va_end(arguments);
}

/* A new UNIX socket, and the address of the display's. */
static int unix_socket(const struct bench *bench, struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, bench->path, sizeof(bench->path));
	return fd < 0 ? 0 : fd;
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->fd = -1;
	snprintf(bench->folder, sizeof(bench->folder), "/tmp/paragpu-vnc-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	snprintf(bench->path, sizeof(bench->path), "%s/vnc", bench->folder);
	set_option(bench, "vnc:unix:%s", bench->path);
	pg_logger_init(&bench->logger, NULL, NULL);
	assert_int_equal(pg_loop_create(&bench->loop), 0);
	*state = bench;
	return 0;
}

static void start(struct bench *bench)
{
	struct pg_problem problem = {""};

	if (pg_display_from_option(bench->option, bench->loop, &bench->logger, &bench->display,
				   &problem) < 0)
		fail_msg("%s", problem.text);
	fake_attach(&bench->device, &bench->display->base);
}

static void stop(struct bench *bench)
{
	fake_detach(&bench->device);
	pg_display_destroy(&bench->display);
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	if (bench->display)
		stop(bench);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	pg_loop_destroy(bench->loop);
	pg_close(&bench->fd);
	free(bench->pixels);
	unlink(bench->path);
	assert_int_equal(rmdir(bench->folder), 0);
	free(bench);
	return 0;
}

/* --- the client --- */

/* Lets the display go on for a moment, and waits for the client's socket. */
static bool readable(struct bench *bench, int timeout_ms)
{
	struct pollfd client = {.fd = bench->fd, .events = POLLIN};

	for (int waited = 0; waited <= timeout_ms; waited += 5) {
		assert_int_equal(pg_loop_dispatch(bench->loop, 0), 0);
		if (poll(&client, 1, 5) == 1)
			return true;
	}
	return false;
}

static void get(struct bench *bench, void *to, size_t size)
{
	while (size) {
		ssize_t got;

		assert_true(readable(bench, 10000));
		got = read(bench->fd, to, size);
		assert_true(got > 0);
		to = (uint8_t *)to + got;
		size -= (size_t)got;
	}
}

static void put(struct bench *bench, const void *from, size_t size)
{
	assert_int_equal(write(bench->fd, from, size), size);
}

static uint32_t get_u8(struct bench *bench)
{
	uint8_t value;

	get(bench, &value, 1);
	return value;
}

static uint32_t get_u16(struct bench *bench)
{
	uint16_t value;

	get(bench, &value, 2);
	return ntohs(value);
}

static uint32_t get_u32(struct bench *bench)
{
	uint32_t value;

	get(bench, &value, 4);
	return ntohl(value);
}

static void connect_client(struct bench *bench)
{
	struct sockaddr_un address;
	char version[13] = "";

	bench->fd = unix_socket(bench, &address);
	assert_int_equal(connect(bench->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	get(bench, version, 12);
	assert_string_equal(version, "RFB 003.008\n");
	put(bench, version, 12);
}

static void set_size(struct bench *bench, uint32_t width, uint32_t height)
{
	bench->width = width;
	bench->height = height;
	free(bench->pixels);
	bench->pixels = calloc((size_t)width * height, 4);
}

static void initialise(struct bench *bench, const int32_t *encodings, uint16_t count)
{
	/* 32 bits, depth 24, little endian, true colour, 255 each at 16, 8, 0 */
	static const uint8_t format[20] = {0,   0, 0,   0, 32,  24, 0, 1, 0,
					   255, 0, 255, 0, 255, 16, 8, 0};
	uint8_t init[20], header[4] = {2, 0, 0, (uint8_t)count};
	uint32_t name;
	char text[64];

	assert_int_equal(get_u32(bench), 0); /* welcome */
	put(bench, &(uint8_t){1}, 1);
	get(bench, init, 20);
	set_size(bench, init[0] * 256u + init[1], init[2] * 256u + init[3]);
	name = get_u32(bench);
	assert_true(name < sizeof(text));
	get(bench, text, name);
	put(bench, format, sizeof(format));
	put(bench, header, 4);
	for (uint16_t i = 0; i < count; i++)
		put(bench, &(uint32_t){htonl((uint32_t)encodings[i])}, 4);
}

static void log_in(struct bench *bench, bool with_place)
{
	static const int32_t encodings[] = {RAW, NEW_SIZE, RICH_CURSOR, POINTER_POS};

	connect_client(bench);
	assert_int_equal(get_u8(bench), 1);
	assert_int_equal(get_u8(bench), 1); /* no password */
	put(bench, &(uint8_t){1}, 1);
	initialise(bench, encodings, with_place ? 4 : 3);
}

static void request(struct bench *bench, bool incremental)
{
	struct {
		uint8_t type, incremental;
		uint16_t x, y, width, height;
	} message = {3, incremental, 0, 0, 0xffff, 0xffff};

	static_assert(sizeof(message) == 10, "RFB");
	put(bench, &message, sizeof(message));
}

static void get_rect(struct bench *bench)
{
	uint32_t x = get_u16(bench), y = get_u16(bench);
	uint32_t width = get_u16(bench), height = get_u16(bench);
	int32_t encoding = (int32_t)get_u32(bench);

	switch (encoding) {
	case RAW:
		assert_true(x + width <= bench->width && y + height <= bench->height);
		for (uint32_t i = 0; i < height; i++)
			get(bench, bench->pixels + (size_t)(y + i) * bench->width + x,
			    width * (size_t)4);
		bench->updated += (uint64_t)width * height;
		break;
	case NEW_SIZE:
		set_size(bench, width, height);
		bench->sizes++;
		break;
	case POINTER_POS:
		bench->cursor_x = x;
		bench->cursor_y = y;
		break;
	case RICH_CURSOR:
		bench->cursors++;
		bench->hot_x = x;
		bench->hot_y = y;
		memset(bench->mask, 0, sizeof(bench->mask));
		if (!width)
			break; /* no pointer */
		assert_int_equal(width, 64);
		assert_int_equal(height, 64);
		get(bench, bench->cursor, sizeof(bench->cursor));
		get(bench, bench->mask, sizeof(bench->mask));
		break;
	default:
		fail_msg("encoding %d was not asked for", encoding);
	}
}

static void get_update(struct bench *bench)
{
	assert_int_equal(get_u8(bench), 0);
	get_u8(bench);
	for (uint32_t count = get_u16(bench); count; count--)
		get_rect(bench);
}

/* Asks for what is new until nothing is. */
static void catch_up(struct bench *bench)
{
	request(bench, true);
	while (readable(bench, 300)) {
		get_update(bench);
		request(bench, true);
	}
}

static void assert_shows(struct bench *bench, uint32_t head, uint32_t left)
{
	const struct fake_picture *picture = &bench->device.heads[head];

	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++)
			assert_int_equal(bench->pixels[(size_t)y * bench->width + left + x],
					 fake_pixel(picture, x, y) & 0xffffff);
}

/* --- the rules --- */

static void test_heads_stand_side_by_side_and_damage_is_exact(void **state)
{
	struct bench *bench = *state;
	uint64_t before;

	start(bench);
	log_in(bench, true);
	fake_show(&bench->device, 1, 100, 80, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_show(&bench->device, 4, 61, 90, VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 2);
	fake_flush_all(&bench->device, 1, NULL);
	fake_flush_all(&bench->device, 4, NULL);
	catch_up(bench);
	assert_int_equal(bench->width, 161);
	assert_int_equal(bench->height, 90);
	assert_shows(bench, 1, 0);
	assert_shows(bench, 4, 100);

	before = bench->updated;
	fake_fill(&bench->device.heads[4], (struct paragpu_rect){7, 9, 20, 11}, 99);
	fake_flush(&bench->device, 4, (struct paragpu_rect){7, 9, 20, 11}, NULL);
	catch_up(bench);
	assert_int_equal(bench->updated - before, 20 * 11);
	assert_shows(bench, 4, 100);
}

static void test_one_head_alone(void **state)
{
	struct bench *bench = *state;

	set_option(bench, "vnc:unix:%s,head=4", bench->path);
	start(bench);
	log_in(bench, true);
	fake_show(&bench->device, 1, 100, 80, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_show(&bench->device, 4, 61, 90, VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 2);
	fake_flush_all(&bench->device, 1, NULL);
	fake_flush_all(&bench->device, 4, NULL);
	catch_up(bench);
	assert_int_equal(bench->width, 61);
	assert_shows(bench, 4, 0);
}

static void test_resize_and_off(void **state)
{
	struct bench *bench = *state;

	start(bench);
	log_in(bench, true);
	for (uint32_t i = 0; i < 8; i++) {
		fake_show(&bench->device, 0, 300 - i * 31, 100 + i * 17, fake_formats[i], i);
		fake_flush_all(&bench->device, 0, NULL);
		catch_up(bench);
		assert_int_equal(bench->width, 300 - i * 31);
		assert_int_equal(bench->height, 100 + i * 17);
		assert_int_equal(bench->sizes, i + 1);
		assert_shows(bench, 0, 0);
	}
	fake_off(&bench->device, 0);
	catch_up(bench);
	for (uint32_t i = 0; i < bench->width * bench->height; i++)
		assert_int_equal(bench->pixels[i], 0);
}

static struct paragpu_cursor make_cursor(void)
{
	struct paragpu_cursor cursor = {.visible = true, .x = 10, .y = 20, .hot_x = 3, .hot_y = 4};

	/* opaque, clear, and half in premultiplied red */
	for (size_t i = 0; i < (size_t)64 * 64; i++)
		cursor.pixels[i] = i % 3 == 0 ? 0xff123456 : i % 3 == 1 ? 0 : 0x80400000;
	return cursor;
}

static void test_a_client_that_knows_the_place_draws_the_pointer(void **state)
{
	struct bench *bench = *state;
	struct paragpu_cursor cursor = make_cursor();

	start(bench);
	fake_show(&bench->device, 0, 100, 100, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_flush_all(&bench->device, 0, NULL);
	log_in(bench, true);
	bench->display->base.ops->cursor(&bench->display->base, 0, &cursor, true);
	catch_up(bench);
	assert_shows(bench, 0, 0); /* not in the picture */
	assert_int_equal(bench->cursor_x, 13);
	assert_int_equal(bench->cursor_y, 24);
	assert_int_equal(bench->hot_x, 3);
	assert_int_equal(bench->hot_y, 4);
	for (size_t i = 0; i < (size_t)64 * 64; i++) {
		bool in = bench->mask[i / 8] & 0x80 >> i % 8;

		assert_int_equal(in, i % 3 != 1);
		if (in) /* without the alpha: 0x40 of 0x80 is 0x7f of 0xff */
			assert_int_equal(bench->cursor[i], i % 3 == 0 ? 0x123456 : 0x7f0000);
	}
	/* Over the left edge: VNC has no negative places, so the hot spot gives way. */
	cursor.x = -5;
	bench->display->base.ops->cursor(&bench->display->base, 0, &cursor, false);
	catch_up(bench);
	assert_int_equal(bench->cursor_x, 0);
	assert_int_equal(bench->hot_x, 5);
	cursor.visible = false;
	bench->display->base.ops->cursor(&bench->display->base, 0, &cursor, false);
	catch_up(bench);
	for (size_t i = 0; i < sizeof(bench->mask); i++)
		assert_int_equal(bench->mask[i], 0);
}

static void test_other_clients_see_the_pointer_in_the_picture(void **state)
{
	struct bench *bench = *state;
	struct paragpu_cursor cursor = make_cursor();

	start(bench);
	fake_show(&bench->device, 0, 100, 100, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_flush_all(&bench->device, 0, NULL);
	bench->display->base.ops->cursor(&bench->display->base, 0, &cursor, true);
	log_in(bench, false);
	catch_up(bench);
	assert_int_equal(bench->cursors, 0);
	for (uint32_t v = 0; v < 64; v++)
		for (uint32_t u = 0; u < 64; u++) {
			uint32_t below = fake_pixel(&bench->device.heads[0], 10 + u, 20 + v);
			uint32_t got = bench->pixels[(20 + v) * 100 + 10 + u];
			uint32_t kind = (v * 64 + u) % 3;

			if (kind == 0) {
				assert_int_equal(got, 0x123456);
			} else if (kind == 1) {
				assert_int_equal(got, below & 0xffffff);
			} else {
				double red = 0x40 + (below >> 16 & 255) * 127 / 255.0;

				assert_true(abs((int)(got >> 16) - (int)red) <= 2);
			}
		}
	cursor.x = 36; /* and where it was, the picture is whole again */
	cursor.y = 30;
	bench->display->base.ops->cursor(&bench->display->base, 0, &cursor, false);
	catch_up(bench);
	for (uint32_t y = 20; y < 30; y++)
		for (uint32_t x = 10; x < 74; x++)
			assert_int_equal(bench->pixels[y * 100 + x],
					 fake_pixel(&bench->device.heads[0], x, y) & 0xffffff);
}

static void write_password(struct bench *bench, const char *text, mode_t mode)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/password", bench->folder);
	file = fopen(path, "we");
	assert_non_null(file);
	if (!file)
		return;
	fputs(text, file);
	fclose(file);
	chmod(path, mode);
	set_option(bench, "vnc:unix:%s,password-file=%s", bench->path, path);
}

static void remove_password(struct bench *bench)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/password", bench->folder);
	unlink(path);
}

static void test_password(void **state)
{
	struct bench *bench = *state;
	char right[] = "secret7", wrong[] = "secret8";

	write_password(bench, "secret7\n", 0600);
	start(bench);
	for (int i = 0; i < 2; i++) {
		unsigned char challenge[16];

		connect_client(bench);
		assert_int_equal(get_u8(bench), 1);
		assert_int_equal(get_u8(bench), 2); /* VNC authentication and no other */
		put(bench, &(uint8_t){2}, 1);
		get(bench, challenge, 16);
		rfbEncryptBytes(challenge, i ? right : wrong);
		put(bench, challenge, 16);
		if (i)
			initialise(bench, NULL, 0);
		else
			assert_int_not_equal(get_u32(bench), 0);
		pg_close(&bench->fd);
	}
	remove_password(bench);
}

static void test_a_client_that_does_not_read_costs_the_device_nothing(void **state)
{
	struct bench *bench = *state;
	uint64_t begun;

	start(bench);
	fake_show(&bench->device, 0, 1280, 800, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_flush_all(&bench->device, 0, NULL);
	log_in(bench, true);
	for (int i = 0; i < 10; i++)
		request(bench, false);
	begun = pg_now_ns();
	for (int i = 0; i < 50; i++) {
		fake_flush_all(&bench->device, 0, NULL); /* holds are refused by the fake */
		assert_int_equal(pg_loop_dispatch(bench->loop, 1), 0);
	}
	assert_true(pg_now_ns() - begun < 2000000000u);
	assert_true(pg_vmm_connected(bench->display));
}

static void test_the_socket_is_its_owners_and_goes_with_the_display(void **state)
{
	struct bench *bench = *state;
	struct stat file;

	start(bench);
	assert_int_equal(stat(bench->path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	stop(bench);
	assert_int_equal(stat(bench->path, &file), -1);
}

static void refuse(struct bench *bench, const char *option, const char *words)
{
	struct pg_problem problem = {""};
	struct pg_display *display;

	assert_true(pg_display_from_option(option, bench->loop, &bench->logger, &display,
					   &problem) < 0);
	if (!strstr(problem.text, words))
		fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
}

static void test_a_place_that_is_taken_is_said(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	char option[32];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FILE *file;

	assert_true(fd >= 0);
	if (fd < 0)
		return;

	start(bench);
	refuse(bench, bench->option, "another process does");
	stop(bench);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(option, sizeof(option), "vnc:%d", ntohs(address.sin_port));
	refuse(bench, option, "choose another port");
	close(fd);
	set_option(bench, "%s", option); /* free now */
	start(bench);
	stop(bench);
	file = fopen(bench->path, "we");
	assert_non_null(file);
	if (file)
		fclose(file);
	set_option(bench, "vnc:unix:%s", bench->path);
	refuse(bench, bench->option, "there is a file of that name");
	assert_int_equal(access(bench->path, F_OK), 0); /* and it is still there */
}

static void test_a_socket_left_by_a_crash_is_replaced(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_un address;
	int fd = unix_socket(bench, &address);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	start(bench);
	log_in(bench, true);
}

static void test_wrong_options_are_explained(void **state)
{
	struct bench *bench = *state;
	char option[300] = "vnc:unix:/";

	refuse(bench, "vnc", "wanted vnc:PORT");
	refuse(bench, "sdl:1", "wanted vnc:PORT");
	refuse(bench, "vnc:", "port");
	refuse(bench, "vnc:0", "port");
	refuse(bench, "vnc:65536", "port");
	refuse(bench, "vnc:5900x", "port");
	refuse(bench, "vnc:localhost:5900", "localhost");
	refuse(bench, "vnc:0.0.0.0:5900", "password-file");
	refuse(bench, "vnc:[::]:5900", "password-file");
	refuse(bench, "vnc:5900,head=16", "0 to 15");
	refuse(bench, "vnc:5900,colour=1", "\"colour=1\"");
	refuse(bench, "vnc:5900,password-file=/nonexistent", "/nonexistent");
	refuse(bench, "vnc:unix:", "1 to 107");
	memset(option + 10, 'x', 200);
	refuse(bench, option, "1 to 107");
	refuse(bench, "vnc:unix:/nonexistent/vnc", "/nonexistent/vnc");
	write_password(bench, "secret\n", 0644);
	refuse(bench, bench->option, "chmod 600");
	write_password(bench, "longer than 8\n", 0600);
	refuse(bench, bench->option, "1 to 8");
	write_password(bench, "", 0600);
	refuse(bench, bench->option, "1 to 8");
	remove_password(bench);
	set_option(bench, "vnc:unix:%s,password-file=%s", bench->path, bench->folder);
	refuse(bench, bench->option, "no ordinary file");
}

#define RULE(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(heads_stand_side_by_side_and_damage_is_exact),
		RULE(one_head_alone),
		RULE(resize_and_off),
		RULE(a_client_that_knows_the_place_draws_the_pointer),
		RULE(other_clients_see_the_pointer_in_the_picture),
		RULE(password),
		RULE(a_client_that_does_not_read_costs_the_device_nothing),
		RULE(the_socket_is_its_owners_and_goes_with_the_display),
		RULE(a_place_that_is_taken_is_said),
		RULE(a_socket_left_by_a_crash_is_replaced),
		RULE(wrong_options_are_explained),
	};

	return cmocka_run_group_tests_name("display_vnc", tests, NULL, NULL);
}
