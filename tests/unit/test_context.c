/* SPDX-License-Identifier: MIT */
/* Rules of contexts and capsets: names say which. */
#include "gpu.h"

#include <stdlib.h>

#define G struct gpu *gpu = *state

static const uint32_t words[2] = {1, 2};

static void virgl_and_context_init_are_offered_only_with_a_capset(void **state)
{
	G;
	struct paragpu_device *bare;
	uint64_t both = PG_F(VIRGL) | PG_F(CONTEXT_INIT);

	assert_int_equal(paragpu_device_create(&gpu->settings, &bare, NULL), 0);
	assert_int_equal(paragpu_device_features(bare) & both, 0);
	assert_int_equal(paragpu_device_features(gpu->device) & both, both);
	paragpu_device_accept_features(bare, both);
	paragpu_device_destroy(&bare);
}

static void config_counts_capsets(void **state)
{
	G;
	struct virtio_gpu_config config;

	paragpu_device_read_config(gpu->device, 0, &config, sizeof(config));
	assert_int_equal(pg_from_le32(config.num_capsets), 3);
}

static uint32_t capset_info(struct gpu *gpu, uint32_t index, uint32_t *id, uint32_t *size)
{
	struct virtio_gpu_get_capset_info command = {.capset_index = pg_to_le32(index)};
	struct ask *ask =
		start(gpu, VIRTIO_GPU_CMD_GET_CAPSET_INFO, &command, sizeof(command), NULL, 0);

	*id = pg_from_le32(ask->response.capset_info.capset_id);
	*size = pg_from_le32(ask->response.capset_info.capset_max_size);
	return ask->type;
}

static void capset_indices_are_dense_and_are_not_ids(void **state)
{
	G;
	static const uint32_t ids[] = {SCRIPTED_CAPSET, SCRIPTED_VENUS, PG_MEMORY_CAPSET_ID};
	uint32_t id, size;

	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(capset_info(gpu, i, &id, &size), VIRTIO_GPU_RESP_OK_CAPSET_INFO);
		assert_int_equal(id, ids[i]);
		assert_true(size > 0);
	}
}

static void capset_index_beyond_the_last_is_an_error_without_data(void **state)
{
	G;
	uint32_t id, size;

	assert_int_equal(capset_info(gpu, 3, &id, &size), BAD_PARAMETER);
	assert_int_equal(id | size, 0);
	assert_int_equal(capset_info(gpu, UINT32_MAX, &id, &size), BAD_PARAMETER);
}

static struct ask *get_capset(struct gpu *gpu, uint32_t id, uint32_t version)
{
	struct virtio_gpu_get_capset command = {
		.capset_id = pg_to_le32(id),
		.capset_version = pg_to_le32(version),
	};

	return start(gpu, VIRTIO_GPU_CMD_GET_CAPSET, &command, sizeof(command), NULL, 0);
}

static void capset_has_its_size_and_a_zeroed_tail(void **state)
{
	G;
	const struct ask *ask = get_capset(gpu, SCRIPTED_CAPSET, 2);

	assert_int_equal(ask->type, VIRTIO_GPU_RESP_OK_CAPSET);
	assert_int_equal(ask->written, 24 + 100);
	assert_int_equal(ask->response.bytes[24], SCRIPTED_CAPSET);
	assert_int_equal(ask->response.bytes[25], 0xa2);
	for (size_t i = 26; i < 124; i++)
		assert_int_equal(ask->response.bytes[i], 0);
}

static void capset_unknown_or_too_new_is_invalid(void **state)
{
	G;
	assert_int_equal(get_capset(gpu, 0, 0)->type, BAD_PARAMETER);
	assert_int_equal(get_capset(gpu, 3, 0)->type, BAD_PARAMETER);
	assert_int_equal(get_capset(gpu, SCRIPTED_CAPSET, 3)->type, BAD_PARAMETER);
	assert_int_equal(get_capset(gpu, SCRIPTED_VENUS, 1)->type, BAD_PARAMETER);
}

static void capset_ids_above_30_and_doubles_are_refused_at_attachment(void **state)
{
	G;
	struct pg_memory_settings settings = pg_memory_defaults();
	struct paragpu_renderer *renderer;

	paragpu_device_reset(gpu->device);
	for (uint32_t id = 31; id < 65; id += 33) {
		settings.capset_id = id;
		assert_int_equal(pg_memory_renderer_create(&settings, &renderer), 0);
		assert_int_equal(paragpu_device_add_renderer(gpu->device, renderer), -EINVAL);
		pg_memory_renderer_destroy(&renderer);
	}
	settings.capset_id = SCRIPTED_VENUS;
	assert_int_equal(pg_memory_renderer_create(&settings, &renderer), 0);
	assert_int_equal(paragpu_device_add_renderer(gpu->device, renderer), -EEXIST);
	settings.capset_id = 29;
	pg_memory_renderer_destroy(&renderer);
	assert_int_equal(pg_memory_renderer_create(&settings, &renderer), 0);
	gpu_accept(gpu);
	assert_int_equal(paragpu_device_add_renderer(gpu->device, renderer), -EBUSY);
	pg_memory_renderer_destroy(&renderer);
}

static void context_goes_to_the_renderer_of_its_capset(void **state)
{
	G;
	struct paragpu_context_info info;

	assert_int_equal(ctx_create(gpu, 7, SCRIPTED_VENUS)->type, OK);
	assert_int_equal(gpu->scripted.context_id, 7);
	assert_int_equal(gpu->scripted.capset_id, SCRIPTED_VENUS);
	assert_int_equal(ctx_create(gpu, 8, PG_MEMORY_CAPSET_ID)->type, OK);
	assert_true(paragpu_device_next_context(gpu->device, 7, &info));
	assert_string_equal(info.renderer, "memory");
	assert_string_equal(info.name, "test");
	assert_false(paragpu_device_next_context(gpu->device, 8, &info));
}

static void context_without_capset_is_virgl(void **state)
{
	G;
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	assert_int_equal(gpu->scripted.capset_id, VIRTIO_GPU_CAPSET_VIRGL2);
}

static void context_init_must_be_zero_without_the_feature(void **state)
{
	G;
	paragpu_device_accept_features(gpu->device, PG_F(VIRGL));
	assert_int_equal(ctx_create(gpu, 1, SCRIPTED_VENUS)->type, BAD_PARAMETER);
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
}

static void context_init_upper_bits_and_unknown_capsets_are_invalid(void **state)
{
	G;
	assert_int_equal(ctx_create(gpu, 1, 0x100 | SCRIPTED_VENUS)->type, BAD_PARAMETER);
	assert_int_equal(ctx_create(gpu, 1, 5)->type, BAD_PARAMETER);
	assert_int_equal(gpu->scripted.count[CONTEXT_CREATE], 0);
}

static void context_ids_zero_and_double_are_invalid(void **state)
{
	G;
	assert_int_equal(ctx_create(gpu, 0, 0)->type, BAD_CONTEXT);
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	assert_int_equal(ctx_create(gpu, 1, 0)->type, BAD_CONTEXT);
	assert_int_equal(ctx_destroy(gpu, 2)->type, BAD_CONTEXT);
	assert_int_equal(ctx_destroy(gpu, 1)->type, OK);
	assert_int_equal(ctx_destroy(gpu, 1)->type, BAD_CONTEXT);
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
}

static void context_name_is_clamped_and_terminated(void **state)
{
	G;
	char name[64];

	memset(name, 'x', sizeof(name));
	assert_int_equal(ctx_create_named(gpu, 1, 0, UINT32_MAX, name)->type, OK);
	assert_int_equal(strlen(gpu->scripted.name), 64);
	assert_int_equal(ctx_create_named(gpu, 2, 0, 3, name)->type, OK);
	assert_string_equal(gpu->scripted.name, "xxx");
}

static void contexts_over_the_limit_are_out_of_memory(void **state)
{
	G;
	gpu_stop(gpu);
	gpu_init(gpu);
	gpu->settings.limits.contexts = 2;
	gpu_start(gpu);
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	assert_int_equal(ctx_create(gpu, 2, 0)->type, OK);
	assert_int_equal(ctx_create(gpu, 3, 0)->type, NO_MEMORY);
	assert_int_equal(ctx_destroy(gpu, 1)->type, OK);
	assert_int_equal(ctx_create(gpu, 3, 0)->type, OK);
}

static void context_creation_that_fails_leaves_the_id_free(void **state)
{
	G;
	gpu->scripted.error[CONTEXT_CREATE] = -EIO;
	assert_int_equal(ctx_create(gpu, 1, 0)->type, UNSPEC);
	assert_int_equal(stats(gpu).contexts, 0);
	assert_int_equal(submit(gpu, 1, words, 8)->type, BAD_CONTEXT);
	assert_int_equal(ctx_destroy(gpu, 1)->type, BAD_CONTEXT);
	gpu->scripted.error[CONTEXT_CREATE] = 0;
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
}

static void commands_wait_for_the_context_that_is_being_created(void **state)
{
	G;
	struct ask *create, *stream, *other;

	gpu->scripted.hold[CONTEXT_CREATE] = true;
	create = ctx_create(gpu, 1, 0);
	stream = submit(gpu, 1, words, 8);
	other = create_2d(gpu, 9, 4, 4);
	assert_int_equal(create->type, PENDING);
	assert_int_equal(stream->type, PENDING);
	assert_int_equal(other->type, OK);
	assert_int_equal(stats(gpu).stalled, 1);
	answer(&gpu->scripted, CONTEXT_CREATE, 0);
	assert_int_equal(create->type, OK);
	assert_int_equal(stream->type, OK);
	assert_true(create->place < stream->place);
	assert_int_equal(stats(gpu).stalled, 0);
}

static void submit_passes_exactly_its_bytes(void **state)
{
	G;
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	assert_int_equal(submit(gpu, 1, "abcde", 5)->type, OK);
	assert_int_equal(gpu->scripted.stream_size, 5);
	assert_memory_equal(gpu->scripted.stream, "abcde", 5);
}

static void submit_of_nothing_is_a_point_to_wait_for(void **state)
{
	G;
	struct ask *ask;

	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	gpu->scripted.hold_fences = true;
	gpu->fence = 1;
	ask = submit(gpu, 1, NULL, 0);
	assert_int_equal(gpu->scripted.count[SUBMIT], 0);
	assert_int_equal(ask->type, PENDING);
	signal_fence(gpu, 0);
	assert_int_equal(ask->type, OK);
}

static void submit_larger_than_its_request_is_invalid(void **state)
{
	G;
	struct virtio_gpu_cmd_submit command = {.size = pg_to_le32(0xfffffff0)};

	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	assert_int_equal(
		start(gpu, VIRTIO_GPU_CMD_SUBMIT_3D, &command, sizeof(command), words, 8)->type,
		BAD_PARAMETER);
	command = (struct virtio_gpu_cmd_submit){.size = pg_to_le32(9)};
	assert_int_equal(
		start(gpu, VIRTIO_GPU_CMD_SUBMIT_3D, &command, sizeof(command), words, 8)->type,
		BAD_PARAMETER);
	assert_int_equal(gpu->scripted.count[SUBMIT], 0);
}

static void submit_over_the_limit_is_out_of_memory(void **state)
{
	G;
	gpu_stop(gpu);
	gpu_init(gpu);
	gpu->settings.limits.submit_bytes = 8;
	gpu_start(gpu);
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	assert_int_equal(submit(gpu, 1, words, 8)->type, OK);
	assert_int_equal(submit(gpu, 1, "123456789", 9)->type, NO_MEMORY);
}

static void errors_of_renderers_become_the_protocols(void **state)
{
	G;
	static const struct {
		int error;
		uint32_t type;
	} pairs[] = {{-ENOMEM, NO_MEMORY},    {-EINVAL, BAD_PARAMETER}, {-E2BIG, BAD_PARAMETER},
		     {-ENOENT, BAD_RESOURCE}, {-ESRCH, BAD_CONTEXT},    {-EIO, UNSPEC}};

	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		gpu->scripted.error[SUBMIT] = pairs[i].error;
		assert_int_equal(submit(gpu, 1, words, 8)->type, pairs[i].type);
	}
}

static void attach_and_detach_twice_are_fine_and_told_once(void **state)
{
	G;
	ctx_create(gpu, 1, 0);
	create_3d(gpu, 5, 4, 4);
	assert_int_equal(ctx_detach(gpu, 1, 5)->type, OK);
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, OK);
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[CONTEXT_ATTACH], 1);
	assert_int_equal(ctx_detach(gpu, 1, 5)->type, OK);
	assert_int_equal(ctx_detach(gpu, 1, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[CONTEXT_DETACH], 1);
}

static void attach_of_unknown_ids_names_the_unknown_one(void **state)
{
	G;
	ctx_create(gpu, 1, 0);
	assert_int_equal(ctx_attach(gpu, 2, 5)->type, BAD_CONTEXT);
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, BAD_RESOURCE);
	assert_int_equal(ctx_detach(gpu, 2, 5)->type, BAD_CONTEXT);
	assert_int_equal(ctx_detach(gpu, 1, 0)->type, BAD_RESOURCE);
}

static void attach_imports_what_the_renderer_did_not_make_once(void **state)
{
	G;
	struct virtio_gpu_mem_entry one = entry(0x2000, 8192);

	ctx_create(gpu, 1, 0);
	ctx_create(gpu, 2, 0);
	assert_int_equal(
		create_blob(gpu, 0, 5, VIRTIO_GPU_BLOB_MEM_GUEST, 0, 0, 8192, &one, 1)->type, OK);
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[IMPORT], 1);
	assert_true(gpu->scripted.import_is_blob);
	assert_false(gpu->scripted.import_has_memory);
	assert_int_equal(gpu->scripted.span_count, 1);
	assert_int_equal(gpu->scripted.spans[0].guest_addr, RAM_BASE + 0x2000);
	assert_int_equal(gpu->scripted.spans[0].length, 8192);
	assert_int_equal(ctx_attach(gpu, 2, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[IMPORT], 1);
	assert_int_equal(unref(gpu, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[UNREF], 1);
}

static void attach_of_an_image_of_the_device_brings_its_file(void **state)
{
	G;
	ctx_create(gpu, 1, 0);
	create_2d(gpu, 5, 4, 4);
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, OK);
	assert_true(gpu->scripted.import_has_memory);
	assert_false(gpu->scripted.import_is_blob);
}

static void import_that_fails_attaches_nothing(void **state)
{
	G;
	ctx_create(gpu, 1, 0);
	create_2d(gpu, 5, 4, 4);
	gpu->scripted.error[IMPORT] = -EINVAL;
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, BAD_PARAMETER);
	assert_int_equal(gpu->scripted.count[CONTEXT_ATTACH], 0);
	assert_int_equal(unref(gpu, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[UNREF], 0);
}

static void destroying_a_context_detaches_and_leaves_resources(void **state)
{
	G;
	struct paragpu_context_info info;

	ctx_create(gpu, 1, 0);
	assert_int_equal(host_blob(gpu, 1, 5, 4096)->type, OK);
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, OK);
	assert_int_equal(map_blob(gpu, 5, 0)->type, VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(ctx_destroy(gpu, 1)->type, OK);
	assert_int_equal(gpu->scripted.count[CONTEXT_DETACH], 0);
	assert_false(paragpu_device_next_context(gpu->device, 0, &info));
	assert_int_equal(stats(gpu).resources, 1);
	assert_int_equal(unmap_blob(gpu, 5)->type, OK);
	assert_int_equal(unref(gpu, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[UNREF], 1);
}

static void unref_of_an_attached_resource_detaches_it_first(void **state)
{
	G;
	ctx_create(gpu, 1, 0);
	create_3d(gpu, 5, 4, 4);
	ctx_attach(gpu, 1, 5);
	assert_int_equal(unref(gpu, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[CONTEXT_DETACH], 1);
	assert_int_equal(gpu->scripted.count[UNREF], 1);
	assert_int_equal(ctx_destroy(gpu, 1)->type, OK);
}

static void lost_context_answers_unspec_until_it_is_destroyed(void **state)
{
	G;
	struct paragpu_context_info info;

	ctx_create(gpu, 1, 0);
	ctx_create(gpu, 2, 0);
	paragpu_renderer_context_lost(&gpu->scripted.base, 1, "test");
	assert_true(paragpu_device_next_context(gpu->device, 0, &info));
	assert_true(info.lost);
	assert_int_equal(submit(gpu, 1, words, 8)->type, UNSPEC);
	assert_int_equal(host_blob(gpu, 1, 5, 4096)->type, UNSPEC);
	assert_int_equal(submit(gpu, 2, words, 8)->type, OK);
	assert_int_equal(ctx_create(gpu, 1, 0)->type, BAD_CONTEXT);
	assert_int_equal(ctx_destroy(gpu, 1)->type, OK);
	assert_int_equal(gpu->scripted.count[CONTEXT_DESTROY], 0);
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	assert_int_equal(submit(gpu, 1, words, 8)->type, OK);
}

static void commands_of_virgl_need_the_feature(void **state)
{
	G;
	paragpu_device_accept_features(gpu->device, PG_F(RESOURCE_BLOB));
	assert_int_equal(ctx_create(gpu, 1, 0)->type, UNSPEC);
	assert_int_equal(submit(gpu, 1, words, 8)->type, UNSPEC);
	assert_int_equal(get_capset(gpu, SCRIPTED_CAPSET, 0)->type, UNSPEC);
	assert_int_equal(host_blob(gpu, 1, 5, 4096)->type, BAD_PARAMETER);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, gpu_setup, gpu_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(virgl_and_context_init_are_offered_only_with_a_capset),
		RULE(config_counts_capsets),
		RULE(capset_indices_are_dense_and_are_not_ids),
		RULE(capset_index_beyond_the_last_is_an_error_without_data),
		RULE(capset_has_its_size_and_a_zeroed_tail),
		RULE(capset_unknown_or_too_new_is_invalid),
		RULE(capset_ids_above_30_and_doubles_are_refused_at_attachment),
		RULE(context_goes_to_the_renderer_of_its_capset),
		RULE(context_without_capset_is_virgl),
		RULE(context_init_must_be_zero_without_the_feature),
		RULE(context_init_upper_bits_and_unknown_capsets_are_invalid),
		RULE(context_ids_zero_and_double_are_invalid),
		RULE(context_name_is_clamped_and_terminated),
		RULE(contexts_over_the_limit_are_out_of_memory),
		RULE(context_creation_that_fails_leaves_the_id_free),
		RULE(commands_wait_for_the_context_that_is_being_created),
		RULE(submit_passes_exactly_its_bytes),
		RULE(submit_of_nothing_is_a_point_to_wait_for),
		RULE(submit_larger_than_its_request_is_invalid),
		RULE(submit_over_the_limit_is_out_of_memory),
		RULE(errors_of_renderers_become_the_protocols),
		RULE(attach_and_detach_twice_are_fine_and_told_once),
		RULE(attach_of_unknown_ids_names_the_unknown_one),
		RULE(attach_imports_what_the_renderer_did_not_make_once),
		RULE(attach_of_an_image_of_the_device_brings_its_file),
		RULE(import_that_fails_attaches_nothing),
		RULE(destroying_a_context_detaches_and_leaves_resources),
		RULE(unref_of_an_attached_resource_detaches_it_first),
		RULE(lost_context_answers_unspec_until_it_is_destroyed),
		RULE(commands_of_virgl_need_the_feature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
