// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts the instructions that an x86 guest executes between
 * two marks.
 *
 * Copyright (C) The vmwalk authors
 *
 * The marks are instructions without an effect: "xchg %bx,%bx" starts counting
 * and "xchg %cx,%cx" stops it. When the guest ends, the plugin writes a line for
 * each translated block that was executed in between: its address and the number
 * of executed instructions. The first line has the largest number of
 * instructions from a "cli" to the next "sti", in whole blocks: for so long,
 * interrupts were disabled. The guest has one processor.
 */
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu-plugin.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 4;

struct block {
	struct block *next;
	__u64 addr;
	__u64 instructions;
	__u64 executed;
};

static struct block *blocks;
static const char *path;
static bool counting;
/* Executed instructions; when interrupts were disabled, 0 if they are enabled */
static __u64 executed, disabled, longest;

static void start(unsigned int processor, void *data)
{
	(void)processor;
	(void)data;
	counting = true;
}

static void stop(unsigned int processor, void *data)
{
	(void)processor;
	(void)data;
	counting = false;
	disabled = 0;
}

static void disable(unsigned int processor, void *data)
{
	(void)processor;
	(void)data;
	if (counting && !disabled)
		disabled = executed;
}

static void enable(unsigned int processor, void *data)
{
	(void)processor;
	(void)data;
	if (disabled && executed - disabled > longest)
		longest = executed - disabled;
	disabled = 0;
}

static void count(unsigned int processor, void *data)
{
	struct block *block = data;

	(void)processor;
	if (!counting)
		return;
	block->executed += block->instructions;
	executed += block->instructions;
}

/* The instructions that the plugin has to know, and what to do then */
static const struct {
	size_t len;
	__u8 bytes[3];
	qemu_plugin_exec_cb executed;
} known[] = {
	{ 3, { 0x66, 0x87, 0xdb }, start },
	{ 3, { 0x66, 0x87, 0xc9 }, stop },
	{ 1, { 0xfa }, disable },	/* cli */
	{ 1, { 0xfb }, enable },	/* sti */
};

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = calloc(1, sizeof(*block));

	(void)id;
	if (!block)
		abort();
	block->addr = qemu_plugin_tb_vaddr(tb);
	block->instructions = qemu_plugin_tb_n_insns(tb);
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, count, QEMU_PLUGIN_CB_NO_REGS, block);

	for (size_t i = 0; i < block->instructions; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		size_t len = qemu_plugin_insn_size(insn);
		__u8 bytes[3];

		if (len > sizeof(bytes))
			continue;
		qemu_plugin_insn_data(insn, bytes, len);
		for (size_t j = 0; j < COUNT(known); j++)
			if (len == known[j].len && !memcmp(bytes, known[j].bytes, len))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, known[j].executed,
								       QEMU_PLUGIN_CB_NO_REGS,
								       NULL);
	}
}

static void finish(qemu_plugin_id_t id, void *data)
{
	FILE *out = fopen(path, "w");

	(void)id;
	(void)data;
	if (!out) {
		perror(path);
		return;
	}
	fprintf(out, "%llu\n", longest);
	for (const struct block *block = blocks; block; block = block->next)
		if (block->executed)
			fprintf(out, "%016llx %llu\n", block->addr,
				block->executed);
	if (fclose(out))
		perror(path);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc,
			       char **argv)
{
	static const char option[] = "out=";

	(void)info;
	if (argc != 1 || strncmp(argv[0], option, strlen(option)) != 0) {
		fprintf(stderr, "profile: the only argument is out=FILE\n");
		return -1;
	}
	path = strdup(argv[0] + strlen(option));
	if (!path)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, NULL);

	return 0;
}
