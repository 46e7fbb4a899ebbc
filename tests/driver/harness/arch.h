/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bits of page-table entries on this architecture. No other file of the
 * tests depends on them.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_ARCH_H
#define VMWALK_TESTS_ARCH_H

/*
 * vw_entry_phys()	physical address of the table or page, without the
 *			uppermost bits of addresses of 52 bits: the machines
 *			under test have less memory
 * vw_entry_caching()	caching of the page, comparable between mappings
 * VW_CACHING_*		values of vw_entry_caching() for the cache modes
 * VW_EMPTY_BITS	bits that may be set in an empty entry
 * VW_PROT_BITS		bits of an entry that come from vm_page_prot
 * vw_entry_is_exec()	whether the page is executable in user mode
 * vw_entry_forged()	a present, writable entry of user space
 * VW_IS_X86		for features that other architectures lack
 * VW_IS_USER_HALF	user space is the lower half of what the tables translate
 */
#if defined(__x86_64__)

#define VW_IS_X86	true
#define VW_IS_USER_HALF	true
#define VW_EMPTY_BITS	0x60ULL			/* some CPUs set accessed and dirty */
#define VW_PROT_BITS	(BIT_ULL(63) | 0x9fULL)

#define VW_CACHING_WB	0ULL
#define VW_CACHING_WC	BIT_ULL(3)		/* PWT */
#define VW_CACHING_UC	BIT_ULL(4)		/* PCD */

static inline __u64 vw_entry_phys(__u64 entry)
{
	return entry & 0xffffffffff000;
}

/* In entries of upper levels, the PAT bit of a PTE is PSE, and PAT is bit 12. */
static inline __u64 vw_entry_caching(__u64 entry, bool is_pte)
{
	return entry & (VW_CACHING_WC | VW_CACHING_UC | (is_pte ? BIT_ULL(7) : BIT_ULL(12)));
}

static inline bool vw_entry_is_exec(__u64 entry)
{
	return !(entry & BIT_ULL(63));
}

static inline __u64 vw_entry_forged(__u64 pfn)
{
	return 0x8000000000000067 | pfn << 12;
}

#elif defined(__aarch64__)

#define VW_IS_X86	false
#define VW_IS_USER_HALF	false
#define VW_EMPTY_BITS	0ULL
/* AttrIndx, USER, nG, PXN, UXN. The hardware may clear RDONLY. */
#define VW_PROT_BITS	(0x1cULL | BIT_ULL(6) | BIT_ULL(11) | BIT_ULL(53) | BIT_ULL(54))

#define VW_CACHING_WB	0ULL			/* MT_NORMAL, MT_NORMAL_TAGGED */
#define VW_CACHING_WC	2ULL			/* MT_NORMAL_NC */
#define VW_CACHING_UC	3ULL

static inline __u64 vw_entry_phys(__u64 entry)
{
	return entry & 0x3fffffffff000 & -PAGE;
}

static inline __u64 vw_entry_caching(__u64 entry, bool is_pte)
{
	__u64 index = entry >> 2 & 7;

	(void)is_pte;
	return index < VW_CACHING_WC ? VW_CACHING_WB : index;
}

static inline bool vw_entry_is_exec(__u64 entry)
{
	return !(entry & BIT_ULL(54));
}

static inline __u64 vw_entry_forged(__u64 pfn)
{
	return 0x60000000000f43 | pfn << PAGE_SHIFT;
}

#elif defined(__riscv)

#define VW_IS_X86	false
#define VW_IS_USER_HALF	true
#define VW_EMPTY_BITS	0ULL
#define VW_PROT_BITS	(BIT_ULL(1) | BIT_ULL(3) | BIT_ULL(4) | BIT_ULL(61) | BIT_ULL(62))

#define VW_CACHING_WB	0ULL
#define VW_CACHING_WC	1ULL			/* NC */
#define VW_CACHING_UC	2ULL			/* IO */

static inline __u64 vw_entry_phys(__u64 entry)
{
	return (entry >> 10 & (BIT_ULL(44) - 1)) << 12;
}

static inline __u64 vw_entry_caching(__u64 entry, bool is_pte)
{
	(void)is_pte;
	return entry >> 61 & 3;
}

static inline bool vw_entry_is_exec(__u64 entry)
{
	return entry & BIT_ULL(3);
}

static inline __u64 vw_entry_forged(__u64 pfn)
{
	return 0xd7 | pfn << 10;
}

#else
#error "this architecture's page-table entries are not known"
#endif

#endif /* VMWALK_TESTS_ARCH_H */
