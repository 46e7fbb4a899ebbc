/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events. A device is identified by its number.
 *
 * The driver cannot check the capabilities of a process that reads events, so
 * events must not contain PFNs or kernel addresses. User addresses are allowed,
 * because tracefs is accessible to root only.
 *
 * Copyright (C) The vmwalk authors
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vmwalk

#if !defined(VMWALK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VMWALK_TRACE_H

#include <linux/mm.h>
#include <linux/tracepoint.h>

#include "device.h"
#include "stats.h"
#include "uapi/vmwalk.h"

/* So that user space can decode the values of an enum */
TRACE_DEFINE_ENUM(VMWALK_READ_FAULTS);
TRACE_DEFINE_ENUM(VMWALK_WRITE_FAULTS);
TRACE_DEFINE_ENUM(VMWALK_MKWRITE_FAULTS);
TRACE_DEFINE_ENUM(VMWALK_HUGE_FAULTS);
TRACE_DEFINE_ENUM(VMWALK_FAILED_FAULTS);

#define vmwalk_show_type(type)				\
	__print_symbolic(type,				\
		{ VMWALK_BUFFER_KMALLOC, "kmalloc" },	\
		{ VMWALK_BUFFER_VMALLOC, "vmalloc" },	\
		{ VMWALK_BUFFER_PAGES, "pages" },	\
		{ VMWALK_BUFFER_HUGE, "huge" },		\
		{ VMWALK_BUFFER_DMA, "dma" })

#define vmwalk_show_mode(mode)				\
	__print_symbolic(mode,				\
		{ VMWALK_MAP_REMAP, "remap" },		\
		{ VMWALK_MAP_INSERT, "insert" },	\
		{ VMWALK_MAP_FAULT, "fault" })

TRACE_EVENT(vmwalk_live,
	TP_PROTO(const struct vmwalk_device *device),
	TP_ARGS(device),
	TP_STRUCT__entry(
		__field(unsigned int, number)
		__field(unsigned int, buffer_type)
		__field(unsigned int, map_mode)
		__field(size_t, size)
		__field(unsigned long, segments)
	),
	TP_fast_assign(
		__entry->number = device->number;
		__entry->buffer_type = device->config.buffer_type;
		__entry->map_mode = device->config.map_mode;
		__entry->size = device->buffer.size;
		__entry->segments = device->buffer.segments;
	),
	TP_printk("instance=%u buffer_type=%s map_mode=%s size=%zu segments=%lu",
		  __entry->number, vmwalk_show_type(__entry->buffer_type),
		  vmwalk_show_mode(__entry->map_mode), __entry->size, __entry->segments)
);

TRACE_EVENT(vmwalk_dead,
	TP_PROTO(const struct vmwalk_device *device),
	TP_ARGS(device),
	TP_STRUCT__entry(
		__field(unsigned int, number)
		__field(long, opens)
	),
	TP_fast_assign(
		__entry->number = device->number;
		__entry->opens = atomic_long_read(&device->opens);
	),
	TP_printk("instance=%u opens=%ld", __entry->number, __entry->opens)
);

TRACE_EVENT(vmwalk_mmap,
	TP_PROTO(const struct vmwalk_device *device, const struct vm_area_struct *vma, int err),
	TP_ARGS(device, vma, err),
	TP_STRUCT__entry(
		__field(unsigned int, number)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(unsigned long, pgoff)
		__field(bool, shared)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->number = device->number;
		__entry->start = vma->vm_start;
		__entry->end = vma->vm_end;
		__entry->pgoff = vma->vm_pgoff;
		__entry->shared = vma->vm_flags & VM_MAYSHARE;
		__entry->err = err;
	),
	TP_printk("instance=%u start=0x%lx end=0x%lx pgoff=%lu %s err=%d",
		  __entry->number, __entry->start, __entry->end, __entry->pgoff,
		  __entry->shared ? "shared" : "private", __entry->err)
);

TRACE_EVENT(vmwalk_fault,
	TP_PROTO(const struct vmwalk_device *device, const struct vm_fault *vmf,
		 enum vmwalk_counter kind),
	TP_ARGS(device, vmf, kind),
	TP_STRUCT__entry(
		__field(unsigned int, number)
		__field(unsigned long, address)
		__field(unsigned long, pgoff)
		__field(unsigned int, kind)
	),
	TP_fast_assign(
		__entry->number = device->number;
		__entry->address = vmf->address;
		__entry->pgoff = vmf->pgoff;
		__entry->kind = kind;
	),
	TP_printk("instance=%u address=0x%lx pgoff=%lu kind=%s",
		  __entry->number, __entry->address, __entry->pgoff,
		  __print_symbolic(__entry->kind,
				   { VMWALK_READ_FAULTS, "read" },
				   { VMWALK_WRITE_FAULTS, "write" },
				   { VMWALK_MKWRITE_FAULTS, "mkwrite" },
				   { VMWALK_HUGE_FAULTS, "huge" },
				   { VMWALK_FAILED_FAULTS, "failed" }))
);

TRACE_EVENT(vmwalk_scan,
	TP_PROTO(const struct vmwalk_device *device, const struct vmwalk_scan *scan, u64 pages,
		 u64 extents, long ret),
	TP_ARGS(device, scan, pages, extents, ret),
	TP_STRUCT__entry(
		__field(unsigned int, number)
		__field(u64, start)
		__field(u64, walk_end)
		__field(u64, pages)
		__field(u64, extents)
		__field(long, ret)
	),
	TP_fast_assign(
		__entry->number = device->number;
		__entry->start = scan->start;
		__entry->walk_end = scan->walk_end;
		__entry->pages = pages;
		__entry->extents = extents;
		__entry->ret = ret;
	),
	TP_printk("instance=%u start=0x%llx walk_end=0x%llx pages=%llu extents=%llu ret=%ld",
		  __entry->number, __entry->start, __entry->walk_end, __entry->pages,
		  __entry->extents, __entry->ret)
);

#endif /* VMWALK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
