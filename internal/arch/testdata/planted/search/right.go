// Package search imports what stands right of it.
package search

import _ "github.com/learnscape/learnscape/cmd/learnscape/portal" // want depguard
