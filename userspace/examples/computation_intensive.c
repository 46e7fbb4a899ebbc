// SPDX-License-Identifier: GPL-2.0
/*
 * Target that computes, with little memory that is always in use
 *
 *   computation_intensive [--seconds N]
 *
 * Prints its pid and the addresses of its matrices (see example.h), and then
 * squares a matrix repeatedly, modulo a prime, for N seconds or until it is
 * killed.
 *
 * Copyright (C) The vmwalk authors
 */
#include <getopt.h>
#include <time.h>

#include "example.h"

#define ORDER 64
#define PRIME 65521U

static unsigned int matrix[ORDER][ORDER], square[ORDER][ORDER];

static void fill(void)
{
	unsigned int row, column;

	for (row = 0; row < ORDER; row++)
		for (column = 0; column < ORDER; column++)
			matrix[row][column] = row * ORDER + column;
}

static void multiply(void)
{
	unsigned int row, column, i;
	unsigned long sum;

	for (row = 0; row < ORDER; row++) {
		for (column = 0; column < ORDER; column++) {
			sum = 0;
			for (i = 0; i < ORDER; i++)
				sum += (unsigned long)matrix[row][i] * matrix[i][column];
			square[row][column] = sum % PRIME;
		}
	}
	memcpy(matrix, square, sizeof(matrix));
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{},
	};
	unsigned long seconds = 0;
	time_t start;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 's')
			return 2;
		seconds = parse_number("seconds", optarg, 1000000);
	}

	fill();
	multiply();
	print_pid();
	print_region("matrix", matrix, sizeof(matrix), "read all the time");
	print_region("square", square, sizeof(square), "written all the time");
	/* The first call may map memory: do it before "ready". */
	start = now();
	print_ready();

	do
		multiply();
	while (!seconds || now() - start < (time_t)seconds);
	return EXIT_SUCCESS;
}
