// Package mail imports a room.
package mail

import _ "github.com/learnscape/learnscape/tenants" // want depguard
