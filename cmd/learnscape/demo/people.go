package demo

import (
	"slices"

	"github.com/learnscape/learnscape/auth/demoop"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/secret"
)

// space is the name space of what the world derives its identifiers from.
const space = "learnscape/demo"

// Person is somebody who can sign in.
type Person struct {
	Org   string // slug
	Email string
	Name  string
	Title string
	Roles []string // besides learner
}

// People lists everybody who can sign in: those who left are not among them.
func People() ([]Person, error) {
	w, err := embedded()
	if err != nil {
		return nil, err
	}
	var out []Person
	for _, o := range w.Organizations {
		for _, p := range o.People {
			if !p.left() {
				out = append(out, Person{Org: o.Slug, Email: p.Email, Name: p.Name, Title: p.Title, Roles: slices.DeleteFunc(slices.Clone(p.Roles), func(r string) bool { return r == "learner" })})
			}
		}
	}
	return out, nil
}

// clientID is what every house of the world is called at its demonstration provider.
const clientID = "learnscape"

// clientSecret is no secret: the provider it is for asks nobody for a password and listens on loopback only.
func clientSecret(slug string) secret.Secret { return secret.Secret("demonstration-" + slug) }

// Issuers lists the demonstration providers that belong to the world, one for each organization that signs in with its own.
// redirect and logout say where such an organization's provider sends people back to, backChannel where it tells of sign-outs.
func Issuers(redirect, backChannel func(slug string, p id.Provider) string, logout func(slug string) string) ([]demoop.Issuer, error) {
	w, err := embedded()
	if err != nil {
		return nil, err
	}
	var out []demoop.Issuer
	for _, o := range w.Organizations {
		if o.SignIn != "oidc" {
			continue
		}
		i := demoop.Issuer{Slug: o.Slug, Name: o.Name + " sign-in", Clients: []demoop.Client{{
			ID: clientID, Secret: clientSecret(o.Slug).Reveal(), RedirectURIs: []string{redirect(o.Slug, providerID(o.Slug))}, LogoutURIs: []string{logout(o.Slug)},
			BackChannelURI: backChannel(o.Slug, providerID(o.Slug)),
		}}}
		for _, p := range o.People {
			if !p.left() {
				i.People = append(i.People, demoop.Person{Email: p.Email, Name: p.Name, Title: p.Title})
			}
		}
		out = append(out, i)
	}
	return out, nil
}

func orgID(slug string) id.Org            { return id.Derive[id.Org](space, slug) }
func providerID(slug string) id.Provider  { return id.Derive[id.Provider](space, slug+"/provider") }
func memberID(email string) id.Membership { return id.Derive[id.Membership](space, email) }
func personID(email string) id.Person     { return id.Derive[id.Person](space+"/person", email) }
func collID(org, slug string) id.Collection {
	return id.Derive[id.Collection](space, org+"/collection/"+slug)
}

func itemID(org, kind, slug string) id.Item {
	return id.Derive[id.Item]("learnscape/item", org+"/"+kind+"/"+slug)
}
