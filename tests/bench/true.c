/* SPDX-License-Identifier: MIT */
/* What fork, exec and exit of a static program cost alone. */
int main(void)
{
	return 0;
}
