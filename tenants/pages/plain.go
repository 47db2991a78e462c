package pages

import (
	"context"
	"unicode"

	"github.com/learnscape/learnscape/tenants"
)

// Opening says what may be done with a collection, by how many and until when.
func Opening(ctx context.Context, o tenants.Opening) string { return opening(ctx, o) }

// Finish says how long those in mid-course may finish.
func Finish(ctx context.Context, days int) string { return finish(ctx, days) }

// Until says on which day terms end by themselves.
func Until(ctx context.Context, day string) string { return until(ctx, day) }

// Plain says terms in at most three sentences to the side that gives ours and receives theirs from the organization; "" for whoever is
// offered them.
func Plain(ctx context.Context, org string, ours, theirs tenants.Half) []string {
	who := partyOf(org)
	if org == "" {
		who = everyPartner(ctx)
	}
	for _, h := range []*tenants.Half{&ours, &theirs} {
		if h.Learns == "" {
			h.Learns = tenants.LearnsNothing
		}
		if h.Meet == "" {
			h.Meet = tenants.MeetByName
		}
	}
	return plainWords(ctx, who, ours, theirs)
}

// Sentences begins each sentence with a capital, where words stand in the place of a name.
func Sentences(s string) string {
	r := []rune(s)
	for i := range r {
		if i == 0 || i > 1 && r[i-1] == ' ' && r[i-2] == '.' {
			r[i] = unicode.ToUpper(r[i])
		}
	}
	return string(r)
}
