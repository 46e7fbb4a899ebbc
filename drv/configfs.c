// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/config/vmwalk: the configfs tree of instances.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/configfs.h>
#include <linux/idr.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "config.h"
#include "configfs.h"
#include "device.h"
#include "errmsg.h"
#include "target.h"
#include "uapi/vmwalk.h"

/* Numbers of all instances, pending or live. */
static DEFINE_IDA(vmwalk_numbers);

/* An instance, created by mkdir(2). */
struct vmwalk_instance {
	struct config_item item;
	unsigned int number;		/* N of /dev/vmwalkN, never changes */

	struct mutex lock;		/* protects the fields below */
	struct vmwalk_config config;
	struct pid *target;		/* NULL: the caller of each ioctl */
	struct vmwalk_device *device;	/* NULL: pending */
	struct vmwalk_errmsg last_error;
};

static struct vmwalk_instance *to_vmwalk_instance(struct config_item *item)
{
	return container_of(item, struct vmwalk_instance, item);
}

static bool vmwalk_instance_is_live(const struct vmwalk_instance *instance)
{
	lockdep_assert_held(&instance->lock);

	return instance->device;
}

typedef int store_fn(struct vmwalk_instance *instance, const char *text, const void *arg,
		     struct vmwalk_errmsg *errmsg);

/*
 * Call @store with the written text, without surrounding white space. Sets
 * last_error to the error message of @store, or empties last_error on success.
 */
static ssize_t vmwalk_instance_store(struct config_item *item, const char *page, size_t count,
				     store_fn *store, const void *arg)
{
	struct vmwalk_instance *instance = to_vmwalk_instance(item);
	struct vmwalk_errmsg errmsg = { };
	char *text;
	int err;

	text = kmemdup_nul(page, count, GFP_KERNEL);
	if (!text)
		return -ENOMEM;

	/* The holder of the lock may be allocating a large buffer. */
	if (mutex_lock_killable(&instance->lock)) {
		kfree(text);
		return -EINTR;
	}
	err = store(instance, strim(text), arg, &errmsg);
	if (err)
		instance->last_error = errmsg;
	else
		instance->last_error.text[0] = '\0';
	mutex_unlock(&instance->lock);

	kfree(text);
	return err ?: count;
}

static int vmwalk_instance_store_attr(struct vmwalk_instance *instance, const char *text,
				      const void *arg, struct vmwalk_errmsg *errmsg)
{
	const struct vmwalk_attr *attr = arg;

	if (vmwalk_instance_is_live(instance))
		return vmwalk_errmsg_set(errmsg, -EBUSY, "%s can't change while live is 1",
					 attr->name);

	return attr->store(&instance->config, text, errmsg);
}

/*
 * Defines vmwalk_instance_NAME_show(), vmwalk_instance_NAME_store() and the
 * configfs attribute for an attribute of the configuration. A write goes
 * through vmwalk_instance_store() and vmwalk_instance_store_attr() to the store
 * function of vmwalk_attr_NAME in config.c.
 */
#define VMWALK_INSTANCE_ATTR(_name)						\
static ssize_t vmwalk_instance_##_name##_show(struct config_item *item, char *page) \
{										\
	struct vmwalk_instance *instance = to_vmwalk_instance(item);		\
	ssize_t len;								\
										\
	if (mutex_lock_killable(&instance->lock))				\
		return -EINTR;							\
	len = vmwalk_attr_##_name.show(&instance->config, page);		\
	mutex_unlock(&instance->lock);						\
										\
	return len;								\
}										\
										\
static ssize_t vmwalk_instance_##_name##_store(struct config_item *item,	\
					       const char *page, size_t count)	\
{										\
	return vmwalk_instance_store(item, page, count,				\
				     vmwalk_instance_store_attr, &vmwalk_attr_##_name); \
}										\
CONFIGFS_ATTR(vmwalk_instance_, _name)

VMWALK_INSTANCE_ATTR(buffer_type);
VMWALK_INSTANCE_ATTR(size);
VMWALK_INSTANCE_ATTR(map_mode);
VMWALK_INSTANCE_ATTR(cache_mode);
VMWALK_INSTANCE_ATTR(numa_node);
VMWALK_INSTANCE_ATTR(address_bits);
VMWALK_INSTANCE_ATTR(fill);
VMWALK_INSTANCE_ATTR(track_dirty);
VMWALK_INSTANCE_ATTR(fault_around);

static ssize_t vmwalk_instance_target_pid_show(struct config_item *item, char *page)
{
	struct vmwalk_instance *instance = to_vmwalk_instance(item);
	int nr;

	if (mutex_lock_killable(&instance->lock))
		return -EINTR;
	nr = pid_vnr(instance->target);
	mutex_unlock(&instance->lock);

	return sysfs_emit(page, "%d\n", nr);
}

static int vmwalk_instance_store_target(struct vmwalk_instance *instance, const char *text,
					const void *arg, struct vmwalk_errmsg *errmsg)
{
	struct pid *target = vmwalk_target_find(text, errmsg);

	if (IS_ERR(target))
		return PTR_ERR(target);

	put_pid(instance->target);
	instance->target = target;
	if (vmwalk_instance_is_live(instance))
		vmwalk_target_set(instance->device, target);

	return 0;
}

static ssize_t vmwalk_instance_target_pid_store(struct config_item *item, const char *page,
						size_t count)
{
	return vmwalk_instance_store(item, page, count, vmwalk_instance_store_target, NULL);
}
CONFIGFS_ATTR(vmwalk_instance_, target_pid);

static ssize_t vmwalk_instance_live_show(struct config_item *item, char *page)
{
	struct vmwalk_instance *instance = to_vmwalk_instance(item);
	bool live;

	if (mutex_lock_killable(&instance->lock))
		return -EINTR;
	live = vmwalk_instance_is_live(instance);
	mutex_unlock(&instance->lock);

	return sysfs_emit(page, "%d\n", live);
}

static int vmwalk_instance_publish(struct vmwalk_instance *instance, struct vmwalk_errmsg *errmsg)
{
	struct vmwalk_device *device;

	if (vmwalk_instance_is_live(instance))
		return 0;

	device = vmwalk_device_publish(instance->number, config_item_name(&instance->item),
				       &instance->config, instance->target, errmsg);
	if (IS_ERR(device))
		return PTR_ERR(device);

	instance->device = device;
	return 0;
}

static void vmwalk_instance_withdraw(struct vmwalk_instance *instance)
{
	if (!vmwalk_instance_is_live(instance))
		return;

	vmwalk_device_withdraw(instance->device);
	instance->device = NULL;
}

static int vmwalk_instance_store_live(struct vmwalk_instance *instance, const char *text,
				      const void *arg, struct vmwalk_errmsg *errmsg)
{
	if (!strcmp(text, "1"))
		return vmwalk_instance_publish(instance, errmsg);
	if (strcmp(text, "0"))
		return vmwalk_errmsg_set(errmsg, -EINVAL, "live takes 0 or 1, not '%.32s'", text);

	vmwalk_instance_withdraw(instance);
	return 0;
}

static ssize_t vmwalk_instance_live_store(struct config_item *item, const char *page,
					  size_t count)
{
	return vmwalk_instance_store(item, page, count, vmwalk_instance_store_live, NULL);
}
CONFIGFS_ATTR(vmwalk_instance_, live);

static ssize_t vmwalk_instance_dev_name_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, VMWALK_NAME "%u\n", to_vmwalk_instance(item)->number);
}
CONFIGFS_ATTR_RO(vmwalk_instance_, dev_name);

static ssize_t vmwalk_instance_last_error_show(struct config_item *item, char *page)
{
	struct vmwalk_instance *instance = to_vmwalk_instance(item);
	ssize_t len = 0;

	if (mutex_lock_killable(&instance->lock))
		return -EINTR;
	if (*instance->last_error.text)
		len = sysfs_emit(page, "%s\n", instance->last_error.text);
	mutex_unlock(&instance->lock);

	return len;
}
CONFIGFS_ATTR_RO(vmwalk_instance_, last_error);

static struct configfs_attribute *vmwalk_instance_attrs[] = {
	&vmwalk_instance_attr_live,
	&vmwalk_instance_attr_dev_name,
	&vmwalk_instance_attr_buffer_type,
	&vmwalk_instance_attr_size,
	&vmwalk_instance_attr_target_pid,
	&vmwalk_instance_attr_map_mode,
	&vmwalk_instance_attr_cache_mode,
	&vmwalk_instance_attr_numa_node,
	&vmwalk_instance_attr_address_bits,
	&vmwalk_instance_attr_fill,
	&vmwalk_instance_attr_track_dirty,
	&vmwalk_instance_attr_fault_around,
	&vmwalk_instance_attr_last_error,
	NULL
};

static void vmwalk_instance_release(struct config_item *item)
{
	struct vmwalk_instance *instance = to_vmwalk_instance(item);

	put_pid(instance->target);
	ida_free(&vmwalk_numbers, instance->number);
	mutex_destroy(&instance->lock);
	kfree(instance);
}

static struct configfs_item_operations vmwalk_instance_ops = {
	.release = vmwalk_instance_release,
};

static const struct config_item_type vmwalk_instance_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &vmwalk_instance_ops,
	.ct_attrs = vmwalk_instance_attrs,
};

static struct config_item *vmwalk_make_item(struct config_group *group, const char *name)
{
	struct vmwalk_instance *instance;
	int number;

	instance = kzalloc(sizeof(*instance), GFP_KERNEL_ACCOUNT);
	if (!instance)
		return ERR_PTR(-ENOMEM);

	/* The lowest free number; ENOSPC if there is none. */
	number = ida_alloc_max(&vmwalk_numbers, VMWALK_MAX_INSTANCES - 1, GFP_KERNEL);
	if (number < 0) {
		kfree(instance);
		return ERR_PTR(number);
	}

	instance->number = number;
	mutex_init(&instance->lock);
	vmwalk_config_init(&instance->config);
	config_item_init_type_name(&instance->item, name, &vmwalk_instance_type);

	return &instance->item;
}

/* Called by rmdir(2). */
static void vmwalk_drop_item(struct config_group *group, struct config_item *item)
{
	struct vmwalk_instance *instance = to_vmwalk_instance(item);

	mutex_lock(&instance->lock);
	vmwalk_instance_withdraw(instance);
	mutex_unlock(&instance->lock);

	config_item_put(item);
}

static struct configfs_group_operations vmwalk_group_ops = {
	.make_item = vmwalk_make_item,
	.drop_item = vmwalk_drop_item,
};

static ssize_t vmwalk_group_abi_version_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", VMWALK_ABI_VERSION);
}
CONFIGFS_ATTR_RO(vmwalk_group_, abi_version);

/* Defines the attribute available_NAMES of the group. */
#define VMWALK_GROUP_NAMES(_names)						\
static ssize_t vmwalk_group_available_##_names##_show(struct config_item *item, char *page) \
{										\
	return vmwalk_names_show(&vmwalk_##_names, page);			\
}										\
CONFIGFS_ATTR_RO(vmwalk_group_, available_##_names)

VMWALK_GROUP_NAMES(buffer_types);
VMWALK_GROUP_NAMES(map_modes);
VMWALK_GROUP_NAMES(cache_modes);
VMWALK_GROUP_NAMES(fills);

static struct configfs_attribute *vmwalk_group_attrs[] = {
	&vmwalk_group_attr_abi_version,
	&vmwalk_group_attr_available_buffer_types,
	&vmwalk_group_attr_available_map_modes,
	&vmwalk_group_attr_available_cache_modes,
	&vmwalk_group_attr_available_fills,
	NULL
};

static const struct config_item_type vmwalk_group_type = {
	.ct_owner = THIS_MODULE,
	.ct_group_ops = &vmwalk_group_ops,
	.ct_attrs = vmwalk_group_attrs,
};

static struct configfs_subsystem vmwalk_subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = VMWALK_NAME,
			.ci_type = &vmwalk_group_type,
		},
	},
};

int __init vmwalk_configfs_init(void)
{
	int err;

	config_group_init(&vmwalk_subsystem.su_group);
	mutex_init(&vmwalk_subsystem.su_mutex);

	err = configfs_register_subsystem(&vmwalk_subsystem);
	if (err)
		mutex_destroy(&vmwalk_subsystem.su_mutex);

	return err;
}

void vmwalk_configfs_exit(void)
{
	configfs_unregister_subsystem(&vmwalk_subsystem);
	mutex_destroy(&vmwalk_subsystem.su_mutex);
}
