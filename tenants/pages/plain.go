package pages

import (
	"context"

	"github.com/learnscape/learnscape/tenants"
)

// Plain says terms in at most three sentences to the side that gives ours and receives theirs from the organization.
func Plain(ctx context.Context, org string, ours, theirs tenants.Half) []string {
	for _, h := range []*tenants.Half{&ours, &theirs} {
		if h.Learns == "" {
			h.Learns = tenants.LearnsNothing
		}
		if h.Meet == "" {
			h.Meet = tenants.MeetByName
		}
	}
	return plainWords(ctx, org, ours, theirs)
}
