// SPDX-License-Identifier: GPL-2.0
/*
 * The classic format is the default: the textfile collector of node_exporter
 * drops a file that has types of OpenMetrics, such as info, and a counter whose
 * TYPE has no "_total" loses its type and help there.
 *
 * Copyright (C) The vmwalk authors
 */
#include <string.h>

#include "prometheus.h"

void prometheus_metric(struct prometheus *prometheus, const char *name, enum metric_type type,
		       const char *help)
{
	static const char *const classic[] = { "gauge", "counter", "gauge" };
	static const char *const openmetrics[] = { "gauge", "counter", "info" };
	static const char *const suffixes[] = { "", "_total", "_info" };
	bool open = prometheus->openmetrics;
	int len = strlen(name);

	if (open)
		len -= strlen(suffixes[type]);
	prometheus->metric = name;
	fprintf(prometheus->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, name, help, len, name,
		open ? openmetrics[type] : classic[type]);
}

/* Write the value of a label. It has to be UTF-8: other bytes become U+FFFD. */
static void write_value(FILE *out, const char *value)
{
	size_t bytes, left = strlen(value);
	__u32 character;

	for (; left; value += bytes, left -= bytes) {
		bytes = utf8_decode(value, left, &character);
		if (!bytes) {
			fputs("\xef\xbf\xbd", out);
			bytes = 1;
		} else if (character == '\n') {
			fputs("\\n", out);
		} else {
			if (character == '"' || character == '\\')
				fputc('\\', out);
			fwrite(value, 1, bytes, out);
		}
	}
}

static void write_labels(const struct prometheus *prometheus, const char *const *labels)
{
	size_t i;

	fputs(prometheus->metric, prometheus->out);
	for (i = 0; labels[i]; i += 2) {
		fprintf(prometheus->out, "%s%s=\"", i ? "," : "{", labels[i]);
		write_value(prometheus->out, labels[i + 1]);
		fputc('"', prometheus->out);
	}
	if (i)
		fputc('}', prometheus->out);
}

void prometheus_sample(struct prometheus *prometheus, __u64 value, const char *const *labels)
{
	write_labels(prometheus, labels);
	fprintf(prometheus->out, " %llu\n", value);
}

void prometheus_seconds(struct prometheus *prometheus, __u64 ns, const char *const *labels)
{
	write_labels(prometheus, labels);
	fprintf(prometheus->out, " %llu.%09llu\n", ns / 1000000000, ns % 1000000000);
}

void prometheus_end(struct prometheus *prometheus)
{
	if (prometheus->openmetrics)
		fputs("# EOF\n", prometheus->out);
}
