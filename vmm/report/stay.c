/* SPDX-License-Identifier: MIT */
#include "report/stay.h"

static bool moved(const struct stay *stay, const struct spot *now)
{
	return now->moves != stay->since.moves || now->moves & 1 ||
	       now->switches != stay->since.switches;
}

void stays_hop(struct stays *stays, const struct spot *before, const struct spot *after)
{
	stays->record.pmus |= before->pmu;
	stays->hop = (struct stay){ *after, 0 };
}

bool stays_window(struct stays *stays, const struct spot *end, bool after_hop, unsigned *pmus)
{
	const struct stay *stay = after_hop ? &stays->hop : &stays->record;
	bool left = moved(stay, end) || (!after_hop && stays->moved);

	stays->record.pmus |= end->pmu;
	stays->hop.pmus |= end->pmu;
	*pmus = stay->pmus;
	stays->moved = moved(&stays->record, end);
	stays->record = (struct stay){ *end, end->pmu };
	return !left && !(*pmus & (*pmus - 1));
}
