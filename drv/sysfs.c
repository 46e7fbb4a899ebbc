// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/class/vmwalk/vmwalkN: attributes and counters of a device.
 *
 * Copyright (C) The vmwalk authors
 *
 * Attributes need no reference to the device: removal of the directory waits
 * for readers and writers, and the instance references the device until then.
 */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/security.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "config.h"
#include "device.h"
#include "dirty.h"
#include "rmap.h"
#include "stats.h"
#include "sysfs.h"
#include "target.h"

static ssize_t name_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vmwalk_device *device = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", device->name);
}
static DEVICE_ATTR_RO(name);

/* Defines dev_attr_NAME for an attribute that config.c formats. */
#define VMWALK_SYSFS_CONFIG(_name)						\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
{										\
	struct vmwalk_device *device = dev_get_drvdata(dev);			\
										\
	return vmwalk_attr_##_name.show(&device->config, buf);			\
}										\
static DEVICE_ATTR_RO(_name)

VMWALK_SYSFS_CONFIG(buffer_type);
VMWALK_SYSFS_CONFIG(size);
VMWALK_SYSFS_CONFIG(map_mode);
VMWALK_SYSFS_CONFIG(numa_node);

/* May differ from the configuration: for dma, the DMA API chooses the mode. */
static ssize_t cache_mode_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vmwalk_device *device = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", vmwalk_cache_modes.name[device->buffer.cache_mode]);
}
static DEVICE_ATTR_RO(cache_mode);

static ssize_t target_pid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", vmwalk_target_pid_nr(dev_get_drvdata(dev)));
}
static DEVICE_ATTR_RO(target_pid);

/*
 * Physical addresses read 0x0 if the opener lacks CAP_SYS_ADMIN, as in
 * /proc/PID/pagemap. Only binary attributes get the struct file, which has the
 * opener's credentials.
 */
static ssize_t read_phys(struct file *file, u64 phys, char *buf, loff_t offset, size_t count)
{
	char text[32];
	int len;

	if (phys && (!file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN) ||
		     security_locked_down(LOCKDOWN_KCORE)))
		phys = 0;
	len = scnprintf(text, sizeof(text), "0x%llx\n", phys);

	return memory_read_from_buffer(buf, count, &offset, text, len);
}

/* Also reads 0x0 if the buffer is not contiguous. */
static ssize_t phys_addr_read(struct file *file, struct kobject *kobj, vmwalk_bin_attribute *attr,
			      char *buf, loff_t offset, size_t count)
{
	struct vmwalk_device *device = dev_get_drvdata(kobj_to_dev(kobj));
	u64 phys = 0;

	if (device->buffer.segments == 1)
		phys = PFN_PHYS(vmwalk_buffer_pfn(&device->buffer, 0));

	return read_phys(file, phys, buf, offset, count);
}
static BIN_ATTR_RO(phys_addr, 0);

/* The last byte of the highest page. */
static ssize_t phys_addr_max_read(struct file *file, struct kobject *kobj,
				  vmwalk_bin_attribute *attr, char *buf, loff_t offset,
				  size_t count)
{
	struct vmwalk_device *device = dev_get_drvdata(kobj_to_dev(kobj));
	u64 phys = PFN_PHYS(device->buffer.highest_pfn) + PAGE_SIZE - 1;

	return read_phys(file, phys, buf, offset, count);
}
static BIN_ATTR_RO(phys_addr_max, 0);

static ssize_t segments_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vmwalk_device *device = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%lu\n", device->buffer.segments);
}
static DEVICE_ATTR_RO(segments);

static struct attribute *vmwalk_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_buffer_type.attr,
	&dev_attr_size.attr,
	&dev_attr_target_pid.attr,
	&dev_attr_map_mode.attr,
	&dev_attr_cache_mode.attr,
	&dev_attr_numa_node.attr,
	&dev_attr_segments.attr,
	NULL
};

static vmwalk_bin_attribute *vmwalk_bin_attrs[] = {
	&bin_attr_phys_addr,
	&bin_attr_phys_addr_max,
	NULL
};

static const struct attribute_group vmwalk_group = {
	.attrs = vmwalk_attrs,
	.bin_attrs = vmwalk_bin_attrs,
};

static ssize_t faults_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vmwalk_device *device = dev_get_drvdata(dev);
	u64 faults = 0;
	int i;

	for (i = VMWALK_READ_FAULTS; i <= VMWALK_FAILED_FAULTS; i++)
		faults += vmwalk_stats_read(&device->stats, i);

	return sysfs_emit(buf, "%llu\n", faults);
}
static DEVICE_ATTR_RO(faults);

#define VMWALK_SYSFS_COUNTER(_name, _counter)					\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
{										\
	struct vmwalk_device *device = dev_get_drvdata(dev);			\
										\
	return sysfs_emit(buf, "%llu\n", vmwalk_stats_read(&device->stats, _counter)); \
}										\
static DEVICE_ATTR_RO(_name)

VMWALK_SYSFS_COUNTER(read_faults, VMWALK_READ_FAULTS);
VMWALK_SYSFS_COUNTER(write_faults, VMWALK_WRITE_FAULTS);
VMWALK_SYSFS_COUNTER(mkwrite_faults, VMWALK_MKWRITE_FAULTS);
VMWALK_SYSFS_COUNTER(huge_faults, VMWALK_HUGE_FAULTS);
VMWALK_SYSFS_COUNTER(failed_faults, VMWALK_FAILED_FAULTS);
VMWALK_SYSFS_COUNTER(walks, VMWALK_WALKS);
VMWALK_SYSFS_COUNTER(walked_pages, VMWALK_WALKED_PAGES);
VMWALK_SYSFS_COUNTER(walk_ns, VMWALK_WALK_NS);
VMWALK_SYSFS_COUNTER(extents, VMWALK_EXTENTS);

/* mapped_pages and mappings are for root only: counting holds i_mmap_rwsem. */
static ssize_t mapped_pages_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	long pages = vmwalk_rmap_count_pages(dev_get_drvdata(dev));

	return pages < 0 ? pages : sysfs_emit(buf, "%ld\n", pages);
}
static DEVICE_ATTR_ADMIN_RO(mapped_pages);

static ssize_t mappings_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	long mappings = vmwalk_rmap_count_vmas(dev_get_drvdata(dev));

	return mappings < 0 ? mappings : sysfs_emit(buf, "%ld\n", mappings);
}
static DEVICE_ATTR_ADMIN_RO(mappings);

static ssize_t opens_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vmwalk_device *device = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%ld\n", atomic_long_read(&device->opens));
}
static DEVICE_ATTR_RO(opens);

static ssize_t dirty_pages_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	long pages = vmwalk_dirty_count(dev_get_drvdata(dev));

	return pages < 0 ? pages : sysfs_emit(buf, "%ld\n", pages);
}
static DEVICE_ATTR_RO(dirty_pages);

static ssize_t reset_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	struct vmwalk_device *device = dev_get_drvdata(dev);

	if (!sysfs_streq(buf, "1"))
		return -EINVAL;

	vmwalk_stats_reset(&device->stats);
	return count;
}
static DEVICE_ATTR_WO(reset);

static struct attribute *vmwalk_stats_attrs[] = {
	&dev_attr_faults.attr,
	&dev_attr_read_faults.attr,
	&dev_attr_write_faults.attr,
	&dev_attr_mkwrite_faults.attr,
	&dev_attr_huge_faults.attr,
	&dev_attr_failed_faults.attr,
	&dev_attr_mapped_pages.attr,
	&dev_attr_mappings.attr,
	&dev_attr_opens.attr,
	&dev_attr_dirty_pages.attr,
	&dev_attr_walks.attr,
	&dev_attr_walked_pages.attr,
	&dev_attr_walk_ns.attr,
	&dev_attr_extents.attr,
	&dev_attr_reset.attr,
	NULL
};

static const struct attribute_group vmwalk_stats_group = {
	.name = "stats",
	.attrs = vmwalk_stats_attrs,
};

const struct attribute_group *vmwalk_sysfs_groups[] = {
	&vmwalk_group,
	&vmwalk_stats_group,
	NULL
};
