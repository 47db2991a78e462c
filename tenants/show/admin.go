package show

import (
	"context"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
)

// AdminTabs are the pages of an organization's administration; current is the address of the one that is shown.
func AdminTabs(ctx context.Context, current string) []ui.Link {
	tabs := []ui.Link{
		{Label: lang.T(ctx, "setup.tab"), Href: "/admin/setup"},
		{Label: lang.T(ctx, "tenants.admin.people"), Href: "/admin/people"},
		{Label: lang.T(ctx, "tenants.admin.sign_in"), Href: "/admin/sign-in"},
		{Label: lang.T(ctx, "team.tab"), Href: "/admin/teams"},
		{Label: lang.T(ctx, "domains.title"), Href: "/admin/domains"},
		{Label: lang.T(ctx, "brand.title"), Href: "/admin/brand"},
		{Label: lang.T(ctx, "house.tab"), Href: "/admin/organization"},
		{Label: lang.T(ctx, "audit.tab"), Href: "/admin/audit"},
		{Label: lang.T(ctx, "operator.here.tab"), Href: "/admin/operators"},
		{Label: lang.T(ctx, "token.tab"), Href: "/admin/tokens"},
	}
	for i := range tabs {
		tabs[i].Current = tabs[i].Href == current
	}
	return tabs
}
