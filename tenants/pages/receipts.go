package pages

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

// said is a note that came with a version.
type said struct {
	Org        ui.Org
	Who, Text  string
	When, At   string
	Version    int
	FromViewer bool
}

func (v agreementView) notes(ctx context.Context) []said {
	var list []tenants.Version
	if v.Proposed != nil {
		list = append(list, *v.Proposed)
	}
	if v.InForce != nil {
		list = append(list, *v.InForce)
	}
	list = append(list, v.Earlier...)
	var out []said
	for _, e := range list {
		if strings.TrimSpace(e.Note) == "" || len(out) == 5 {
			continue
		}
		s := said{Org: v.Them, Who: v.Other.Name, Text: e.Note, When: lang.Ago(ctx, v.Now, e.Created), At: e.Created.Format(time.RFC3339), Version: e.Number}
		if e.Mine {
			s.Org, s.Who, s.FromViewer = v.Own, lang.T(ctx, "tenants.you"), true
		}
		out = append(out, s)
	}
	return out
}

// receipts are what happened, newest first, from the versions and the own log.
func (v agreementView) receipts(ctx context.Context) []ui.TimelineRow {
	type event struct {
		at   time.Time
		us   bool
		text string
	}
	var all []event
	names := map[string]string{} // who of us did it, by action and second
	at := func(action string, t time.Time) string { return action + t.UTC().Format(time.RFC3339) }
	for _, r := range v.Log {
		if r.ByUs && r.Name != "" {
			names[at(r.Action, r.At)] = r.Name
		}
		switch {
		case r.Action == "connection.lapsed" || r.Action == "connection.closed":
			// Neither side did it: it stands with the own sign.
			all = append(all, event{r.At, true, v.receipt(ctx, r.Action, false, "", 0)})
		case strings.HasPrefix(r.Action, "connection.") && r.Action != "connection.made":
			all = append(all, event{r.At, r.ByUs, v.receipt(ctx, r.Action, r.ByUs, r.Name, 0)})
		case strings.HasPrefix(r.Action, "joint."):
			all = append(all, event{r.At, r.ByUs, v.together(ctx, r)})
		}
	}
	versions := slices.Clone(v.Earlier)
	for _, x := range []*tenants.Version{v.Proposed, v.InForce} {
		if x != nil {
			versions = append(versions, *x)
		}
	}
	for _, x := range versions {
		if signed := x.SignedUs; x.SignedUs != nil && x.SignedBy != nil {
			us := x.SignedUs.After(*x.SignedBy)
			if !us {
				signed = x.SignedBy
			}
			all = append(all, event{*signed, us, v.receipt(ctx, "agreement.signed", us, names[at("agreement.signed", *signed)], x.Number)})
		}
		if x.Decided != nil && (x.State == "declined" || x.State == "withdrawn") {
			us := x.Mine == (x.State == "withdrawn")
			all = append(all, event{*x.Decided, us, v.receipt(ctx, "agreement."+x.State, us, names[at("agreement."+x.State, *x.Decided)], x.Number)})
		}
		// Last, because of two that happened at once the later stands above.
		all = append(all, event{x.Created, x.Mine, v.receipt(ctx, "agreement.proposed", x.Mine, names[at("agreement.proposed", x.Created)], x.Number)})
	}
	slices.SortStableFunc(all, func(a, b event) int { return b.at.Compare(a.at) })
	var out []ui.TimelineRow
	for _, e := range all[:min(len(all), 20)] {
		org := v.Them
		if e.us {
			org = v.Own
		}
		out = append(out, ui.TimelineRow{Org: org, Text: e.text, When: lang.Ago(ctx, v.Now, e.at), At: e.at.Format(time.RFC3339)})
	}
	return out
}

func (v agreementView) receipt(ctx context.Context, action string, us bool, name string, version int) string {
	return lang.T(ctx, "tenants.log."+action, "Who", v.who(ctx, us, name), "Version", strconv.Itoa(version))
}

// together is a move of what both say on a path.
func (v agreementView) together(ctx context.Context, r tenants.Receipt) string {
	title := r.Title
	if title == "" {
		title = lang.T(ctx, "eyes.receipt.path_gone")
	}
	return lang.T(ctx, "eyes.receipt."+r.Action, "Who", v.who(ctx, r.ByUs, r.Name), "Version", strconv.Itoa(r.Version), "Path", title)
}

// who is the other organization, or of the own one the member who did it.
func (v agreementView) who(ctx context.Context, us bool, name string) string {
	switch {
	case !us:
		return v.Other.Name
	case name != "":
		return name
	}
	return lang.T(ctx, "tenants.you")
}

// fingerprint is the beginning and the end of what is signed, as people compare it.
func fingerprint(h [32]byte) string {
	s := hex.EncodeToString(h[:])
	return s[:4] + " " + s[4:8] + " … " + s[60:]
}
