// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top: the lines above the rows
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"

static void format_time(char *text, size_t size, double seconds)
{
	if (seconds < 0.01)
		snprintf(text, size, "%.1f ms", seconds * 1000);
	else if (seconds < 1)
		snprintf(text, size, "%.0f ms", seconds * 1000);
	else
		snprintf(text, size, "%.1f s", seconds);
}

char *top_status(const struct top *top, double delay)
{
	double interval = top_interval(top, delay);
	char clock[32] = "", cost[32], period[32], asked[48] = "";
	time_t now = time(NULL);
	struct tm local;

	if (localtime_r(&now, &local))
		strftime(clock, sizeof(clock), "%F %T", &local);
	format_time(cost, sizeof(cost), top->cost);
	format_time(period, sizeof(period), interval);
	if (interval > delay)
		snprintf(asked, sizeof(asked), " instead of %g s", delay);
	return text("%s  scans take %s of %s%s (%.0f%%)", clock, cost, period, asked,
		    top->cost * 100 / interval);
}

static char *size(__u64 amount, bool bytes)
{
	return bytes ? text("%llu", amount) : amount_text(amount);
}

static char *sums(const struct top_sums *total, bool bytes)
{
	char *resident = size(total->resident, bytes);
	char *swap = size(total->swap, bytes);
	char *hugetlb = size(total->hugetlb, bytes);
	char *line = NULL;

	if (resident && swap && hugetlb)
		line = text(": RSS %s, swap %s, hugetlb %s (each frame once)", resident, swap,
			    hugetlb);
	free(resident);
	free(swap);
	free(hugetlb);
	return line;
}

char *top_total(const struct top *top, bool bytes)
{
	char *total, *line = NULL;

	if (!top->nr_scanned)
		total = strdup("");
	else if (top->hidden)
		total = text(": no total and no moves, since PFNs are hidden: %s",
			     LACKS("CAP_SYS_ADMIN"));
	else
		total = sums(&top->total, bytes);
	if (total)
		line = text("%zu of %zu processes scanned%s", top->nr_scanned, top->nr_rows, total);
	free(total);
	return line;
}
