/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The buffer types: allocate and free the memory of a buffer.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_ALLOC_H
#define VMWALK_ALLOC_H

#include <linux/pgtable.h>
#include <linux/types.h>

/* A chunk of a huge buffer has the size that one PMD entry maps. */
#define VMWALK_HUGE_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define VMWALK_HUGE_PAGES	(PMD_SIZE / PAGE_SIZE)

struct vmwalk_buffer;
struct vmwalk_errmsg;

/**
 * struct vmwalk_buffer_type - operations of a buffer type
 * @limit: prepares @create for fewer than VMWALK_MAX_ADDRESS_BITS address_bits.
 *         Returns 0; -EINTR on a fatal signal; or -EOPNOTSUPP with @errmsg set
 *         if the kernel cannot limit the allocation
 * @create: allocates zeroed memory on a NUMA node (NUMA_NO_NODE: any node) and
 *          fills in the buffer's pages. Returns 0; -EINTR on a fatal signal; or
 *          another negative errno with @errmsg set. On error nothing stays
 *          allocated
 * @destroy: frees the memory
 * @charge: returns the number of pages that @create allocates for a buffer of
 *          @nr_pages pages
 * @refcounted: each page has its own reference count, so that page tables can
 *              hold references; required by VMWALK_MAP_INSERT, see config.c
 * @from_cma: the memory may come from a CMA area
 * @zones: GFP flags of the zones that @create can be limited to
 */
struct vmwalk_buffer_type {
	int (*limit)(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg);
	int (*create)(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg);
	void (*destroy)(struct vmwalk_buffer *buffer);
	unsigned long (*charge)(unsigned long nr_pages);
	bool refcounted;
	bool from_cma;
	gfp_t zones;
};

/* Indexed by VMWALK_BUFFER_*. */
extern const struct vmwalk_buffer_type vmwalk_buffer_type_ops[];

int vmwalk_alloc_check(const struct vmwalk_buffer *buffer, unsigned long done, int node,
		       struct vmwalk_errmsg *errmsg);

int vmwalk_alloc_init(void);
void vmwalk_alloc_exit(void);

#endif /* VMWALK_ALLOC_H */
