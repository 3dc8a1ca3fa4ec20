/* SPDX-License-Identifier: MIT */
/* RFC 8259's grammar, and nothing besides it. */
#include <ctype.h>
#include <string.h>

#include "fuzz.h"

#define MAX_DEPTH 16

struct text {
	const char *at, *end;
};

static char next(const struct text *text)
{
	return text->at < text->end ? *text->at : '\0';
}

static void blanks(struct text *text)
{
	while (next(text) && strchr(" \t\r\n", *text->at))
		text->at++;
}

static bool eat(struct text *text, const char *token)
{
	size_t length = strlen(token);

	if ((size_t)(text->end - text->at) < length || memcmp(text->at, token, length))
		return false;
	text->at += length;
	return true;
}

static bool digits(struct text *text)
{
	const char *start = text->at;

	while (isdigit((unsigned char)next(text)))
		text->at++;
	return text->at > start;
}

static bool number(struct text *text)
{
	eat(text, "-");
	if (!eat(text, "0") && !digits(text))
		return false;
	if (eat(text, ".") && !digits(text))
		return false;
	if (!eat(text, "e") && !eat(text, "E"))
		return true;
	if (!eat(text, "+"))
		eat(text, "-");
	return digits(text);
}

static bool escape(struct text *text)
{
	char kind = next(text);

	if (!kind || !strchr("\"\\/bfnrtu", kind))
		return false;
	text->at++;
	for (int i = 0; kind == 'u' && i < 4; i++) {
		if (!isxdigit((unsigned char)next(text)))
			return false;
		text->at++;
	}
	return true;
}

static bool string(struct text *text)
{
	if (!eat(text, "\""))
		return false;
	while (!eat(text, "\"")) {
		if (eat(text, "\\")) {
			if (!escape(text))
				return false;
		} else if (next(text) >= ' ' && next(text) <= '~') {
			text->at++;
		} else {
			return false;
		}
	}
	return true;
}

static bool value(struct text *text, int depth);

/* Of an array, or of an object if @names; what opens it has been eaten. */
static bool members(struct text *text, bool names, int depth)
{
	const char *close = names ? "}" : "]";

	blanks(text);
	if (eat(text, close))
		return true;
	do {
		blanks(text);
		if (names) {
			if (!string(text))
				return false;
			blanks(text);
			if (!eat(text, ":"))
				return false;
		}
		if (!value(text, depth))
			return false;
	} while (eat(text, ","));
	return eat(text, close);
}

static bool value(struct text *text, int depth)
{
	bool good;

	if (depth == MAX_DEPTH)
		return false;
	blanks(text);
	if (eat(text, "{"))
		good = members(text, true, depth + 1);
	else if (eat(text, "["))
		good = members(text, false, depth + 1);
	else if (next(text) == '"')
		good = string(text);
	else
		good = eat(text, "null") || eat(text, "true") || eat(text, "false") || number(text);
	blanks(text);
	return good;
}

bool json_valid(const char *text, size_t length)
{
	struct text all = { .at = text, .end = text + length };

	return value(&all, 0) && all.at == all.end;
}
