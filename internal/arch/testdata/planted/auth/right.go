// Package auth imports what stands right of it.
package auth

import _ "github.com/learnscape/learnscape/courses" // want depguard
