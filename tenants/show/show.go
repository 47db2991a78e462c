// Package show turns what every room shows of tenants into what the design system takes, for the pages of all rooms.
package show

import (
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

// LogoURL is where an organization's logo is, "" if it has none. The address says nothing of whose it is.
func LogoURL(o tenants.Organization) string {
	if o.Logo == "" {
		return ""
	}
	return "/logo/" + o.Logo + ".png"
}

// Org is an organization with its provenance colours.
func Org(o tenants.Organization) ui.Org {
	return ui.Org{ID: o.OrgID.String(), Slug: o.Slug, Name: o.Name, Short: o.Short, Hue: o.Hue, Chroma: o.Chroma}
}
