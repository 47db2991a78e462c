// Package marketing imports what stands right of it.
package marketing

import _ "github.com/learnscape/learnscape/community" // want depguard
