// Package community imports what stands right of it.
package community

import _ "github.com/learnscape/learnscape/search" // want depguard
