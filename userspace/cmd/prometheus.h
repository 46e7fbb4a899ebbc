/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writer of metrics in the text format of Prometheus, or in OpenMetrics text
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_PROMETHEUS_H
#define _VMWALK_PROMETHEUS_H

#include "command.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_INFO };

struct prometheus {
	FILE *out;
	bool openmetrics;
	const char *metric; /* the current one */
};

/*
 * Begin a metric. The names of counters end in "_total", those of infos in
 * "_info". All samples of a metric must follow each other.
 */
void prometheus_metric(struct prometheus *prometheus, const char *name, enum metric_type type,
		       const char *help);

/*
 * Write a sample of the current metric. @labels are names and values of labels,
 * and end with NULL; values may have any bytes.
 */
void prometheus_sample(struct prometheus *prometheus, __u64 value, const char *const *labels);
void prometheus_seconds(struct prometheus *prometheus, __u64 ns, const char *const *labels);

#define LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Write the end. Check ferror() of the stream afterwards. */
void prometheus_end(struct prometheus *prometheus);

#endif /* _VMWALK_PROMETHEUS_H */
