package courses

import (
	"context"
	"testing"
)

func TestSerial(t *testing.T) { // want paralleltest
	_ = context.Background() // want usetesting
	assist(t)
}

func assist(t *testing.T) { // want thelper
	t.Log("x")
}
