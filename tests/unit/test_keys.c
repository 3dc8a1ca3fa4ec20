/* SPDX-License-Identifier: MIT */
/* Keys at the terminal: what is the guest's and what is minivmm's. */
#include "devices/keys.h"
#include "fail_capture.h"

#define CTRL(letter) ((letter)&0x1f)

static void all_other_keys_are_the_guests(void **state)
{
	struct keys keys = { 0 };

	(void)state;
	for (int byte = 0; byte < 256; byte++)
		if (byte != CTRL('a'))
			assert_int_equal(keys_take(&keys, (uint8_t)byte, true), KEY_SEND);
}

static void commands_follow_ctrl_a(void **state)
{
	static const struct {
		uint8_t byte;
		enum key key;
	} commands[] = {
		{ 'x', KEY_END },        { 'b', KEY_BREAK },      { 'z', KEY_STOP },
		{ 'h', KEY_HELP },       { CTRL('a'), KEY_SEND }, { 'q', KEY_NONE },
		{ CTRL('c'), KEY_NONE },
	};
	struct keys keys = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_equal(keys_take(&keys, CTRL('a'), true), KEY_NONE);
		assert_int_equal(keys_take(&keys, commands[i].byte, true), commands[i].key);
		/* One key, no more. */
		assert_int_equal(keys_take(&keys,
					   commands[i].byte == CTRL('a') ? 'x' : commands[i].byte,
					   true),
				 KEY_SEND);
	}
}

static void who_does_not_listen_gets_no_ctrl_c(void **state)
{
	struct keys keys = { 0 };

	(void)state;
	assert_int_equal(keys_take(&keys, CTRL('c'), false), KEY_END);
	assert_int_equal(keys_take(&keys, CTRL('z'), false), KEY_STOP);
	assert_int_equal(keys_take(&keys, 'c', false), KEY_SEND);
}

/* Of who ignored the signals that these keys send elsewhere. */
static void ignored_signals_have_no_keys(void **state)
{
	struct keys keys = { .no_interrupt = true };

	(void)state;
	assert_int_equal(keys_take(&keys, CTRL('c'), false), KEY_SEND);
	assert_int_equal(keys_take(&keys, CTRL('z'), false), KEY_STOP);
	keys = (struct keys){ .no_stop = true };
	assert_int_equal(keys_take(&keys, CTRL('c'), false), KEY_END);
	assert_int_equal(keys_take(&keys, CTRL('z'), false), KEY_SEND);
	assert_int_equal(keys_take(&keys, CTRL('a'), false), KEY_NONE);
	assert_int_equal(keys_take(&keys, 'z', false), KEY_STOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_other_keys_are_the_guests),
		cmocka_unit_test(commands_follow_ctrl_a),
		cmocka_unit_test(who_does_not_listen_gets_no_ctrl_c),
		cmocka_unit_test(ignored_signals_have_no_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
