/* SPDX-License-Identifier: MIT */
/* A host that has run out of something is no internal error, and the line says what helps. */
#include <errno.h>

#include "base/resource.h"
#include "fail_capture.h"

static void assert_told(int error, enum status expected, const char *line)
{
	fail_reset();
	errno = error;
	assert_failed(fail_resource("KVM_CREATE_VCPU %d", 7), expected, line);
}

static void what_ran_out_is_the_hosts(void **state)
{
	(void)state;
	assert_told(EMFILE, STATUS_HOST, "KVM_CREATE_VCPU 7: Too many open files; lower --cpus");
	assert_told(EMFILE, STATUS_HOST, "(ulimit -n)");
	assert_told(ENFILE, STATUS_HOST, "fs.file-max");
	assert_told(ENOMEM, STATUS_HOST, "free memory");
	assert_told(EAGAIN, STATUS_HOST, "(ulimit -u");
}

static void the_rest_is_internal(void **state)
{
	(void)state;
	assert_told(EINVAL, STATUS_INTERNAL, "KVM_CREATE_VCPU 7: Invalid argument");
	assert_told(EPERM, STATUS_INTERNAL, "Operation not permitted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ran_out_is_the_hosts),
		cmocka_unit_test(the_rest_is_internal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
