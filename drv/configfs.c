// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/config/vmwalk: one item per instance, and what this build offers.
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

#include "internal.h"

/* Numbers of all items, live or not. */
static DEFINE_IDA(vmwalk_numbers);

struct vmwalk_item {
	struct config_item item;
	unsigned int number;		/* N of vmwalkN, for the item's whole life */

	struct mutex lock;		/* protects the below */
	struct vmwalk_config config;
	struct pid *target;		/* NULL: whoever makes the call */
	struct vmwalk_device *device;	/* NULL: pending */
	struct vmwalk_reason last_error;
};

static struct vmwalk_item *to_vmwalk_item(struct config_item *item)
{
	return container_of(item, struct vmwalk_item, item);
}

static bool vmwalk_item_is_live(const struct vmwalk_item *item)
{
	lockdep_assert_held(&item->lock);

	return item->device;
}

/*
 * Returns the value that @store returned. On error its message becomes the
 * item's last_error, on success last_error becomes empty.
 */
static ssize_t vmwalk_item_store(struct config_item *config_item, const char *page, size_t count,
				 int (*store)(struct vmwalk_item *item, const char *text,
					      const void *arg, struct vmwalk_reason *why),
				 const void *arg)
{
	struct vmwalk_item *item = to_vmwalk_item(config_item);
	struct vmwalk_reason why = { };
	char *text;
	int err;

	text = kmemdup_nul(page, count, GFP_KERNEL);
	if (!text)
		return -ENOMEM;

	/* The holder may be allocating a large buffer. */
	if (mutex_lock_killable(&item->lock)) {
		kfree(text);
		return -EINTR;
	}
	err = store(item, strim(text), arg, &why);
	if (err)
		item->last_error = why;
	else
		item->last_error.text[0] = '\0';
	mutex_unlock(&item->lock);

	kfree(text);
	return err ?: count;
}

static int vmwalk_item_store_field(struct vmwalk_item *item, const char *text, const void *arg,
				   struct vmwalk_reason *why)
{
	const struct vmwalk_field *field = arg;

	if (vmwalk_item_is_live(item))
		return vmwalk_refuse(why, -EBUSY, "%s can't change while live is 1", field->name);

	return field->store(&item->config, text, why);
}

#define VMWALK_ITEM_FIELD(_name)						\
static ssize_t vmwalk_item_##_name##_show(struct config_item *config_item, char *page) \
{										\
	struct vmwalk_item *item = to_vmwalk_item(config_item);			\
	ssize_t len;								\
										\
	if (mutex_lock_killable(&item->lock))					\
		return -EINTR;							\
	len = vmwalk_field_##_name.show(&item->config, page);			\
	mutex_unlock(&item->lock);						\
										\
	return len;								\
}										\
										\
static ssize_t vmwalk_item_##_name##_store(struct config_item *config_item,	\
					   const char *page, size_t count)	\
{										\
	return vmwalk_item_store(config_item, page, count,			\
				 vmwalk_item_store_field, &vmwalk_field_##_name); \
}										\
CONFIGFS_ATTR(vmwalk_item_, _name)

VMWALK_ITEM_FIELD(buffer_type);
VMWALK_ITEM_FIELD(size);
VMWALK_ITEM_FIELD(map_mode);
VMWALK_ITEM_FIELD(cache_mode);
VMWALK_ITEM_FIELD(numa_node);
VMWALK_ITEM_FIELD(fill);
VMWALK_ITEM_FIELD(track_dirty);
VMWALK_ITEM_FIELD(fault_around);

static ssize_t vmwalk_item_target_pid_show(struct config_item *config_item, char *page)
{
	struct vmwalk_item *item = to_vmwalk_item(config_item);
	int nr;

	if (mutex_lock_killable(&item->lock))
		return -EINTR;
	nr = pid_vnr(item->target);
	mutex_unlock(&item->lock);

	return sysfs_emit(page, "%d\n", nr);
}

static int vmwalk_item_store_target(struct vmwalk_item *item, const char *text, const void *arg,
				    struct vmwalk_reason *why)
{
	struct pid *target = vmwalk_target_find(text, why);

	if (IS_ERR(target))
		return PTR_ERR(target);

	put_pid(item->target);
	item->target = target;
	if (vmwalk_item_is_live(item))
		vmwalk_target_set(item->device, target);

	return 0;
}

static ssize_t vmwalk_item_target_pid_store(struct config_item *config_item, const char *page,
					    size_t count)
{
	return vmwalk_item_store(config_item, page, count, vmwalk_item_store_target, NULL);
}
CONFIGFS_ATTR(vmwalk_item_, target_pid);

static ssize_t vmwalk_item_live_show(struct config_item *config_item, char *page)
{
	struct vmwalk_item *item = to_vmwalk_item(config_item);
	bool live;

	if (mutex_lock_killable(&item->lock))
		return -EINTR;
	live = vmwalk_item_is_live(item);
	mutex_unlock(&item->lock);

	return sysfs_emit(page, "%d\n", live);
}

static int vmwalk_item_publish(struct vmwalk_item *item, struct vmwalk_reason *why)
{
	struct vmwalk_device *device;

	if (vmwalk_item_is_live(item))
		return 0;

	device = vmwalk_instance_publish(item->number, config_item_name(&item->item),
					 &item->config, item->target, why);
	if (IS_ERR(device))
		return PTR_ERR(device);

	item->device = device;
	return 0;
}

static void vmwalk_item_withdraw(struct vmwalk_item *item)
{
	if (!vmwalk_item_is_live(item))
		return;

	vmwalk_instance_withdraw(item->device);
	item->device = NULL;
}

static int vmwalk_item_store_live(struct vmwalk_item *item, const char *text, const void *arg,
				  struct vmwalk_reason *why)
{
	if (!strcmp(text, "1"))
		return vmwalk_item_publish(item, why);
	if (strcmp(text, "0"))
		return vmwalk_refuse(why, -EINVAL, "live takes 0 or 1, not '%.32s'", text);

	vmwalk_item_withdraw(item);
	return 0;
}

static ssize_t vmwalk_item_live_store(struct config_item *config_item, const char *page,
				      size_t count)
{
	return vmwalk_item_store(config_item, page, count, vmwalk_item_store_live, NULL);
}
CONFIGFS_ATTR(vmwalk_item_, live);

static ssize_t vmwalk_item_dev_name_show(struct config_item *config_item, char *page)
{
	return sysfs_emit(page, VMWALK_NAME "%u\n", to_vmwalk_item(config_item)->number);
}
CONFIGFS_ATTR_RO(vmwalk_item_, dev_name);

static ssize_t vmwalk_item_last_error_show(struct config_item *config_item, char *page)
{
	struct vmwalk_item *item = to_vmwalk_item(config_item);
	ssize_t len = 0;

	if (mutex_lock_killable(&item->lock))
		return -EINTR;
	if (*item->last_error.text)
		len = sysfs_emit(page, "%s\n", item->last_error.text);
	mutex_unlock(&item->lock);

	return len;
}
CONFIGFS_ATTR_RO(vmwalk_item_, last_error);

static struct configfs_attribute *vmwalk_item_attrs[] = {
	&vmwalk_item_attr_live,
	&vmwalk_item_attr_dev_name,
	&vmwalk_item_attr_buffer_type,
	&vmwalk_item_attr_size,
	&vmwalk_item_attr_target_pid,
	&vmwalk_item_attr_map_mode,
	&vmwalk_item_attr_cache_mode,
	&vmwalk_item_attr_numa_node,
	&vmwalk_item_attr_fill,
	&vmwalk_item_attr_track_dirty,
	&vmwalk_item_attr_fault_around,
	&vmwalk_item_attr_last_error,
	NULL
};

static void vmwalk_item_release(struct config_item *config_item)
{
	struct vmwalk_item *item = to_vmwalk_item(config_item);

	put_pid(item->target);
	ida_free(&vmwalk_numbers, item->number);
	mutex_destroy(&item->lock);
	kfree(item);
}

static struct configfs_item_operations vmwalk_item_ops = {
	.release = vmwalk_item_release,
};

static const struct config_item_type vmwalk_item_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &vmwalk_item_ops,
	.ct_attrs = vmwalk_item_attrs,
};

static struct config_item *vmwalk_make_item(struct config_group *group, const char *name)
{
	struct vmwalk_item *item;
	int number;

	item = kzalloc(sizeof(*item), GFP_KERNEL_ACCOUNT);
	if (!item)
		return ERR_PTR(-ENOMEM);

	/* The lowest free number; ENOSPC if there is none. */
	number = ida_alloc_max(&vmwalk_numbers, VMWALK_MAX_INSTANCES - 1, GFP_KERNEL);
	if (number < 0) {
		kfree(item);
		return ERR_PTR(number);
	}

	item->number = number;
	mutex_init(&item->lock);
	vmwalk_config_init(&item->config);
	config_item_init_type_name(&item->item, name, &vmwalk_item_type);

	return &item->item;
}

/* rmdir(2): the same way down as live = 0. */
static void vmwalk_drop_item(struct config_group *group, struct config_item *config_item)
{
	struct vmwalk_item *item = to_vmwalk_item(config_item);

	mutex_lock(&item->lock);
	vmwalk_item_withdraw(item);
	mutex_unlock(&item->lock);

	config_item_put(config_item);
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

#define VMWALK_GROUP_WORDS(_words)						\
static ssize_t vmwalk_group_available_##_words##_show(struct config_item *item, char *page) \
{										\
	return vmwalk_words_show(&vmwalk_##_words, page);			\
}										\
CONFIGFS_ATTR_RO(vmwalk_group_, available_##_words)

VMWALK_GROUP_WORDS(buffer_types);
VMWALK_GROUP_WORDS(map_modes);
VMWALK_GROUP_WORDS(cache_modes);
VMWALK_GROUP_WORDS(fills);

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
