package demo

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
)

// Print says where the world is and how to enter it. base is the address of the front door, idp that of the demonstration
// providers, both without a slash at the end.
func Print(w io.Writer, base, idp string) error {
	world, err := embedded()
	if err != nil {
		return err
	}
	at, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("base address: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nLearnscape is at %s\n\n", base)
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, o := range world.Organizations {
		way := map[string]string{"oidc": "own provider, " + idp + "/" + o.Slug, "email": "link by email, shown in the outbox", "none": "invited, nobody signs in yet"}[o.SignIn]
		fmt.Fprintf(t, "  %s://%s.%s\t%s\t%s\t%s\n", at.Scheme, o.Slug, at.Host, o.Name, o.Kind, way)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString("\nSign in without a password, with one of these addresses in every house (learner@halden.example):\n\n")
	t = tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	// The addresses of the roles are the same everywhere, so that one row can name four people.
	houses := []string{"halden", "brightwater", "kestrel", "solvik", "nordhav"}
	fmt.Fprintf(t, "  \t%s\n", strings.Join(houses, "\t"))
	for _, key := range []string{"learner", "learner2", "author", "marketer", "moderator", "manager", "partners", "lead", "admin"} {
		fmt.Fprintf(t, "  %s@\t", key)
		for _, h := range houses {
			if _, p := world.person(key + "@" + h + ".example"); p != nil {
				fmt.Fprint(t, p.Name)
			}
			fmt.Fprint(t, "\t")
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString("\nPartners Brightwater and Kestrel do not know of each other. Aurora was invited on 10 November and has not answered.\n\n")
	_, err = io.WriteString(w, b.String())
	return err
}
