// Package tenants imports what stands right of it.
package tenants

import _ "github.com/learnscape/learnscape/auth" // want depguard
