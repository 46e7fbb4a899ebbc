/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instances in configfs, and the combinations of attributes to test.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_INSTANCE_H
#define VMWALK_TESTS_INSTANCE_H

#define VW_CONFIGFS	"/sys/kernel/config/vmwalk"
#define VW_MODULE	"/sys/module/vmwalk"
#define VW_TARGET_WRITE	VW_MODULE "/parameters/allow_target_write"

/* A buffer type with a map mode and a cache mode that it supports. */
struct vw_combo {
	const char *type;
	const char *mode;
	const char *cache;
	bool typical;		/* one of a minimal set that covers all paths */
};

/* All combinations that the kernel offers. */
extern struct vw_combo vw_combos[];
extern size_t vw_nr_combos;
#define VW_COMBOS	vw_nr_combos

/* Removes combinations that available_* do not list. The harness calls it. */
void vw_drop_combos(void);
/* Whether available_@names lists @name. */
bool vw_is_available(const char *names, const char *name);
/* Whether shared mappings hold refcounted pages; else they are PFN mappings. */
bool vw_is_refcounted(const struct vw_combo *combo);

int vw_mkdir(const char *instance);
int vw_rmdir(const char *instance);
int vw_set(const char *instance, const char *attr, const char *value);
/*
 * The same, but an error fails the test and shows last_error. Skips the test if
 * the kernel does not support track_dirty.
 */
void vw_set_ok(const char *instance, const char *attr, const char *value);
int vw_get(const char *instance, const char *attr, char *buf, size_t len);
/* Fails the test unless the attribute has this value. */
void vw_expect_attr_at(const char *file, int line, const char *instance, const char *attr,
		       const char *wanted);
#define vw_expect_attr(instance, attr, wanted) \
	vw_expect_attr_at(__FILE__, __LINE__, instance, attr, wanted)

/* The N of an instance's device. */
int vw_number(const char *instance);
/* Creates a pending instance: pairs of attribute and value, then NULL. */
void vw_make_pending(const char *instance, ...) __attribute__((sentinel));
/* The same, then sets live = 1: the N of the device. */
int vw_make(const char *instance, ...) __attribute__((sentinel));
/* The instance "t" of a combination, with this size in bytes and this fill. */
int vw_make_combo(const struct vw_combo *combo, size_t size, const char *fill);

/* The smallest address_bits that a buffer type supports on this machine. */
int vw_smallest_bits(const char *type);

/* Sets the target of the instance "t"; 0: the caller. */
void vw_set_target(pid_t pid);
/* Sets the module parameter allow_target_write until the test ends. */
void vw_allow_target_write(bool allow);

/* Removes all instances; false if one is left. The harness calls it. */
bool vw_remove_instances(void);

#endif /* VMWALK_TESTS_INSTANCE_H */
