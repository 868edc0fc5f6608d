/* SPDX-License-Identifier: MIT */
/*
 * paragpu-vnc: the VNC server, a viewer (viewer.h) around libvncserver and a
 * program of its own, so that paragpud links no such library. The library waits
 * for slow clients where it must, up to some seconds: here it may, and a client
 * that is slower is dropped. Paragpud is trusted to have chosen the arguments;
 * what comes over its socket is not, and what clients send neither.
 *
 * Clients only look: virtio-gpu has no way to give input to a guest. Heads
 * stand side by side in the order of their numbers, those that are off left
 * out; the whole is cut at 8192 x 8192, more than which libvncserver can't send.
 */
#include <errno.h>
#include <limits.h>
#include <rfb/rfb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "display/receiver.h"
#include "display/vnc.h"

/* What viewer.h puts where. */
#define DISPLAY_SOCKET 3
#define LISTENER 4

#define MAX_SIDE 8192
#define MAX_CLIENTS 32
#define CURSOR_PIXELS ((size_t)PARAGPU_CURSOR_SIZE * PARAGPU_CURSOR_SIZE)

/* Shown while all heads are off. */
#define EMPTY_WIDTH 640
#define EMPTY_HEIGHT 480

/* A client that takes no byte for this long is dropped. */
#define MAX_WAIT_MS 5000

struct server {
	struct pg_logger logger;
	struct pg_loop *loop;
	int head; /* the one to show; -1: all that are on, side by side */
	char password[PG_VNC_PASSWORD_SIZE]; /* "": none is asked */
	struct pg_receiver receiver;
	struct pg_watch socket_watch, listener_watch;
	int clients;
	unsigned int sizes; /* counts the changes of size */
	bool starved;       /* there was no memory for a size */
	rfbScreenInfoPtr screen;
	char *passwords[2];
	uint32_t left[PARAGPU_MAX_HEADS]; /* where each head begins */

	uint32_t cursor_head;
	rfbCursor cursor;
	uint32_t cursor_colours[CURSOR_PIXELS];
	uint8_t cursor_alpha[CURSOR_PIXELS];
	uint8_t cursor_mask[CURSOR_PIXELS / 8];
};

struct client {
	struct server *server;
	struct pg_watch watch;
	bool sizes_matter;  /* it said that it wants to know of them */
	unsigned int sizes; /* when it came */
};

static void no_log(const char *format, ...)
{
	(void)format;
}

/* --- pixels --- */

static bool wanted(const struct server *server, uint32_t head)
{
	return server->head < 0 || (uint32_t)server->head == head;
}

/* 0x??RRGGBB as the library has it. */
static uint32_t to_server_format(const rfbPixelFormat *format, uint32_t pixel)
{
	return (pixel >> 16 & 0xff) << format->redShift |
	       (pixel >> 8 & 0xff) << format->greenShift | (pixel & 0xff) << format->blueShift;
}

static void copy_pixels(struct server *server, uint32_t index, struct paragpu_rect rect)
{
	const struct pg_receiver_head *head = &server->receiver.heads[index];
	rfbScreenInfoPtr screen = server->screen;
	const rfbPixelFormat format = screen->serverFormat;
	uint32_t left = server->left[index] + rect.x;
	uint32_t width = (uint32_t)screen->width, height = (uint32_t)screen->height;

	if (left >= width || rect.y >= height)
		return;
	if (rect.width > width - left)
		rect.width = width - left;
	if (rect.height > height - rect.y)
		rect.height = height - rect.y;
	for (uint32_t y = rect.y; y < rect.y + rect.height; y++) {
		const uint32_t *from = head->pixels + (size_t)y * head->width + rect.x;
		uint32_t *to = (uint32_t *)(void *)screen->frameBuffer + (size_t)y * width + left;

		for (uint32_t x = 0; x < rect.width; x++)
			to[x] = to_server_format(&format, from[x]);
	}
	rfbMarkRectAsModified(screen, (int)left, (int)rect.y, (int)(left + rect.width),
			      (int)(rect.y + rect.height));
}

/* Says how large the whole is, and where in it each head begins. */
static void lay_out(struct server *server, uint32_t *width, uint32_t *height)
{
	uint64_t right = 0;

	*height = 0;
	for (uint32_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		const struct pg_receiver_head *head = &server->receiver.heads[i];

		server->left[i] = (uint32_t)right;
		if (!head->width || !wanted(server, i))
			continue;
		right += head->width;
		if (right > MAX_SIDE)
			right = MAX_SIDE;
		if (head->height > *height)
			*height = head->height > MAX_SIDE ? MAX_SIDE : head->height;
	}
	*width = right ? (uint32_t)right : EMPTY_WIDTH;
	if (!*height)
		*height = EMPTY_HEIGHT;
}

static void copy_all(struct server *server)
{
	for (uint32_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		const struct pg_receiver_head *head = &server->receiver.heads[i];

		if (head->width && wanted(server, i))
			copy_pixels(server, i,
				    (struct paragpu_rect){0, 0, head->width, head->height});
	}
}

static void show_cursor(struct server *server, bool image_changed);

static void on_scanout(void *data, uint32_t index)
{
	struct server *server = data;
	char *old = server->screen->frameBuffer, *frame;
	uint32_t width, height;

	if (!wanted(server, index))
		return;
	lay_out(server, &width, &height);
	frame = calloc((size_t)width * height, 4);
	if (!frame) {
		/* the guest chooses how often: said once */
		if (!server->starved)
			pg_log(&server->logger, PG_LOG_ERROR, "vnc",
			       "no memory for a screen of %u x %u; the old size stays", width,
			       height);
		server->starved = true;
		return;
	}
	rfbNewFramebuffer(server->screen, frame, (int)width, (int)height, 8, 3, 4);
	free(old);
	server->sizes++;
	copy_all(server);
	show_cursor(server, false);
}

static void on_update(void *data, uint32_t index, struct paragpu_rect rect)
{
	struct server *server = data;

	if (wanted(server, index))
		copy_pixels(server, index, rect);
}

/* --- pointer --- */

/* One channel without its alpha. */
static uint32_t straight(uint32_t pixel, unsigned int shift)
{
	uint32_t alpha = pixel >> 24, value = pixel >> shift & 0xff;

	if (!alpha)
		return 0;
	value = value * 255 / alpha;
	return (value > 255 ? 255 : value) << shift;
}

/* VNC clients know one bit of transparency; the library blends for those that leave it to us. */
static void convert_cursor(struct server *server, const struct paragpu_cursor *cursor)
{
	memset(server->cursor_mask, 0, sizeof(server->cursor_mask));
	for (size_t i = 0; i < CURSOR_PIXELS; i++) {
		uint32_t pixel = cursor->pixels[i];

		server->cursor_alpha[i] = (uint8_t)(pixel >> 24);
		if (pixel >> 31)
			server->cursor_mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
		pixel = straight(pixel, 16) | straight(pixel, 8) | straight(pixel, 0);
		server->cursor_colours[i] = to_server_format(&server->screen->serverFormat, pixel);
	}
	free(server->cursor.source); /* made by the library for clients without colours */
	server->cursor.source = NULL;
	server->cursor.cleanupSource = FALSE;
	server->cursor.width = PARAGPU_CURSOR_SIZE;
	server->cursor.height = PARAGPU_CURSOR_SIZE;
	server->cursor.richSource = (unsigned char *)server->cursor_colours;
	server->cursor.alphaSource = server->cursor_alpha;
	server->cursor.mask = server->cursor_mask;
}

/* Where the hot spot is to be so that it lies on the screen: VNC has no negative places. */
static int64_t hot_spot(uint32_t hot, int32_t place)
{
	int64_t least = place < 0 ? -(int64_t)place : 0;

	if (hot >= PARAGPU_CURSOR_SIZE)
		hot = 0;
	return hot > least ? hot : least;
}

static void move_cursor(struct server *server, int x, int y)
{
	rfbClientIteratorPtr clients = rfbGetClientIterator(server->screen);
	rfbClientPtr client;

	server->screen->cursorX = x;
	server->screen->cursorY = y;
	while ((client = rfbClientIteratorNext(clients)))
		client->cursorWasMoved = TRUE;
	rfbReleaseClientIterator(clients);
}

static void show_cursor(struct server *server, bool image_changed)
{
	const struct pg_receiver_head *head = &server->receiver.heads[server->cursor_head];
	const struct paragpu_cursor *cursor = &head->cursor;
	int64_t hot_x = hot_spot(cursor->hot_x, cursor->x);
	int64_t hot_y = hot_spot(cursor->hot_y, cursor->y);
	int64_t x = (int64_t)server->left[server->cursor_head] + cursor->x + hot_x;
	int64_t y = cursor->y + hot_y;

	if (!cursor->visible || !head->width || hot_x >= PARAGPU_CURSOR_SIZE ||
	    hot_y >= PARAGPU_CURSOR_SIZE || x >= MAX_SIDE || y >= MAX_SIDE) {
		if (server->screen->cursor)
			rfbSetCursor(server->screen, NULL);
		return;
	}
	if (image_changed || !server->screen->cursor || server->cursor.xhot != hot_x ||
	    server->cursor.yhot != hot_y) {
		rfbSetCursor(server->screen, NULL); /* looks at the old one */
		convert_cursor(server, cursor);
		server->cursor.xhot = (unsigned short)hot_x;
		server->cursor.yhot = (unsigned short)hot_y;
		rfbSetCursor(server->screen, &server->cursor);
	}
	move_cursor(server, (int)x, (int)y);
}

/* VNC has one pointer: that of the head that showed one last. */
static void on_cursor(void *data, uint32_t index, bool image_changed)
{
	struct server *server = data;

	if (!wanted(server, index))
		return;
	if (server->cursor_head != index) {
		if (!server->receiver.heads[index].cursor.visible)
			return;
		server->cursor_head = index;
		image_changed = true;
	}
	show_cursor(server, image_changed);
}

/* --- clients --- */

static void look_after_client(const struct server *server, rfbClientPtr rfb)
{
	struct client *client = rfb->clientData;

	/*
	 * A client that draws the pointer itself without knowing its place would
	 * draw it at its own mouse: the library draws it into the picture then.
	 */
	if (rfb->enableCursorShapeUpdates && !rfb->enableCursorPosUpdates)
		rfb->enableCursorShapeUpdates = FALSE;
	/* The size may have changed before the client could say that it wants to know. */
	if (rfb->useNewFBSize && !client->sizes_matter) {
		client->sizes_matter = true;
		if (client->sizes != server->sizes)
			rfb->newFBSizePending = TRUE;
	}
}

static void look_after_clients(struct server *server)
{
	rfbClientIteratorPtr clients = rfbGetClientIterator(server->screen);
	rfbClientPtr client;

	while ((client = rfbClientIteratorNext(clients)))
		look_after_client(server, client);
	rfbReleaseClientIterator(clients);
}

static void serve(struct server *server)
{
	look_after_clients(server);
	rfbProcessEvents(server->screen, 0);
	look_after_clients(server);
}

static void on_client(void *data, uint32_t events)
{
	struct client *client = data;

	(void)events;
	serve(client->server); /* may free `client` */
}

static void on_client_gone(rfbClientPtr rfb)
{
	struct client *client = rfb->clientData;

	pg_watch_remove(&client->watch);
	client->server->clients--;
	free(client);
}

static enum rfbNewClientAction on_new_client(rfbClientPtr rfb)
{
	struct server *server = rfb->screen->screenData;
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return RFB_CLIENT_REFUSE;
	client->server = server;
	client->sizes = server->sizes;
	if (pg_watch_add(server->loop, &client->watch, rfb->sock, EPOLLIN, on_client, client) < 0) {
		free(client);
		return RFB_CLIENT_REFUSE;
	}
	rfb->clientData = client;
	rfb->clientGoneHook = on_client_gone;
	rfb->viewOnly = TRUE;
	server->clients++;
	return RFB_CLIENT_ACCEPT;
}

static void on_listener(void *data, uint32_t events)
{
	struct server *server = data;
	int fd = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	if (server->clients >= MAX_CLIENTS || fd >= FD_SETSIZE) {
		close(fd);
		return;
	}
	rfbNewClient(server->screen, fd);
	serve(server);
}

static void ignore_key(rfbBool down, rfbKeySym key, rfbClientPtr client)
{
	(void)down;
	(void)key;
	(void)client;
}

static void ignore_pointer(int buttons, int x, int y, rfbClientPtr client)
{
	(void)buttons;
	(void)x;
	(void)y;
	(void)client;
}

static void ignore_text(char *text, int size, rfbClientPtr client)
{
	(void)text;
	(void)size;
	(void)client;
}

/* --- life --- */

static const struct pg_receiver_ops receiver_ops = {
	.scanout = on_scanout,
	.update = on_update,
	.cursor = on_cursor,
};

static void on_socket(void *data, uint32_t events)
{
	struct server *server = data;

	(void)events;
	if (pg_receiver_run(&server->receiver) < 0)
		pg_loop_stop(server->loop);
	else
		serve(server);
}

static int make_screen(struct server *server)
{
	int argc = 0;
	rfbScreenInfoPtr screen;

	rfbLog = no_log;
	rfbErr = no_log;
	screen = rfbGetScreen(&argc, NULL, EMPTY_WIDTH, EMPTY_HEIGHT, 8, 3, 4);
	if (!screen)
		return -ENOMEM;
	server->screen = screen;
	screen->frameBuffer = calloc((size_t)EMPTY_WIDTH * EMPTY_HEIGHT, 4);
	if (!screen->frameBuffer)
		return -ENOMEM;
	screen->screenData = server;
	screen->desktopName = "paragpu";
	screen->port = 0; /* we listen ourselves */
	screen->ipv6port = 0;
	screen->alwaysShared = TRUE;
	screen->deferUpdateTime = 0;
	screen->maxClientWait = MAX_WAIT_MS;
	screen->permitFileTransfer = FALSE;
	screen->newClientHook = on_new_client;
	screen->kbdAddEvent = ignore_key;
	screen->ptrAddEvent = ignore_pointer;
	screen->setXCutText = ignore_text;
	screen->cursor = NULL;
	if (server->password[0]) {
		server->passwords[0] = server->password;
		screen->authPasswdData = server->passwords;
		screen->passwordCheck = rfbCheckPasswordByList;
	}
	rfbInitServer(screen);
	return 0;
}

static int read_head(struct server *server, const char *text)
{
	char *end;

	errno = 0;
	server->head = (int)strtol(text, &end, 10);
	return errno || *end || server->head < 0 || server->head >= PARAGPU_MAX_HEADS ? -EINVAL : 0;
}

/* The words come from vnc.c, which has explained to people what is wrong with theirs. */
static int read_words(struct server *server, int argc, char **argv, struct pg_problem *problem)
{
	int error = 0;

	server->head = -1;
	for (int i = 1; i < argc && !error; i++) {
		if (strncmp(argv[i], "--head=", 7) == 0)
			error = read_head(server, argv[i] + 7);
		else if (strncmp(argv[i], "--password-file=", 16) == 0)
			return pg_vnc_read_password(argv[i] + 16, server->password, problem);
		else
			error = -EINVAL;
	}
	return error ? pg_problem_set(problem, error, "wrong arguments") : 0;
}

static bool is_listening_socket(int fd)
{
	int listening = 0;
	socklen_t size = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

/* The file of a UNIX socket goes with its server. */
static void remove_file(int listener)
{
	struct sockaddr_un address = {.sun_family = AF_UNSPEC};
	socklen_t size = sizeof(address) - 1; /* so that the path ends */

	if (getsockname(listener, (struct sockaddr *)&address, &size) == 0 &&
	    address.sun_family == AF_UNIX && address.sun_path[0])
		unlink(address.sun_path);
}

static void configure_log(struct server *server)
{
	static char name[] = PG_VNC_PROGRAM;
	const char *specification = getenv("PARAGPU_LOG");

	pg_logger_init(&server->logger, pg_log_to_stderr, name);
	if (specification && *specification) /* paragpud says what is wrong with it */
		pg_logger_configure(&server->logger, specification, NULL);
}

static int run(struct server *server)
{
	int error = pg_loop_create(&server->loop);

	if (!error)
		error = make_screen(server);
	if (!error)
		error = pg_watch_add(server->loop, &server->socket_watch, DISPLAY_SOCKET, EPOLLIN,
				     on_socket, server);
	if (!error)
		error = pg_watch_add(server->loop, &server->listener_watch, LISTENER, EPOLLIN,
				     on_listener, server);
	if (!error)
		error = pg_loop_run(server->loop);
	if (error)
		pg_log(&server->logger, PG_LOG_ERROR, "vnc", "the VNC server failed: %s",
		       strerror(-error));
	return error;
}

int main(int argc, char **argv)
{
	static struct server server; /* the end of the process frees what hangs on it */
	struct pg_problem problem;
	int error;

	if (!is_listening_socket(LISTENER)) {
		fputs(PG_VNC_PROGRAM ": is started by paragpud: paragpud --display=vnc:PORT\n",
		      stderr);
		return 2;
	}
	configure_log(&server);
	pg_receiver_init(&server.receiver, DISPLAY_SOCKET, &receiver_ops, &server);
	/* never without the password that was asked for */
	error = read_words(&server, argc, argv, &problem);
	if (error)
		pg_log(&server.logger, PG_LOG_ERROR, "vnc", "%s", problem.text);
	else
		error = run(&server);
	remove_file(LISTENER);
	return error ? 1 : 0;
}
