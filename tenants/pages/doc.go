// Package pages is what tenants shows: for now the administrator's list of people. It holds no rule of its own.
package pages
