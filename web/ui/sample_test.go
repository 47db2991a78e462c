package ui_test

import "github.com/learnscape/learnscape/web/ui"

// Invented sample content for the kit.
var (
	halden      = ui.Org{ID: "1", Slug: "halden", Name: "Halden Systems", Short: "Ha", Hue: 262, Chroma: .15}
	brightwater = ui.Org{ID: "2", Slug: "brightwater", Name: "Brightwater Consulting", Short: "Bw", Hue: 178, Chroma: .085}
	solvik      = ui.Org{ID: "3", Slug: "solvik", Name: "Solvik Dairy", Short: "So", Hue: 52, Chroma: .125}
	kestrel     = ui.Org{ID: "4", Slug: "kestrel", Name: "Kestrel Automation", Short: "Ke", Hue: 22, Chroma: .15}
	meridian    = ui.Org{ID: "5", Slug: "meridian", Name: "Meridian Integrators", Short: "Me", Hue: 322, Chroma: .12}
	aurora      = ui.Org{ID: "6", Slug: "aurora", Name: "Aurora Foods", Short: "Au", Hue: 135, Chroma: .12}
	nordhav     = ui.Org{ID: "7", Slug: "nordhav", Name: "Nordhav Logistics", Short: "No", Hue: 100, Chroma: .105}

	mara   = ui.Person{Name: "Mara Lindqvist", Org: brightwater}
	tomas  = ui.Person{Name: "Tomás Ibarra", Org: kestrel}
	ingrid = ui.Person{Name: "Ingrid Solheim", Org: solvik, Role: "Shift lead"}
	lena   = ui.Person{Name: "Lena Fischer", Org: brightwater}
	owen   = ui.Person{Name: "Owen Pryce", Org: brightwater}
	adaeze = ui.Person{Name: "Adaeze Obi", Org: nordhav}
	yuki   = ui.Person{Name: "Yuki Tanaka", Org: meridian}
	renske = ui.Person{Name: "Renske Nijland", Org: halden, Role: "Partner enablement"}
	dami   = ui.Person{Name: "Dami Adeyemi", Org: meridian}
)

func signedIn(title, current string) ui.PageProps {
	return ui.PageProps{
		Title: title, Org: brightwater, SubLine: "on the Halden network", BrandCSS: "/brand/brightwater.css",
		Viewer: &ui.Viewer{Name: mara.Name, Org: brightwater, ProfileHref: "/me", SettingsHref: "/me/settings", NotificationsHref: "/me/notifications", Unread: 3, CreateHref: "/publish", Links: []ui.Link{{Label: "Help", Href: "/help", Icon: "circle-question-mark"}}},
		Nav: []ui.NavItem{
			{Key: "home", Label: "Home", Href: "/home", Icon: "house", Phone: true, Current: current == "home"},
			{Key: "learn", Label: "Learn", Href: "/learn", Icon: "graduation-cap", Phone: true, Current: current == "learn"},
			{Key: "community", Label: "Community", Href: "/spaces", Icon: "messages-square", Phone: true, Current: current == "community"},
			{Key: "network", Label: "Network", Href: "/network", Icon: "network"},
		},
		Path: "/" + current,
	}
}

func visitor(title, current string) ui.PageProps {
	academy := halden
	academy.Name = "Halden Academy"
	return ui.PageProps{
		Title: title, Description: "Learn with the people who run it.", Org: academy, BrandCSS: "/brand/halden.css",
		Nav: []ui.NavItem{
			{Key: "paths", Label: "Paths", Href: "/paths", Current: current == "paths"},
			{Key: "questions", Label: "Questions", Href: "/questions"},
			{Key: "stories", Label: "Stories", Href: "/stories", Current: current == "stories"},
			{Key: "labs", Label: "Live labs", Href: "/labs"},
			{Key: "partners", Label: "For partners", Href: "/for-partners"},
		},
		Path: "/", FooterText: "Halden Academy, open to everyone. Content stays owned by the organization that wrote it.",
		Footer: []ui.Link{{Label: "Accessibility", Href: "/accessibility"}, {Label: "Privacy", Href: "/privacy"}},
	}
}

func segments(kv ...any) []ui.Segment {
	var out []ui.Segment
	for i := 0; i < len(kv); i += 2 {
		org, isOrg := kv[i].(ui.Org)
		size, isSize := kv[i+1].(int)
		if isOrg && isSize {
			out = append(out, ui.Segment{Org: org, Size: size})
		}
	}
	return out
}
