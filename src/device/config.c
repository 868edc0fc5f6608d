/* SPDX-License-Identifier: MIT */
/*
 * The configuration space ("Device configuration layout"). VMMs forward
 * accesses of any size and offset, whole-structure writes included; only
 * events_clear takes any effect.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "device/device.h"

size_t paragpu_device_config_size(const struct paragpu_device *device)
{
	(void)device;
	return sizeof(struct virtio_gpu_config);
}

void paragpu_device_read_config(const struct paragpu_device *device, size_t offset, void *buffer,
				size_t size)
{
	const struct virtio_gpu_config config = {
		.events_read = pg_to_le32(device->events),
		.num_scanouts = pg_to_le32(device->head_count),
		.num_capsets = pg_to_le32(device->capset_count),
		.blob_alignment = pg_to_le32(device->blob_alignment),
	};

	memset(buffer, 0, size);
	if (offset >= sizeof(config))
		return;
	if (size > sizeof(config) - offset)
		size = sizeof(config) - offset;
	memcpy(buffer, (const uint8_t *)&config + offset, size);
}

void paragpu_device_write_config(struct paragpu_device *device, size_t offset, const void *buffer,
				 size_t size)
{
	const size_t first = offsetof(struct virtio_gpu_config, events_clear);
	const uint8_t *bytes = buffer;
	uint32_t clear = 0;

	for (size_t i = 0; i < sizeof(le32); i++) {
		size_t at = first + i;

		if (at >= offset && at - offset < size)
			clear |= (uint32_t)bytes[at - offset] << (8 * i);
	}
	device->events &= ~clear;
}

int paragpu_device_set_head(struct paragpu_device *device, uint32_t index,
			    const struct paragpu_head *head)
{
	if (index >= device->head_count || !pg_head_valid(head, NULL))
		return -EINVAL;
	device->heads[index] = *head;
	device->events |= VIRTIO_GPU_EVENT_DISPLAY;
	if (device->host.config_changed)
		device->host.config_changed(device->host.data);
	return 0;
}

int paragpu_device_get_head(const struct paragpu_device *device, uint32_t index,
			    struct paragpu_head *head)
{
	if (index >= device->head_count)
		return -EINVAL;
	*head = device->heads[index];
	return 0;
}
