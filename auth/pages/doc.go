// Package pages is what auth shows and hears: the middleware that turns host and cookies into a scope, the sign-in pages of
// the front door and of an organization's host, the way to a provider and back, one-time links, signing out, the language
// switch, and the administrator's page about sign-in. It holds no rule of its own: those are in package auth.
package pages
