// SPDX-License-Identifier: GPL-2.0
/*
 * An open device, its sysfs files and its mappings: see device.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <dirent.h>

#include "harness.h"

int vw_open(int n, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vmwalk%d", n);
	return vw_sys(open(path, flags | O_CLOEXEC));
}

int vw_open_rw(int n)
{
	int fd = vw_open(n, O_RDWR);

	if (fd < 0)
		vw_fail("/dev/vmwalk%d cannot be opened: %s", n, strerror(-fd));
	return fd;
}

static struct vw_device open_device(int n)
{
	struct vmwalk_info info = { .size = sizeof(info) };
	struct vw_device device = { .n = n, .fd = vw_open_rw(n) };

	vw_ok(vw_ioctl(device.fd, VMWALK_IOC_INFO, &info));
	device.levels = info.paging_levels;
	return device;
}

struct vw_device vw_device_make(void)
{
	return open_device(vw_make("t", "size", vw_pages_text(16), "fill", "letters", NULL));
}

struct vw_device vw_device_make_with(const char *attr, ...)
{
	va_list args;

	vw_make_pending("t", "size", vw_pages_text(16), "fill", "letters", NULL);
	va_start(args, attr);
	for (; attr; attr = va_arg(args, const char *))
		vw_set_ok("t", attr, va_arg(args, const char *));
	va_end(args);
	vw_set_ok("t", "live", "1");
	return open_device(vw_number("t"));
}

struct vw_device vw_device_make_combo(const struct vw_combo *combo, size_t size, const char *fill)
{
	return open_device(vw_make_combo(combo, size, fill));
}

int vw_sysfs(int n, const char *file, char *buf, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/%s", n, file);
	return vw_file_read(path, buf, len);
}

long long vw_stat(int n, const char *file)
{
	char path[64], text[64], *end;
	long long value;
	int rc;

	snprintf(path, sizeof(path), "stats/%s", file);
	rc = vw_sysfs(n, path, text, sizeof(text));
	if (rc <= 0)
		vw_fail("vmwalk%d/%s cannot be read: %s", n, path, rc ? strerror(-rc) : "empty");
	value = strtoll(text, &end, 10);
	if (*end)
		vw_fail("vmwalk%d/%s is no number: %s", n, path, text);
	return value;
}

bool vw_maps_folios(void)
{
	return vw_exists("/sys/kernel/mm/transparent_hugepage") &&
	       vw_has_symbol("folio_mark_accessed");
}

void *vw_map_at(void *addr, int fd, size_t len, off_t offset, int prot, int flags)
{
	void *at = mmap(addr, len, prot, flags, fd, offset);

	if (at == MAP_FAILED && errno == EOPNOTSUPP && flags & MAP_PRIVATE)
		vw_skip("this kernel supports no private mappings of non-cacheable buffers");
	if (at == MAP_FAILED)
		vw_fail("mmap of %zu bytes at %lld: %s", len, (long long)offset, strerror(errno));
	return at;
}

unsigned char vw_fill_byte(const char *fill, size_t offset)
{
	if (!strcmp(fill, "digits"))
		return '0' + offset % 10;
	if (!strcmp(fill, "letters"))
		return 'a' + offset % 26;
	return 0;
}

bool vw_holds_fill(const void *data, const char *fill, size_t offset, size_t len)
{
	size_t period = 10 * 26;		/* a multiple of each fill's */
	const unsigned char *byte = data;

	/* memcmp() is faster: the loop has to compare the first period only. */
	if (len > period && !memcmp(byte, byte + period, len - period))
		len = period;
	for (size_t i = 0; i < len; i++) {
		if (byte[i] != vw_fill_byte(fill, offset + i)) {
			print_message("# byte %zu is 0x%02x, not 0x%02x\n", offset + i, byte[i],
				      vw_fill_byte(fill, offset + i));
			return false;
		}
	}
	return true;
}

/* Open devices and mappings of a failed test keep buffers allocated. */
void vw_drop_devices(void)
{
	char path[64], link[64], line[512], name[256];
	unsigned long start, end;
	struct dirent *entry;
	ssize_t len;
	FILE *maps;
	DIR *dir;

	dir = opendir("/proc/self/fd");
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%.16s", entry->d_name);
		len = readlink(path, link, sizeof(link) - 1);
		if (len > 0) {
			link[len] = '\0';
			if (!strncmp(link, "/dev/vmwalk", 11))
				close(atoi(entry->d_name));
		}
	}
	if (dir)
		closedir(dir);

	maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %255s", &start, &end, name) == 3 &&
		    !strncmp(name, "/dev/vmwalk", 11))
			munmap((void *)start, end - start);
	}
	if (maps)
		fclose(maps);
}
